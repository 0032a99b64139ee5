# SPDX-License-Identifier: GPL-2.0-or-later
"""Write the replies to patch series: show them, keep them as drafts, or send them.

Without a flag the mails are shown and nothing is stored.  What the outbox
knows counts all the same, so that what is shown is what would be kept.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.answer import Answer, answerable, answers
from bot.commands.output import tell, write_mbox
from bot.commands.review import (
    add_revision_flags,
    add_rule_flags,
    options_of,
    settings_of,
)
from bot.config import Settings
from bot.errors import BotError
from bot.outbox.place import is_there
from bot.outgoing import Action, State
from bot.render.plain import escape, one_line
from bot.setup import Setup, run_of
from bot.sources import SourceOptions, open_thread, postings_of

if TYPE_CHECKING:
    from bot.attest import Attest
    from bot.store import Store

__all__ = ["add", "run"]


def add(parser: ArgumentParser) -> None:
    """Name the flags of `revokebot reply`."""
    parser.add_argument(
        "sources", nargs="+", metavar="SOURCE",
        help="as for `revokebot review`; replies in it count, so give whole threads",
    )  # fmt: skip
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--draft", action="store_true", help="put the replies into the outbox")
    what.add_argument(
        "--send", action="store_true",
        help="put them there, approve what the policy leaves to you, and send what is due",
    )  # fmt: skip
    what.add_argument("--to-mbox", metavar="FILE", help="write the mails to an mbox")
    add_revision_flags(parser)
    add_rule_flags(parser)


def run(args: Namespace) -> int:
    """Answer all sources; return the highest exit status that applies."""
    settings = settings_of(args)
    options = options_of(args, settings)._replace(older=not args.no_newer)
    keeping = args.draft or args.send
    if not keeping and not is_there(settings.store):
        return _show_all(args, settings, options, None)
    # Only now, because it is slow to load.
    from bot.store import Store

    if not keeping:
        with Store.open(settings.store) as store:
            return _show_all(args, settings, options, store)
    from bot.commands.sending import send_due
    from bot.sending import may_send

    if args.send:
        may_send(settings)
    status = 0
    with Store.open(settings.store) as store:
        look = _attest(settings)
        for answer in _answers(args.sources, settings, options, store, look):
            if isinstance(answer, BotError):
                status = max(status, answer.status)
            else:
                _keep(answer, store, approve=args.send)
        return max(status, send_due(settings, store)) if args.send else status


def _show_all(
    args: Namespace, settings: Settings, options: SourceOptions, store: Store | None
) -> int:
    """Print the mails, or write them to the mbox."""
    status = 0
    mails: list[bytes] = []
    for answer in _answers(args.sources, settings, options, store):
        if isinstance(answer, BotError):
            status = max(status, answer.status)
            continue
        if args.to_mbox:
            written = (reply for reply, _verdict in answer.replies)
            kept, left_out = answerable(written, answer.review, settings)
            tell((), left_out)
            mails += (reply.raw for reply in kept)
        else:
            print("\n".join(_shown(answer)))
    if args.to_mbox:
        write_mbox(args.to_mbox, mails)
    return status


def _shown(answer: Answer) -> Iterator[str]:
    """The mails of one series, each below the policy's verdict, then what is not said."""
    for reply, verdict in answer.replies:
        yield f"# {verdict.action.value}: {one_line(verdict.reason)}"
        reasons: dict[str, list[str]] = {}
        for email, reason in reply.recipients.left_out:
            reasons.setdefault(reason, []).append(one_line(email))
        for reason, emails in reasons.items():
            yield f"# not to {', '.join(emails)}: {reason}"
        yield escape(reply.raw.decode("utf-8", "replace"))
    if not answer.replies:
        yield f"# nothing to say of {one_line(answer.review.posting.series.subject)}"
    told = [entry for reply, _verdict in answer.replies for entry in reply.gone]
    for entry in answer.entries:
        if not entry.spoken and entry not in told:
            place = f"{entry.finding.rule} in {entry.finding.file}"
            yield f"# not said, {entry.status}: {one_line(f'{place}: {entry.reason}')}"


def _keep(answer: Answer, store: Store, *, approve: bool) -> None:
    """Store review and replies in one transaction, and say where they are."""
    now = datetime.now(UTC)
    kept = [reply.judged(verdict, answer.dkim[reply.parent]) for reply, verdict in answer.replies]
    ids = store.record(answer.review, answer.entries, kept, now)
    for msgid in answer.older:
        revision = answer.review.posting.series.revision
        store.discard_for(msgid, now, f"revision {revision} has come")
    for number, (_reply, verdict) in zip(ids, answer.replies, strict=True):
        draft = store.draft(number)
        if approve and verdict.action is Action.DRAFT and draft.state is State.DRAFT:
            store.approve(number, now)
            draft = store.draft(number)
        # The verdict is that of a new reply; one that was there has its own reason.
        print(f"{number} {draft.state.value}: {one_line(draft.reason)}")


def _attest(settings: Settings) -> Attest:
    """What looks at signatures; it asks name servers, which nobody does to show a reply."""
    from bot.attest import attest

    return attest(settings.dkim)


def _answers(
    sources: Sequence[str],
    settings: Settings,
    options: SourceOptions,
    store: Store | None,
    look: Attest | None = None,
) -> Iterator[Answer | BotError]:
    """The answers to every source; an error in one is told and does not stop the others."""
    setup = Setup.of(settings)
    now = datetime.now(UTC)
    run = run_of(setup, settings, now, store, look)
    for source in sources:
        try:
            raws, postings = open_thread(source, options)
            chosen = postings_of(source, postings, options)
            for answer in answers(raws, postings, chosen, run):
                tell(answer.review.errors, answer.refused)
                yield answer
        except BotError as err:
            print(f"revokebot: {one_line(str(err))}", file=sys.stderr)
            yield err
