# SPDX-License-Identifier: GPL-2.0-or-later
"""Write the replies to patch series: show them, keep them as drafts, or send them.

Without a flag the mails are shown and nothing is stored.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from bot.answer import Answer, SentSoFar, answers
from bot.commands.review import Setup, add_rule_flags, settings_of
from bot.config import Settings
from bot.errors import BotError, UsageError
from bot.outgoing import Action, State
from bot.policy import Sent
from bot.render.mail import mboxrd
from bot.render.plain import escape, one_line
from bot.sources import SourceOptions, open_thread, postings_of

if TYPE_CHECKING:
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
    parser.add_argument("--revision", type=int, metavar="N", help="answer revision N")
    parser.add_argument("--no-newer", action="store_true", help="do not ask for newer revisions")
    add_rule_flags(parser)


def run(args: Namespace) -> int:
    """Answer all sources; return the highest exit status that applies."""
    if args.revision is not None and args.revision < 1:
        raise UsageError(f"--revision {args.revision}: revisions start at 1")
    settings = settings_of(args)
    if not (args.draft or args.send):
        return _show_all(args, settings)
    from bot.commands.sending import may_send, send_due
    from bot.store import Store

    if args.send:
        may_send(settings)
    with Store.open(settings.store) as store:
        status = 0
        for answer in _answers(args, settings, store):
            if isinstance(answer, BotError):
                status = max(status, answer.status)
            else:
                _keep(answer, store, approve=args.send)
        if args.send:
            for draft in send_due(settings, store):
                print(f"{draft.id} {draft.state}: {one_line(draft.reason)}")
                status = max(status, 3 if draft.state is State.FAILED else 0)
    return status


def _show_all(args: Namespace, settings: Settings) -> int:
    """Print the mails, or write them to the mbox."""
    status = 0
    mbox: list[bytes] = []
    for answer in _answers(args, settings, None):
        if isinstance(answer, BotError):
            status = max(status, answer.status)
            continue
        for reply, verdict in answer.replies:
            mbox.append(mboxrd(reply))
            if not args.to_mbox:
                words = f"{verdict.action.value}: {verdict.reason}"
                print(f"# {one_line(words)}\n{escape(reply.raw.decode('utf-8', 'replace'))}")
        if not answer.replies and not args.to_mbox:
            print(f"# nothing to say of {one_line(answer.review.posting.series.subject)}")
        for entry in answer.entries:
            if entry.status not in ("new", "standing") and not args.to_mbox:
                place = f"{entry.finding.rule} in {entry.finding.file}"
                print(f"# not said, {entry.status}: {one_line(place)}: {one_line(entry.reason)}")
    if args.to_mbox:
        with open(args.to_mbox, "wb") as file:
            file.write(b"".join(mbox))
    return status


def _keep(answer: Answer, store: Store, *, approve: bool) -> None:
    """Store review and replies in one transaction, and say where they are."""
    now = datetime.now(UTC)
    kept = [(r.envelope, r.parent, r.subject, verdict) for r, verdict in answer.replies]
    ids = store.record(answer.review, answer.entries, kept, now)
    for number, (_reply, verdict) in zip(ids, answer.replies, strict=True):
        if approve and verdict.action is Action.DRAFT:
            if store.draft(number).state is State.DRAFT:
                store.approve(number, now)
            verdict = verdict._replace(action=Action.SEND, reason="approved by --send")
        print(f"{number} {store.draft(number).state}: {one_line(verdict.reason)}")


def _answers(
    args: Namespace, settings: Settings, store: Store | None
) -> Iterator[Answer | BotError]:
    """The answers to every source; an error in one is told and does not stop the others."""
    from bot.commands.sending import sent_so_far

    setup = Setup.of(settings)
    now = datetime.now(UTC)
    sent: SentSoFar = _nothing_yet if store is None else partial(sent_so_far, store, now)
    options = SourceOptions(
        revision=args.revision,
        newer=not args.no_newer,
        tree=settings.review.tree,
        archive=settings.archive,
    )
    for source in args.sources:
        try:
            raws, postings = open_thread(source, options)
            chosen = postings_of(source, postings, options)
            for answer in answers(raws, postings, chosen, setup.review, settings, now, sent):
                _tell(answer)
                yield answer
        except BotError as err:
            print(f"revokebot: {one_line(str(err))}", file=sys.stderr)
            yield err


def _nothing_yet(_author: str, _lists: Sequence[str]) -> tuple[Sent, Mapping[str, Sent], Sent]:
    """Without an outbox nothing was sent from it."""
    return Sent(), {}, Sent()


def _tell(answer: Answer) -> None:
    """What could not be read or answered, on standard error."""
    for problem in answer.review.errors:
        text = f"{problem.where}: {problem.message} [{problem.kind}]"
        print(f"revokebot: {one_line(text)}", file=sys.stderr)
    for reason in answer.refused:
        print(f"revokebot: {one_line(reason)}", file=sys.stderr)
