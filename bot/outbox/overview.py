# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads from the store how the bot does, and what became of one mail; it never writes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Table, and_, func, or_, select, text

from bot.errors import BotError
from bot.incoming import Kind, Stage
from bot.outbox.database import Database
from bot.outbox.moving import why_stopped
from bot.outbox.obeying import heard_of, totals
from bot.outbox.schema import heard, inbox, incident, mail, reply, review, series, thread
from bot.outbox.telling import count_records
from bot.outgoing import State
from bot.overview import OFTEN, Course, Incident, Overview, Parked, Polled, Replied, Traced
from bot.record import muted_by
from bot.settings import PolicySettings

__all__ = ["Onlooker"]

MOST = 50
"""Parked threads and failed replies that are told one by one; their number is told anyway."""
LAST = 10
"""Incidents that are told."""
PATIENCE_MS = 2000
"""How long `usable` waits for others; a check that hangs tells nothing."""
LEAST = 16 << 20
"""Bytes that have to be free on a disk: SQLite's log alone may grow by some megabytes."""


class Onlooker(Database):
    """The database of the bot, looked at by somebody who changes nothing."""

    def look(self, now: datetime) -> Overview:
        """How all does at `now` (aware)."""
        with self._reading() as connection:
            return _overview(connection, now)

    def muted(self, policy: PolicySettings, now: datetime) -> Mapping[str, str]:
        """The rules that are muted, each with a line that says why; it takes longer than `look`."""
        by_hand = {rule: f"rule {rule} is muted by policy.muted" for rule in policy.muted}
        if not policy.floor:
            return by_hand
        with self._reading() as connection:
            return {
                **muted_by(count_records(connection, now, policy.record_days), policy),
                **by_hand,
            }

    def trace(self, msgid: str) -> Traced | None:
        """What became of a mail (bare message-id); None where nothing is known of it."""
        with self._reading() as connection:
            return _trace(connection, msgid)

    def usable(self) -> None:
        """Raise `BotError` where nothing can be written now; nothing is."""
        with self._told(), self._engine.connect() as connection:
            connection.detach()  # what is set here is for nobody else
            if connection.dialect.name == "sqlite":
                connection.connection.execute(f"PRAGMA busy_timeout={PATIENCE_MS}")
                connection.execute(text("SELECT 1"))  # behind the engine's BEGIN IMMEDIATE
            else:
                connection.execute(text(f"SET statement_timeout = {PATIENCE_MS}"))
                if connection.execute(text("SHOW transaction_read_only")).scalar() != "off":
                    raise BotError(
                        f"store {self.url}: it can only be read; name the primary server"
                    )
        if self.path is not None:
            disk = os.statvfs(self.path)
            if disk.f_bavail * disk.f_frsize < LEAST:
                raise BotError(f"store {self.path}: the disk is full; make room on it")


def _overview(connection: Connection, now: datetime) -> Overview:
    inboxes = connection.execute(select(inbox).order_by(inbox.c.name)).mappings()
    incidents = select(incident).order_by(incident.c.id.desc()).limit(LAST)
    failed = select(reply).where(reply.c.state == State.FAILED.value)
    often = or_(reply.c.waits >= OFTEN, reply.c.attempts >= OFTEN)
    stuck = select(reply).where(reply.c.state == State.APPROVED.value, often)
    return Overview(
        inboxes=tuple(
            Polled(
                row["name"],
                row["polled"],
                row["due"],
                row["failures"],
                row["error"],
                row["mails"],
                row["lease_until"],
            )
            for row in inboxes
        ),
        threads=_counted(connection, thread, thread.c.state),
        series=_counted(connection, series, series.c.fate),
        replies=_counted(connection, reply, reply.c.state),
        orders=dict(zip(("obeyed", "ignored"), totals(connection), strict=True)),
        oldest_due=_oldest_due(connection, now),
        oldest_unsent=_oldest_unsent(connection, now),
        parked=_parked(connection),
        failed=_replies(connection, failed.order_by(reply.c.changed.desc()).limit(MOST)),
        stuck=_replies(connection, stuck.order_by(reply.c.changed.desc()).limit(MOST)),
        stopped=why_stopped(connection),
        incidents=tuple(
            Incident(row["moment"], row["kind"], row["place"], row["words"])
            for row in connection.execute(incidents).mappings()
        ),
    )


def _counted(connection: Connection, table: Table, column: Column[Any]) -> dict[str, int]:
    query = select(column, func.count()).select_from(table).group_by(column).order_by(column)
    return _pairs(connection, query)


def _pairs(connection: Connection, query: Any) -> dict[Any, Any]:
    """The two columns of `query`, as keys and values."""
    return {row[0]: row[1] for row in connection.execute(query)}


def _oldest_due(connection: Connection, now: datetime) -> datetime | None:
    ripe = and_(thread.c.state == Stage.DUE.value, thread.c.due <= now)
    # Whose worker has died is as good as due.
    dead = and_(thread.c.state == Stage.WORKING.value, thread.c.lease_until <= now)
    return connection.execute(select(func.min(thread.c.due)).where(or_(ripe, dead))).scalar()


def _oldest_unsent(connection: Connection, now: datetime) -> datetime | None:
    since = func.coalesce(reply.c.not_before, reply.c.changed, type_=reply.c.changed.type)
    ripe = and_(reply.c.state == State.APPROVED.value, since <= now)
    return connection.execute(select(func.min(since)).where(ripe)).scalar()


def _parked(connection: Connection) -> tuple[Parked, ...]:
    newest = (
        select(thread.c.id, thread.c.reason, thread.c.changed)
        .where(thread.c.state == Stage.PARKED.value)
        .order_by(thread.c.changed.desc())
        .limit(MOST)
    )
    rows = connection.execute(newest).all()
    ids = [row.id for row in rows]
    first = select(mail.c.thread, func.min(mail.c.msgid))
    first = first.where(mail.c.thread.in_(ids), mail.c.kind != Kind.GHOST.value).group_by(
        mail.c.thread
    )
    named = select(series.c.thread, func.min(series.c.subject))
    named = named.where(series.c.thread.in_(ids)).group_by(series.c.thread)
    msgids = _pairs(connection, first)
    subjects = _pairs(connection, named)
    return tuple(
        Parked(row.id, msgids.get(row.id, ""), subjects.get(row.id, ""), row.reason, row.changed)
        for row in rows
    )


def _replies(connection: Connection, query: Any) -> tuple[Replied, ...]:
    return tuple(
        Replied(
            row["id"], row["state"], row["subject"], row["reason"], row["changed"], row["parent"]
        )
        for row in connection.execute(query).mappings()
    )


def _trace(connection: Connection, msgid: str) -> Traced | None:
    found = Traced(msgid)
    query = select(mail, thread.c.state, thread.c.due, thread.c.reason)
    query = query.join(thread, thread.c.id == mail.c.thread).where(mail.c.msgid == msgid)
    row = connection.execute(query).mappings().first()
    if row is not None:
        found = found._replace(
            kind=row["kind"], inbox=row["inbox"], arrived=row["arrived"], thread=row["thread"],
            stage=row["state"], due=row["due"], reason=row["reason"],
            courses=_courses(connection, row["thread"], msgid),
        )  # fmt: skip
    roots = {msgid, *(course.msgid for course in found.courses)}
    found = _reviewed(connection, found, sorted(roots))
    query = select(heard).where(heard.c.msgid == msgid)
    row = connection.execute(query).mappings().first()
    if row is not None:
        outcomes = heard_of(row).outcomes
        found = found._replace(orders=tuple(f"{one.line}: {one.words}" for one in outcomes))
    return None if found == Traced(msgid) else found


def _courses(connection: Connection, number: int, msgid: str) -> tuple[Course, ...]:
    query = select(series).where(series.c.thread == number).order_by(series.c.msgid)
    rows = connection.execute(query).mappings()
    return tuple(
        Course(
            row["msgid"], row["subject"], row["revision"], row["total"], len(row["parts"]),
            row["fate"], row["reason"], row["until"],
        )
        for row in rows
        if msgid == row["msgid"] or msgid in row["parts"]
    )  # fmt: skip


def _reviewed(connection: Connection, found: Traced, roots: Sequence[str]) -> Traced:
    """What a review says of the mail's series, and the replies to it; also where it is a reply."""
    query = select(review).where(review.c.msgid.in_(roots)).order_by(review.c.id.desc()).limit(1)
    row = connection.execute(query).mappings().first()
    mine = [reply.c.parent == found.msgid, reply.c.msgid == found.msgid]
    if row is not None:
        mine.append(reply.c.review_id == row["id"])
        found = found._replace(
            reviewed=row["recorded"],
            findings=len(row["findings"]),
            errors=tuple(f"{one['where']}: {one['message']}" for one in row["errors"]),
        )
    replies = select(reply).where(or_(*mine)).order_by(reply.c.id)
    return found._replace(replies=_replies(connection, replies))
