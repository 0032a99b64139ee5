# SPDX-License-Identifier: GPL-2.0-or-later
"""What has to be said to an outbox of an earlier time: that mails may have left since.

It is said before anybody else sees it, or, on PostgreSQL, before senders start.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, delete, func, insert, select, update

from bot.outbox.database import Database, opened
from bot.outbox.schema import reply, switch
from bot.outgoing import Kind, State

__all__ = ["Doubter", "ready"]

WORDS = "the store was restored; it may have been sent before"


class Doubter(Database):
    """An outbox that was put back to an earlier time."""

    def doubt(self, stopped: str | None = None) -> int:
        """Mark what has not left as possibly sent; return how many replies wait.

        The archive is asked for them, and given its time, before one is sent.  What no archive
        has is discarded: an answer or a digest that is missing is better than one that comes twice.

        Parameters
        ----------
        stopped: why sending was stopped at the later time; it stays so
        """
        waiting = reply.c.state.not_in((State.SENT.value, State.DISCARDED.value))
        dropped = {"state": State.DISCARDED.value, "reason": WORDS, "owner": None}
        notice = update(reply).where(reply.c.kind != Kind.REVIEW.value, waiting)
        unsent = update(reply).where(reply.c.state != State.SENT.value)
        with self._writing() as connection:
            connection.execute(notice.values(**dropped, lease_until=None))
            connection.execute(unsent.values(doubtful=True))
            if stopped is not None:
                connection.execute(delete(switch))
                connection.execute(insert(switch).values(id=1, reason=stopped))
            return connection.execute(select(func.count()).where(waiting)).scalar_one()


def ready(copy: Path, stopped: str | None) -> int:
    """Make of the SQLite file `copy` what can be used now; return how many replies wait.

    Raises `BotError` where it was written by a newer version.
    """
    with Doubter(opened(URL.create("sqlite", database=str(copy)))) as store:
        return store.doubt(stopped)
