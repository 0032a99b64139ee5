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
from typing import Any

from sqlalchemy import Connection, and_, delete, insert, or_, select, update

from bot.errors import UsageError
from bot.model import Posting, Review
from bot.outbox.database import Database, lock
from bot.outbox.dismissing import dismiss, dismissals, telling, undismiss
from bot.outbox.judging import count, told
from bot.outbox.recording import record, revisions
from bot.outbox.rows import draft_of
from bot.outbox.schema import reply, review, switch
from bot.outgoing import Counts, Dismissal, Draft, Earlier, Entry, Envelope, Judged, State, Told

__all__ = ["Store"]

Row = Mapping[Any, Any]
UNSENT = (State.DRAFT, State.APPROVED, State.FAILED)
ADVICE = {
    State.DRAFT: "approve, edit or discard it",
    State.APPROVED: "it will be sent; discard it to prevent that",
    State.SENDING: "wait until its sender is done",
    State.SENT: "it can't be called back",
    State.FAILED: "retry or discard it",
    State.DISCARDED: "review the series again; what a person discarded stays so",
}


class Store(Database):
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

            def discard(review_id: int, kept: Sequence[str]) -> None:
                gone = and_(reply.c.review_id == review_id, reply.c.msgid.not_in(kept))
                _discard(connection, gone, now, "a later run of the review no longer says it")

            return record(connection, review_, entries, replies, now, discard)

    def claim(self, owner: str, now: datetime, lease: timedelta) -> Draft | None:
        """Take the oldest reply that is due, for `lease`; None when there is none, or all stop.

        It is told as `approved`, or as `sending` when it may have been sent
        already: then the archive has to be asked before it is sent again.
        Nothing may be sent before `begin`.
        """
        due = or_(
            and_(
                reply.c.state == State.APPROVED.value,
                or_(reply.c.not_before.is_(None), reply.c.not_before <= now),
            ),
            and_(reply.c.state == State.SENDING.value, reply.c.lease_until <= now),
        )
        oldest = select(reply).where(due).order_by(reply.c.id).limit(1)
        with self._writing() as connection:
            if _stopped(connection) is not None:
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
            _set(connection, row["id"], values)
        return draft_of({**row, **values}, State.SENDING if row["doubtful"] else State.APPROVED)

    def begin(self, id_: int, owner: str, now: datetime, lease: timedelta) -> str | None:
        """Write down that from now on it may have left; count the attempt, and lease it anew.

        Returns None, or why all is stopped: then nothing is changed, and nothing may be sent.
        """
        with self._writing() as connection:
            row = _held(connection, id_, owner, "be sent")
            stopped = _stopped(connection)
            if stopped is None:
                begun = {"attempts": row["attempts"] + 1, "doubtful": True, "waits": 0}
                _set(connection, id_, {**begun, "lease_until": now + lease})
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
        self._move(id_, (State.DRAFT,), State.APPROVED, now, "approved by hand", {"by_hand": True})

    def retry(self, id_: int, now: datetime) -> None:
        """A person lets a failed reply be tried again, at once and with all its attempts.

        Whether it may have left before is not forgotten.
        """
        values = {"attempts": 0, "not_before": None, "waits": 0}
        self._move(id_, (State.FAILED,), State.APPROVED, now, "retried by hand", values)

    def discard(self, id_: int, now: datetime, reason: str) -> None:
        """Never send it; one whose sender died can be discarded, too."""
        with self._writing() as connection:
            row = _row(connection, id_)
            if not _discard(connection, reply.c.id == id_, now, reason):
                raise _wrong(row, "be discarded")
            _set(connection, id_, {"by_hand": True})

    def discard_for(self, series_msgid: str, now: datetime, reason: str) -> int:
        """Discard what is unsent of a series that a newer revision replaces; return how many."""
        reviews = select(review.c.id).where(review.c.msgid == series_msgid)
        with self._writing() as connection:
            return _discard(connection, reply.c.review_id.in_(reviews), now, reason)

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
            row = _row(connection, id_)
            if row["state"] != State.DRAFT.value:
                raise _wrong(row, "be edited")
            if bytes(row["raw"]) != before:
                raise UsageError(f"reply {id_} was edited by somebody else meanwhile; edit it anew")
            if row["msgid"] != envelope.msgid:
                raise UsageError(f"reply {id_}: its Message-ID must stay <{row['msgid']}>")
            _set(connection, id_, {**values, "reason": "edited by hand", "changed": now})

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
            return draft_of(_row(connection, id_))

    def told(self, id_: int) -> Told:
        """What the reply `id_` says; raises `UsageError` when there is none."""
        with self._reading() as connection:
            _row(connection, id_)
            return told(connection, id_)

    def counts(self, now: datetime, leaving: int | None = None) -> Counts:
        """What the caps go by, for a new reply or for one that is claimed (`leaving`)."""
        with self._reading() as connection:
            return count(connection, now, leaving)

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
            return _stopped(connection)

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
        discarded = []
        with self._writing() as connection:
            lock(connection)
            chosen = dismiss(connection, _row(connection, id_), rule, reason, now)
            for number, more in telling(connection, chosen, (*UNSENT, State.SENDING)):
                words = f"dismissed: {reason}"
                if more:
                    words = f"partly {words}; review the series again for the rest"
                if _discard(connection, reply.c.id == number, now, words):
                    discarded.append(number)
        return chosen, tuple(discarded)

    def undismiss(self, fingerprints: Sequence[str]) -> None:
        """Let these be told again.  Raises `UsageError` where one is not dismissed."""
        wanted = tuple(dict.fromkeys(fingerprints))
        with self._writing() as connection:
            if undismiss(connection, wanted) < len(wanted):
                raise UsageError(
                    "not all of these are dismissed, so nothing was changed; "
                    "`revokebot queue dismissals` lists them"
                )

    def dismissals(self) -> tuple[Dismissal, ...]:
        """All that is dismissed, the oldest first."""
        with self._reading() as connection:
            return dismissals(connection)

    def _finish(
        self, id_: int, owner: str, state: State, now: datetime, words: str, values: Row
    ) -> None:
        with self._writing() as connection:
            _held(connection, id_, owner, f"become {state.value}")
            _set(connection, id_, {"waits": 0, **values, **_ended(state, now, words)})

    def _move(
        self,
        id_: int,
        before: Sequence[State],
        state: State,
        now: datetime,
        words: str,
        values: Row,
    ) -> None:
        with self._writing() as connection:
            row = _row(connection, id_)
            if row["state"] not in before:
                raise _wrong(row, f"become {state.value}")
            _set(connection, id_, {**values, **_ended(state, now, words)})


def _ended(state: State, now: datetime, words: str) -> dict[str, Any]:
    return {
        "state": state.value,
        "changed": now,
        "reason": words,
        "owner": None,
        "lease_until": None,
    }


def _row(connection: Connection, id_: int) -> Row:
    query = select(reply).where(reply.c.id == id_).with_for_update()
    row = connection.execute(query).mappings().first()
    if row is None:
        raise UsageError(f"there is no reply {id_}; `revokebot queue list --all` shows them")
    return row


def _held(connection: Connection, id_: int, owner: str, wish: str) -> Row:
    """The row of a reply that `owner` has claimed, and nobody else since."""
    row = _row(connection, id_)
    if row["state"] != State.SENDING.value:
        raise _wrong(row, wish)
    if row["owner"] != owner:
        raise UsageError(
            f"reply {id_} is being sent by {row['owner']} now, not by {owner}, whose time "
            "is over; make delivery.lease longer than delivery.deadline"
        )
    return row


def _wrong(row: Row, wish: str) -> UsageError:
    state = State(row["state"])
    return UsageError(f"reply {row['id']} is {state.value} and can't {wish}: {ADVICE[state]}")


def _set(connection: Connection, id_: int, values: Row) -> None:
    connection.execute(update(reply).where(reply.c.id == id_).values(**values))


def _discard(connection: Connection, which: Any, now: datetime, reason: str) -> int:
    unsent = [state.value for state in UNSENT]
    dead = and_(reply.c.state == State.SENDING.value, reply.c.lease_until <= now)
    done = connection.execute(
        update(reply)
        .where(which, or_(reply.c.state.in_(unsent), dead))
        .values(**_ended(State.DISCARDED, now, reason), by_hand=False)
    )
    return done.rowcount


def _stopped(connection: Connection) -> str | None:
    return connection.execute(select(switch.c.reason)).scalar()
