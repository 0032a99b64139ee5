# SPDX-License-Identifier: GPL-2.0-or-later
"""Look at one thread: put its series together, review what is new, answer, keep it all at once.

Where mails of a thread have not come, or older revisions of a series, b4 asks
the archive for them; but only when there is something to say, and once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from bot.answer import Answer, answers
from bot.config import Settings
from bot.errors import ArchiveError
from bot.incoming import Reviewed, Task, Worked
from bot.model import Posting, Review
from bot.orders.model import Heard
from bot.orders.parse import may_have_order
from bot.outgoing import Action
from bot.setup import Setup, run_of
from bot.sources.lineage import keys_of, line_of, lineages
from bot.sources.mail import read_mail
from bot.sources.series import assemble
from bot.watch.glance import Glancer
from bot.watch.plan import Plan, plan
from checks.api import Problem

if TYPE_CHECKING:
    from bot.attest import Attest
    from bot.watched import Watched

__all__ = ["Done", "Workshop"]

DNS_WAIT = timedelta(minutes=5)
"""Before name servers are asked again about the signature of an order."""
LONGEST_FIRST_WAIT = timedelta(minutes=1)
"""Before the archive is asked again; each further time it is twice as long."""


class Done(NamedTuple):
    """What came of looking at a thread."""

    outcome: str
    """`done`; `stale`: a mail came meanwhile; `lost`: another process has it; `asked`: it is due
    again, with what the archive told; `waiting` for the archive."""
    reviewed: int = 0
    """Series."""
    replies: int = 0
    msgid: str = ""
    """Bare message-id of a series of it."""
    words: str = ""
    orders: int = 0
    """Lines in mails that were heard for the first time, obeyed or not."""


class Workshop(NamedTuple):
    """All that looking at threads needs, the same for each."""

    store: Watched
    settings: Settings
    setup: Setup
    glance: Glancer
    review: Callable[[Posting], Review]
    look: Attest | None
    fetch: Callable[[str], Sequence[bytes]]
    """Gives the thread of a message-id, and those of its other revisions (`bot.sources.archive`).
    Raises ArchiveError."""
    hear: Callable[[Sequence[bytes], datetime], Sequence[Heard]]
    """Obeys the orders in mails, in order of arrival (`bot.orders.obey`)."""
    clock: Callable[[], datetime]
    """Gives aware times."""

    def work(self, number: int, owner: str) -> Done:
        """Look at the thread `number`, which `owner` has claimed.

        Raises BotError where the store can't be used; then nothing is kept.
        """
        task = self.store.load(number, owner)
        if task is None:
            return Done("lost")
        now = self.clock()
        # First, so that what somebody does not want to hear is not written.
        heard = self._hear(task, now)
        recheck = frozenset(one.recheck for one in heard if one.recheck)
        todo = self._plan(task, now, recheck)
        keys = frozenset(key for one in todo.fated for key in one.keys)
        if todo.chosen and not keys <= task.keys:
            task = self.store.load(number, owner, keys)
            if task is None:
                return Done("lost")
            todo = self._plan(task, now, recheck)
        for msgid in recheck.difference(task.own):  # the order may be in another thread
            self.store.retry_thread(msgid, now, anew=True, besides=task.thread)
        made = self._answers(task, todo, now)
        if any(map(_speaks, made)) and (cut := self._cut(task, todo)):
            try:
                return self._ask(task, cut, now)
            except ArchiveError as err:
                if task.waits + 1 < self.settings.watch.attempts:
                    return self._later(task, cut, err, now)
                note = Problem("older-revisions-unknown", cut, f"the archive was no help: {err}")
                made = self._answers(task, _noted(todo, note), now)
        kept = tuple(map(_kept, made))
        again = [now + DNS_WAIT] if any(one.again for one in heard) else []
        due = min([*again, *([todo.due] if todo.due else [])], default=None)
        done = self.store.finish(task, Worked(todo.fated, kept, due), self.clock())
        first = todo.fated[0].msgid if todo.fated else next(iter(task.mails), "")
        replies = sum(len(one.replies) for one in kept)
        orders = sum(len(one.outcomes) for one in heard if one.fresh)
        return Done("done" if done else "stale", len(kept), replies, first, orders=orders)

    def _hear(self, task: Task, now: datetime) -> Sequence[Heard]:
        mails = [raw for msgid, raw in task.mails.items() if msgid in task.own]
        orders = [raw for raw in mails if may_have_order(raw)]
        return self.hear(orders, now) if orders else ()

    def _plan(self, task: Task, now: datetime, recheck: frozenset[str]) -> Plan:
        settle = timedelta(seconds=self.settings.watch.settle)
        return plan(task, self.setup.scope, now, settle, recheck)

    def _answers(self, task: Task, todo: Plan, now: datetime) -> list[Answer]:
        if not todo.chosen:
            return []
        run = run_of(self.setup, self.settings, now, self.store, self.look)
        run = run._replace(review=self.review)
        raws = list(task.mails.values())
        return list(answers(raws, todo.postings, todo.chosen, run))

    def _cut(self, task: Task, todo: Plan) -> str:
        """A series of the thread that is not known whole, and has not been asked for; or empty."""
        lines = lineages(todo.postings)
        for posting in todo.chosen:
            series = posting.series
            came = max(
                (task.arrived[one] for one in posting.mails if one in task.arrived), default=None
            )
            if task.asked is not None and (came is None or came <= task.asked):
                continue
            there = {one.series.revision for one in line_of(series.msgid, lines)}
            older = there.issuperset(range(1, series.revision))
            # A part may have gone to other lists only; the archive of all of them has it.
            if task.ghosts or not older or not series.complete:
                return series.msgid
        return ""

    def _ask(self, task: Task, msgid: str, now: datetime) -> Done:
        """Add to the store what the archive has of a series and its older revisions."""
        mails = self.fetch(msgid)
        told = {one.series.msgid: keys_of(one) for one in assemble(map(read_mail, mails))}
        self.store.asked(task, [(self.glance(raw), raw) for raw in mails], told, now)
        self.store.give_back(task.thread, task.owner, now, now, "the archive was asked")
        return Done("asked", msgid=msgid)

    def _later(self, task: Task, msgid: str, err: ArchiveError, now: datetime) -> Done:
        first = min(timedelta(seconds=self.settings.watch.interval), LONGEST_FIRST_WAIT)
        until = now + first * (1 << min(task.waits, 10))
        words = f"the archive could not be asked: {err}"
        self.store.give_back(task.thread, task.owner, now, until, words, waited=True)
        return Done("waiting", msgid=msgid, words=words)


def _speaks(answer: Answer) -> bool:
    """Whether there is something to say that might be sent, now or by a person's word."""
    return any(verdict.action is not Action.DROP for _reply, verdict in answer.replies)


def _noted(todo: Plan, note: Problem) -> Plan:
    """`todo` with a problem that its series have, so that a person looks at the replies."""

    def with_note(posting: Posting) -> Posting:
        return posting._replace(problems=(*posting.problems, note))

    return todo._replace(
        postings=tuple(map(with_note, todo.postings)), chosen=tuple(map(with_note, todo.chosen))
    )


def _kept(answer: Answer) -> Reviewed:
    replies = (
        reply.judged(verdict, answer.dkim[reply.parent]) for reply, verdict in answer.replies
    )
    return Reviewed(answer.review, answer.entries, tuple(replies), answer.older)
