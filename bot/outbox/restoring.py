# SPDX-License-Identifier: GPL-2.0-or-later
"""What has to be said to an outbox of an earlier time: that mails may have left since.

It is said before anybody else sees it, or, on PostgreSQL, before senders start.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, delete, func, insert, select, update

from bot.outbox.database import Database, opened
from bot.outbox.schema import reply, switch
from bot.outgoing import Kind, State

__all__ = ["Doubter", "ready", "uri_of"]

WORDS = "the store was restored; it may have been sent before"
KNOWN = """
UPDATE reply SET (state, reason, changed, sent, refused) =
    (SELECT state, reason, changed, sent, refused FROM late.reply AS l WHERE l.msgid = reply.msgid)
WHERE msgid IN (SELECT msgid FROM late.reply WHERE state = 'sent') AND state <> 'sent'
"""
UNKNOWN = """
INSERT INTO reply (state, review_id, doubtful, owner, lease_until, {columns})
SELECT CASE state WHEN 'sent' THEN 'sent' ELSE 'discarded' END, NULL, 1, NULL, NULL, {columns}
FROM late.reply
WHERE (state IN ('sent', 'sending') OR doubtful AND attempts > 0)
    AND msgid NOT IN (SELECT msgid FROM reply)
"""
"""Their reviews are not there: one comes with the next look at the mails, and takes up again what
has not left for certain."""


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


def ready(copy: Path, path: Path) -> int:
    """Make of the SQLite file `copy` what can take the place of `path`; tell how many replies wait.

    What has left by the word of `path` is not sent again, and sending that is stopped stays so.
    Raises `BotError` where `copy` was written by a newer version.
    """
    with Doubter(opened(URL.create("sqlite", database=str(copy)))) as store:
        return store.doubt(_learnt(copy, path))


def _learnt(copy: Path, path: Path) -> str | None:
    """Tell `copy` what has left since; return why all is stopped.

    Where nobody can tell, or tells it in the tables of another version, the archive is asked.
    """
    own = ("id", "state", "review_id", "doubtful", "owner", "lease_until")
    columns = ", ".join(column.name for column in reply.columns if column.name not in own)
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(uri_of(copy, "rw"), uri=True, isolation_level=None)) as connection,
    ):
        connection.execute("ATTACH ? AS late", [uri_of(path, "ro")])
        row = connection.execute("SELECT reason FROM late.switch").fetchone()
        stopped = row and str(row[0])
        with suppress(sqlite3.Error):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(KNOWN)
            connection.execute(UNKNOWN.format(columns=columns))
            connection.execute("COMMIT")
        return stopped
    return None


def uri_of(path: Path, mode: str) -> str:
    """How SQLite is told to open a file that has to be there (sqlite.org/uri.html)."""
    return f"file:{quote(str(path.absolute()))}?mode={mode}"
