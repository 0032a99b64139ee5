# SPDX-License-Identifier: GPL-2.0-or-later
"""The outbox: what was reviewed, what is to be said of it, and what became of every reply.

draft ──► approved ──► sending ──► sent
  │          │ ▲          └─► approved again, later │ failed
  └──────────┴─┴─► discarded          failed ──► approved

A reply is claimed for a while by one sender, who alone may say how it ended.
One whose sender died is claimed again, as possibly sent.  Nothing here sends,
decides what may be sent, or reads a clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select

from bot.errors import UsageError
from bot.model import Posting, Review
from bot.outbox.database import lock
from bot.outbox.dismissing import dismiss, dismissals, undismiss
from bot.outbox.hearing import Hearing
from bot.outbox.judging import count, told
from bot.outbox.moving import (
    Row,
    change,
    discard_by_hand,
    discard_where,
    due,
    ended,
    held,
    release,
    row_of,
    why_stopped,
    wrong,
)
from bot.outbox.origins import dismissed, thread_of
from bot.outbox.recording import record, revisions
from bot.outbox.rows import draft_of
from bot.outbox.schema import reply, review, switch
from bot.outbox.telling import count_records
from bot.outgoing import (
    Counts,
    Dismissal,
    Dismissed,
    Draft,
    Earlier,
    Entry,
    Envelope,
    Judged,
    State,
    Told,
)
from bot.record import Record

__all__ = ["Store"]


class Store(Hearing):
    """The outbox in one database, which others may use at the same time."""

    def record(
        self,
        review_: Review,
        entries: Sequence[Entry],
        replies: Sequence[Judged],
        now: datetime,
    ) -> tuple[int, ...]:
        """Keep a review, its ledger and its replies, all or nothing; return the replies' ids.

        Doing it again changes no reply that is there, but for those that no person
        discarded: they follow the new verdict.  Unsent replies that the review no
        longer has are discarded, and one mail is answered only once.
        """
        with self._writing() as connection:
            lock(connection)
            return record(connection, review_, entries, replies, now)

    def claim(self, owner: str, now: datetime, lease: timedelta) -> Draft | None:
        """Take the oldest reply that is due, for `lease`; None when there is none, or all stop.

        It is told as `approved`, or as `sending` when it may have been sent
        already: then the archive has to be asked before it is sent again.
        Nothing may be sent before `begin`.
        """
        oldest = select(reply).where(due(now)).order_by(reply.c.id).limit(1)
        with self._writing() as connection:
            if why_stopped(connection) is not None:
                return None
            row = connection.execute(oldest.with_for_update(skip_locked=True)).mappings().first()
            if row is None:
                return None
            values = {
                "state": State.SENDING.value,
                "owner": owner,
                "lease_until": now + lease,
                "changed": now,
            }
            change(connection, row["id"], values)
        return draft_of({**row, **values}, State.SENDING if row["doubtful"] else State.APPROVED)

    def begin(self, id_: int, owner: str, now: datetime, lease: timedelta) -> str | None:
        """Write down that from now on it may have left; count the attempt, and lease it anew.

        Returns None, or why all is stopped: then nothing is changed, and nothing may be sent.
        """
        with self._writing() as connection:
            row = held(connection, id_, owner, "be sent")
            stopped = why_stopped(connection)
            if stopped is None:
                begun = {"attempts": row["attempts"] + 1, "doubtful": True, "waits": 0}
                change(connection, id_, {**begun, "lease_until": now + lease})
            return stopped

    def sent(
        self, id_: int, owner: str, now: datetime, words: str, refused: Mapping[str, str]
    ) -> None:
        """It has left; `refused` are the recipients that were not taken."""
        values = {"refused": dict(refused), "sent": now}
        self._finish(id_, owner, State.SENT, now, words, values)

    def later(
        self,
        id_: int,
        owner: str,
        now: datetime,
        until: datetime,
        words: str,
        *,
        doubtful: bool = False,
        waits: int = 0,
        begun: bool = True,
    ) -> None:
        """It has not left, and is tried again at `until`.

        Parameters
        ----------
        doubtful: it may have left after all; the next claim tells it as `sending`
        waits: times in a row, this one included, that it could not even be tried
        begun: False takes back the attempt that `begin` has counted
        """
        values = {"not_before": until, "doubtful": doubtful, "waits": waits}
        if not begun:
            values["attempts"] = reply.c.attempts - 1
        self._finish(id_, owner, State.APPROVED, now, words, values)

    def failed(
        self, id_: int, owner: str, now: datetime, words: str, *, doubtful: bool = False
    ) -> None:
        """It can't be sent; park it until a person looks at it.

        Parameters
        ----------
        doubtful: as for `later`, once it is retried
        """
        self._finish(id_, owner, State.FAILED, now, words, {"doubtful": doubtful})

    def withdraw(self, id_: int, owner: str, now: datetime, reason: str) -> None:
        """Its sender found that it must not be sent any more."""
        self._finish(id_, owner, State.DISCARDED, now, reason, {"by_hand": False})

    def unapprove(self, id_: int, owner: str, now: datetime, reason: str) -> None:
        """Its sender found that a person has to look at it first, also one who had approved it."""
        values = {"by_hand": False, "not_before": None, "doubtful": False}
        self._finish(id_, owner, State.DRAFT, now, reason, values)

    def approve(self, id_: int, now: datetime) -> None:
        """A person allows a draft to be sent."""
        with self._writing() as connection:
            release(connection, row_of(connection, id_), now, State.DRAFT)

    def retry(self, id_: int, now: datetime) -> None:
        """A person lets a failed reply be tried again, at once and with all its attempts.

        Whether it may have left before is not forgotten.
        """
        with self._writing() as connection:
            release(connection, row_of(connection, id_), now, State.FAILED)

    def discard(self, id_: int, now: datetime, reason: str) -> None:
        """Never send it; one whose sender died can be discarded, too."""
        with self._writing() as connection:
            discard_by_hand(connection, row_of(connection, id_), now, reason)

    def discard_for(self, series_msgid: str, now: datetime, reason: str) -> int:
        """Discard what is unsent of a series that a newer revision replaces; return how many."""
        reviews = select(review.c.id).where(review.c.msgid == series_msgid)
        with self._writing() as connection:
            # It takes several rows; so do others, and no two may wait for each other.
            lock(connection)
            return discard_where(connection, reply.c.review_id.in_(reviews), now, reason)

    def replace(
        self, id_: int, before: bytes, envelope: Envelope, subject: str, now: datetime
    ) -> None:
        """Put an edited mail in the place of a draft that reads `before`; its Message-ID stays."""
        values = {
            "recipients": list(envelope.recipients),
            "sender": envelope.sender,
            "raw": envelope.raw,
            "subject": subject,
        }
        with self._writing() as connection:
            row = row_of(connection, id_)
            if row["state"] != State.DRAFT.value:
                raise wrong(row, "be edited")
            if bytes(row["raw"]) != before:
                raise UsageError(f"reply {id_} was edited by somebody else meanwhile; edit it anew")
            if row["msgid"] != envelope.msgid:
                raise UsageError(f"reply {id_}: its Message-ID must stay <{row['msgid']}>")
            change(connection, id_, {**values, "reason": "edited by hand", "changed": now})

    def drafts(
        self, states: Iterable[State] = tuple(State), since: datetime | None = None
    ) -> list[Draft]:
        """The replies in these states, oldest first; those that came into them after `since`."""
        wanted = [state.value for state in states]
        query = select(reply).where(reply.c.state.in_(wanted)).order_by(reply.c.id)
        if since is not None:
            query = query.where(reply.c.changed > since)
        with self._reading() as connection:
            return [draft_of(row) for row in connection.execute(query).mappings()]

    def draft(self, id_: int) -> Draft:
        """The reply `id_`; raises `UsageError` when there is none."""
        with self._reading() as connection:
            return draft_of(row_of(connection, id_))

    def told(self, id_: int) -> Told:
        """What the reply `id_` says; raises `UsageError` when there is none."""
        with self._reading() as connection:
            row_of(connection, id_)
            return told(connection, id_)

    def counts(self, now: datetime, leaving: int | None = None) -> Counts:
        """What the caps go by, for a new reply or for one that is claimed (`leaving`)."""
        with self._reading() as connection:
            return count(connection, now, leaving)

    def records(self, now: datetime, days: int, *, doubted: bool = False) -> dict[str, Record]:
        """The record of each rule over the last `days` before `now`, by the rule's id.

        With `doubted`, only of rules that somebody may have said no to, which costs next to nothing
        where there are none.
        """
        with self._reading() as connection:
            return count_records(connection, now, days, doubted=doubted)

    def stop(self, reason: str) -> None:
        """Let nothing be claimed any more, by any sender, until `start`."""
        with self._writing() as connection:
            lock(connection)
            connection.execute(delete(switch))
            connection.execute(insert(switch).values(id=1, reason=reason))

    def start(self) -> None:
        """Let replies be claimed again."""
        with self._writing() as connection:
            connection.execute(delete(switch))

    def stopped(self) -> str | None:
        """Why all is stopped; None when it isn't."""
        with self._reading() as connection:
            return why_stopped(connection)

    def earlier(self, line: Sequence[Posting]) -> tuple[Earlier, ...]:
        """What was found in the revisions of one series, the oldest first, and which mails told it.

        Those in `line` count, and others with their author and title.
        """
        with self._reading() as connection:
            return revisions(connection, line)

    def dismiss(
        self, id_: int, reason: str, now: datetime, rule: str = ""
    ) -> tuple[tuple[Dismissal, ...], tuple[int, ...]]:
        """Never tell again what the reply `id_` tells, or what one rule found of that.

        Unsent replies that tell it are discarded, whatever else they tell: their
        text is fixed.  Returns what is dismissed, and the replies that are discarded.
        """
        with self._writing() as connection:
            lock(connection)
            return dismiss(connection, row_of(connection, id_), rule, reason, now)

    def undismiss(self, fingerprints: Sequence[str]) -> None:
        """Let these be told again.  Raises `UsageError` where one is not dismissed."""
        wanted = tuple(dict.fromkeys(fingerprints))
        with self._writing() as connection:
            lock(connection)
            if undismiss(connection, wanted) < len(wanted):
                raise UsageError(
                    "not all of these are dismissed, so nothing was changed; "
                    "`revokebot queue dismissals` lists them"
                )

    def dismissals(self) -> tuple[Dismissal, ...]:
        """All that is dismissed, the oldest first."""
        with self._reading() as connection:
            return dismissals(connection)

    def dismissed(self) -> tuple[Dismissed, ...]:
        """All that is dismissed, the oldest first, with what is known of each finding."""
        with self._reading() as connection:
            return dismissed(connection)

    def thread_of(self, msgid: str) -> tuple[bytes, ...]:
        """The mails that are kept of the thread of the mail `msgid` (bare), raw."""
        with self._reading() as connection:
            return thread_of(connection, msgid)

    def _finish(
        self, id_: int, owner: str, state: State, now: datetime, words: str, values: Row
    ) -> None:
        with self._writing() as connection:
            held(connection, id_, owner, f"become {state.value}")
            change(connection, id_, {"waits": 0, **values, **ended(state, now, words)})
