# SPDX-License-Identifier: GPL-2.0-or-later
"""Forgets what is not needed any more of other people's mail, a little at a time.

What is kept for how long, and why, is told in docs/retention.md.  Whatever
sees to it that nothing is said or done twice stays.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Delete,
    Select,
    Update,
    and_,
    delete,
    exists,
    func,
    not_,
    or_,
    select,
    update,
)

from bot.errors import BotError, UsageError
from bot.incoming import Stage
from bot.outbox.database import Database, lock, some
from bot.outbox.schema import incident, kin, mail, reply, review, series, thread
from bot.outgoing import Kind, State
from bot.settings import WatchSettings

__all__ = ["Pruned", "Pruner"]

AT_ONCE = 1000
"""Rows of one transaction: who else wants to write waits no longer than for those."""
THREADS_AT_ONCE = 100
"""With all their mails."""
A_BIT = 20_000
"""Of each kind in one call: a daemon has other things to do, and looks again the next day."""
CALM = (Stage.QUIET.value, Stage.DONE.value, Stage.PARKED.value)
"""Threads that nobody is about to look at."""


class Pruned(NamedTuple):
    """What was forgotten, or would be."""

    mails: int
    """Mails whose text was; that they have come is still known."""
    threads: int
    """Threads that were, with their mails and series."""
    replies: int
    """Mails of ours whose text was; that they were sent is still known."""
    discarded: int
    """Replies that were discarded and never sent, all of them."""
    incidents: int


class Pruner(Database):
    """The database of the bot, and what can be taken out of it."""

    def prune(
        self,
        now: datetime,
        keep: WatchSettings,
        *,
        dry_run: bool = False,
        most: int | None = A_BIT,
    ) -> Pruned:
        """Forget what is older than `keep` says, in transactions that hold up nobody for long.

        It can be stopped anywhere, and several may do it at once.

        Parameters
        ----------
        dry_run: only count
        most: that is done, of each kind; None for all
        """
        soon = now - timedelta(days=keep.keep_days)
        late = min(soon, now - timedelta(days=keep.keep_reviewed_days))
        old = _old_threads(late)
        numbers = self._found(select(thread.c.id).where(old).limit(most))
        if not dry_run:
            for piece in some(numbers, THREADS_AT_ONCE):
                with self._writing() as connection:
                    lock(connection)
                    _forget_threads(connection, and_(thread.c.id.in_(piece), old))

        def each(key: Column[Any], which: ColumnElement[bool], act: Update | Delete) -> int:
            found = self._found(select(key).where(which).limit(most))
            if not dry_run:
                for piece in some(found, AT_ONCE):
                    self._do(act.where(key.in_(piece), which))
            return len(found)

        return Pruned(
            mails=each(mail.c.msgid, _unused_texts(soon), NO_TEXT),
            threads=len(numbers),
            replies=each(reply.c.id, _told_texts(late), NO_REPLY_TEXT),
            discarded=each(reply.c.id, _never_sent(late), delete(reply)),
            incidents=each(incident.c.id, incident.c.moment < late, delete(incident)),
        )

    def _found(self, query: Select[Any]) -> Sequence[Any]:
        with self._reading() as connection:
            return connection.execute(query).scalars().all()

    def _do(self, act: Update | Delete) -> None:
        with self._writing() as connection:
            lock(connection)
            connection.execute(act)

    def vacuum(self) -> None:
        """Let SQLite give the free room in its file back to the disk; others wait meanwhile.

        Raises `UsageError` on PostgreSQL, which does it by itself.
        """
        if self.path is None:
            raise UsageError("--vacuum is for SQLite; PostgreSQL's autovacuum does it by itself")
        try:
            with closing(sqlite3.connect(self.path, timeout=30)) as connection:
                connection.execute("VACUUM")
        except sqlite3.OperationalError as err:
            raise BotError(
                f"store {self.url}: {err}; nothing was changed: make room for a copy of it on the "
                "disk, and try again when nobody is at it"
            ) from err


MAY_COME_AGAIN = and_(not_(reply.c.by_hand), reply.c.kind == Kind.REVIEW.value)
"""Of what is discarded: a review of the series takes it up again, if it says the same."""
NO_TEXT = update(mail).values(raw=None)
NO_REPLY_TEXT = update(reply).values(raw=b"")


def _old_threads(moment: datetime) -> ColumnElement[bool]:
    """Threads that nothing has come to since, whatever was said of them."""
    newer = exists().where(mail.c.thread == thread.c.id, mail.c.arrived >= moment)
    return and_(thread.c.changed < moment, thread.c.state.in_(CALM), not_(newer))


def _unused_texts(moment: datetime) -> ColumnElement[bool]:
    """Mails whose thread was not reviewed; one that is parked waits for a person."""
    reviewed = exists().where(series.c.thread == mail.c.thread, review.c.msgid == series.c.msgid)
    calm = exists().where(
        thread.c.id == mail.c.thread, thread.c.state.in_((Stage.QUIET.value, Stage.DONE.value))
    )
    return and_(mail.c.raw.is_not(None), mail.c.arrived < moment, calm, not_(reviewed))


def _told_texts(moment: datetime) -> ColumnElement[bool]:
    """Mails of ours that have left, or that were thrown away for good."""
    kept = and_(reply.c.state == State.DISCARDED.value, not_(MAY_COME_AGAIN))
    gone = or_(reply.c.state == State.SENT.value, kept)
    return and_(gone, reply.c.changed < moment, func.length(reply.c.raw) > 0)


def _never_sent(moment: datetime) -> ColumnElement[bool]:
    """Discarded replies that never left, and that a review of the series would write anew."""
    return and_(
        reply.c.state == State.DISCARDED.value,
        MAY_COME_AGAIN,
        not_(reply.c.doubtful),
        reply.c.changed < moment,
    )


def _forget_threads(connection: Connection, which: ColumnElement[bool]) -> None:
    numbers = connection.execute(select(thread.c.id).where(which)).scalars().all()
    for table in (series, kin, mail):
        connection.execute(delete(table).where(table.c.thread.in_(numbers)))
    connection.execute(delete(thread).where(thread.c.id.in_(numbers)))
