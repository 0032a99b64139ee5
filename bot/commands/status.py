# SPDX-License-Identifier: GPL-2.0-or-later
"""Show how the watcher does and what needs a person, or what became of one mail.

It only reads the store, of this machine or of all that share it, and sees whether it could write.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bot.config import Settings, load
from bot.errors import BotError, UsageError
from bot.hiding import without_logins
from bot.incoming import Kind, Stage
from bot.outbox.place import is_there
from bot.overview import Need, Overview, Traced, ago, needs
from bot.render.plain import one_line

if TYPE_CHECKING:
    from bot.outbox.overview import Onlooker

__all__ = ["EXIT_STATUS", "add", "run"]

EXIT_STATUS = """\
exit status:
  0  all is well
  1  something needs a person
  2  bad usage or configuration, or the store can't be read
"""
SCHEMA = "revokebot.status/1"
KINDS = {
    Kind.PATCH: "a patch", Kind.REPLY: "a mail without a patch", Kind.ORDER: "a mail with an order",
    Kind.GHOST: "only named by others",
}  # fmt: skip
QUIET = "no word of any rule stands in it, so nothing of it is reviewed"


def add(parser: ArgumentParser) -> None:
    """Name the flags of `revokebot status`."""
    parser.add_argument("mail", nargs="?", metavar="MSGID", help="a mail: what became of it")
    parser.add_argument("--format", choices=("text", "json"), default="text")


def run(args: Namespace) -> int:
    """Print it; return 1 when something needs a person."""
    settings = load(args.config)
    if not is_there(settings.store):
        raise UsageError("there is no store yet; `revokebot watch` makes it")
    from bot.outbox.overview import Onlooker

    now = datetime.now(UTC)
    with Onlooker.open(settings.store) as store:
        if args.mail is not None:
            return _mail(store.trace(_msgid(args.mail)), args, now)
        overview = store.look(now)._replace(muted=store.muted(settings.policy, now))
        wanted = (*_unusable(store), *needs(overview, settings, now))
    if args.format == "json":
        print(json.dumps(_plain(overview, wanted, now), indent=2))
    else:
        for line in _lines(overview, wanted, settings, now):
            print(one_line(without_logins(line)))
    return 1 if wanted else 0


def _unusable(store: Onlooker) -> Iterator[Need]:
    """Why nothing can be written, as on a full disk, which also keeps incidents from being so."""
    try:
        store.usable()
    except BotError as err:
        yield Need("store", str(err).removeprefix("store "))


def _msgid(text: str) -> str:
    from bot.sources.msgid import parse_target

    return parse_target(text).msgid


def _lines(
    overview: Overview, wanted: tuple[Need, ...], settings: Settings, now: datetime
) -> Iterator[str]:
    yield "all is well" if not wanted else f"{len(wanted)} need a person:"
    for need in wanted:
        yield f"  {_at(need.place, need.words)}"
    yield "inboxes:" if overview.inboxes else "inboxes: none was looked at yet"
    for one in overview.inboxes:
        looked = f"read {ago(one.looked, now)}" if one.looked else "never read"
        error = one.error.removeprefix(f"{one.name}: ")
        failing = f", {one.failures} looks failed since: {error}" if one.failures else ""
        left = "" if one.name in settings.watch.inboxes else ", no longer watched from here"
        yield f"  {one.name}: {looked}, {one.mails} mails in all{failing}{left}"
    waits = f"; due {ago(overview.oldest_due, now)}: the oldest" if overview.oldest_due else ""
    yield f"threads: {_counts(overview.threads)}{waits}"
    yield f"series:  {_counts(overview.series)}"
    yield f"replies: {_counts(overview.replies)}"
    yield f"orders:  {_counts(overview.orders)} (`revokebot queue orders`)"
    if overview.stopped is not None:
        yield f"sending is stopped: {overview.stopped}; `revokebot queue start` lets replies go"
    yield from (f"{words}; `revokebot rules {rule}`" for rule, words in overview.muted.items())
    yield "went wrong lately:" if overview.incidents else "nothing went wrong lately"
    for incident in overview.incidents:
        where = _at(incident.place, incident.words)
        yield f"  {_when(incident.moment)} {incident.kind}, {where}"


def _at(place: str, words: str) -> str:
    """What happened where; many words name the place themselves."""
    return words if words.startswith(f"{place}: ") else f"{place}: {words}"


def _counts(numbers: Any) -> str:
    return ", ".join(f"{number} {name}" for name, number in numbers.items()) or "none"


def _when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _mail(traced: Traced | None, args: Namespace, now: datetime) -> int:
    if traced is None:
        raise UsageError(
            f"nothing is known of <{_msgid(args.mail)}>; it came through no inbox that is "
            "watched, or is forgotten; `revokebot reply` looks at it"
        )
    if args.format == "json":
        print(json.dumps({"schema": SCHEMA, "mail": _jsonable(traced)}, indent=2))
    else:
        for line in _mail_lines(traced, now):
            print(one_line(without_logins(line)))
    return 1 if traced.stage == Stage.PARKED else 0


def _mail_lines(traced: Traced, now: datetime) -> Iterator[str]:
    yield f"mail:    <{traced.msgid}>"
    if traced.kind:
        came = f"came {_when(traced.arrived)}" if traced.arrived else "has not come"
        place = f" from {traced.inbox}" if traced.inbox else ""
        yield f"         {KINDS[Kind(traced.kind)]}, {came}{place}"
        due = f", due {ago(traced.due, now)}" if traced.due and traced.stage == Stage.DUE else ""
        reason = traced.reason or (QUIET if traced.stage == Stage.QUIET else "")
        why = f": {reason}" if reason else ""
        yield f"thread:  {traced.thread}, {traced.stage}{due}{why}"
    if traced.stage == Stage.PARKED:
        yield f"         `revokebot watch --retry {traced.msgid}` reviews it again"
    for course in traced.courses:
        yield f"series:  <{course.msgid}> {course.subject}"
        until = f", until {_when(course.until)}" if course.until else ""
        yield f"         v{course.revision}, {course.parts} mails for {course.total} patches"
        yield f"         {course.fate}: {course.reason}{until}"
    if traced.reviewed is not None:
        yield f"review:  {_when(traced.reviewed)}, {traced.findings} findings"
    for error in traced.errors:
        yield f"         error: {error}"
    for reply in traced.replies:
        yield f"reply:   {reply.id} {reply.state} since {_when(reply.changed)}: {reply.reason}"
        yield f"         answers <{reply.parent}>; `revokebot queue show {reply.id}`"
    for order in traced.orders:
        yield f"order:   {order}"
    if traced.reviewed is not None and not traced.replies:
        yield "reply:   none; there was nothing to say"


def _plain(overview: Overview, wanted: tuple[Need, ...], now: datetime) -> dict[str, object]:
    """What `--format json` prints."""
    needed = [need._asdict() for need in wanted]
    return {"schema": SCHEMA, "now": now.isoformat(), "needs": needed, **_jsonable(overview)}


def _jsonable(value: Any) -> Any:
    """Named tuples as objects, moments in ISO 8601."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {key: _jsonable(part) for key, part in value._asdict().items()}
    if isinstance(value, tuple):
        return [_jsonable(part) for part in value]
    if isinstance(value, str):
        return without_logins(value)
    return value.isoformat() if isinstance(value, datetime) else value
