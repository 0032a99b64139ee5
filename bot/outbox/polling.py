# SPDX-License-Identifier: GPL-2.0-or-later
"""Who reads which inbox, how far it has been read, and what went wrong.

The transaction is the caller's (`bot.watched`).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, select, update

from bot.incoming import Lease
from bot.outbox.schema import inbox, incident, reply, thread

__all__ = ["advance", "bury", "lease", "let_go", "looked", "note", "owners"]

INCIDENTS = 500
"""That are kept; older ones are forgotten."""


def lease(
    connection: Connection, name: str, owner: str, now: datetime, long: timedelta
) -> Lease | None:
    """Let `owner` alone read the inbox `name` for a while; None where another one does."""
    query = select(inbox).where(inbox.c.name == name).with_for_update()
    row = connection.execute(query).mappings().first()
    if row is None:
        values = {"name": name, "cursor": "", "failures": 0, "error": "", "mails": 0}
        connection.execute(insert(inbox), {**values, "owner": owner, "lease_until": now + long})
        return Lease(name, owner, "")
    if row["owner"] not in (None, owner) and row["lease_until"] > now:
        return None
    held = {"owner": owner, "lease_until": now + long}
    connection.execute(update(inbox).where(inbox.c.name == name).values(**held))
    return Lease(name, owner, row["cursor"], row["failures"])


def advance(
    connection: Connection, held: Lease, cursor: str, mails: int, now: datetime, long: timedelta
) -> bool:
    """Go on to `cursor`; False where another one has read on from the cursor of `held`."""
    mine = (inbox.c.name == held.name, inbox.c.owner == held.owner, inbox.c.cursor == held.cursor)
    values = {"cursor": cursor, "mails": inbox.c.mails + mails, "lease_until": now + long}
    done = connection.execute(update(inbox).where(*mine).values(**values))
    return done.rowcount == 1


def looked(connection: Connection, held: Lease, now: datetime, due: datetime, error: str) -> None:
    """Write down that an inbox was looked at, or could not be (`error`)."""
    failures = held.failures + 1 if error else 0
    values = {"due": due, "failures": failures, "error": error}
    if not error:
        values["polled"] = now
    mine = (inbox.c.name == held.name, inbox.c.owner == held.owner)
    connection.execute(update(inbox).where(*mine).values(**values))


def let_go(connection: Connection, owner: str) -> None:
    """Let others read the inboxes that `owner` has read."""
    free = {"owner": None, "lease_until": None}
    connection.execute(update(inbox).where(inbox.c.owner == owner).values(**free))


def owners(connection: Connection) -> set[str]:
    """Who reads an inbox, looks at a thread or sends a reply, as far as is known."""
    tables = (inbox, thread, reply)
    return {
        owner
        for table in tables
        for owner in connection.execute(
            select(table.c.owner).where(table.c.owner.is_not(None)).distinct()
        ).scalars()
    }


def bury(connection: Connection, owner: str, now: datetime) -> None:
    """Let others have at once what `owner`, who is dead, has claimed."""
    let_go(connection, owner)
    for table in (thread, reply):
        held = update(table).where(table.c.owner == owner, table.c.lease_until > now)
        connection.execute(held.values(lease_until=now))


def note(connection: Connection, now: datetime, kind: str, place: str, words: str) -> None:
    """Remember that something went wrong."""
    values = {"moment": now, "kind": kind, "place": place, "words": words}
    connection.execute(insert(incident), values)
    newest = connection.execute(select(func.max(incident.c.id))).scalar_one()
    connection.execute(delete(incident).where(incident.c.id <= newest - INCIDENTS))
