# SPDX-License-Identifier: GPL-2.0-or-later
"""Puts mails that have come into threads, as public-inbox does: by what they refer to.

The transaction is the caller's (`bot.watched`).  Parts of a series that was
sent without threading are put together, too, wherever `bot.sources.threads`
might take them for one: the same author, the same numbering, a day apart at
most.  A thread can thus hold more than one; it never holds less, but where somebody
ties together what has nothing to do with one another (`MOST_JOINED`).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, func, insert, select, update

from bot.incoming import Glance, Kind, Stage, Taken
from bot.outbox.database import some
from bot.outbox.schema import kin, mail, series, thread
from bot.sources.copies import is_truer
from bot.sources.mail import read_mail
from bot.sources.threads import LOOSE_WINDOW

__all__ = ["packed", "take"]

AT_ONCE = 500
"""Message-ids of one query: databases have a limit."""
MOST_JOINED = 1000
"""Mails of a thread that is made of several.  A long thread has some hundred; but anybody can refer
to a hundred threads in one mail, and once more, until all are one that is too much to look at.
So would somebody who sends two parts a day, unthreaded, have one thread a year."""
NEW_MAIL = insert(mail)
FILLED = update(mail).where(mail.c.msgid == bindparam("ghost"))
NEW_THREAD = insert(thread).returning(thread.c.id)
LOOSE = (
    select(mail.c.thread)
    .where(
        mail.c.author == bindparam("author"),
        mail.c.bucket == bindparam("bucket"),
        mail.c.date.between(bindparam("first"), bindparam("last")),
    )
    .distinct()
)


def take(
    connection: Connection, inbox: str, mails: Sequence[tuple[Glance, bytes]], now: datetime
) -> Taken:
    """Keep those of `mails` that are not known, and make due the threads that they change."""
    threads = _Threads(connection, [glance for glance, _raw in mails], now)
    new = 0
    for glance, raw in mails:
        kind = threads.kinds.get(glance.msgid, Kind.GHOST)
        if kind is not Kind.GHOST:
            if _is_wanted(connection, glance, kind, raw):
                threads.replace(glance, raw)
            continue
        new += 1
        threads.put(glance)
        values = {
            "kind": glance.kind.value,
            "inbox": inbox,
            "arrived": now,
            "author": glance.author,
            "bucket": glance.bucket,
            "date": glance.date,
            "raw": packed(raw),
        }
        threads.write(glance, values)
    return Taken(new, threads.close())


def packed(raw: bytes) -> bytes:
    """A mail as it is kept."""
    return zlib.compress(raw, 1)


def _is_wanted(connection: Connection, glance: Glance, kind: Kind, raw: bytes) -> bool:
    """Whether another copy of a mail is to take the place of the one that came first.

    Of a patch that is one of which a list has left more as it was (`bot.sources.copies`), since
    anybody can send a mail with a Message-ID that is there already; of an order any other, since
    the signature may hold there (`bot.orders.obey` knows what it has heard).
    """
    if glance.kind is not kind or not (glance.scope or kind is Kind.ORDER):
        return False
    found = connection.execute(select(mail.c.raw).where(mail.c.msgid == glance.msgid)).scalar()
    if found is None:
        return False
    known = zlib.decompress(found)
    return known != raw if kind is Kind.ORDER else is_truer(read_mail(raw), read_mail(known))


class _Threads:
    """The threads that some mails belong to, old ones and new, as they grow together."""

    def __init__(self, connection: Connection, glances: Sequence[Glance], now: datetime) -> None:
        self._connection = connection
        self._now = now
        self._of: dict[str, int] = {}
        self._into: dict[int, int] = {}
        self._sizes: dict[int, int] = {}
        self._changed: set[int] = set()
        self._wanted: set[int] = set()
        self.kinds: dict[str, Kind] = {}
        msgids = {msgid for glance in glances for msgid in (glance.msgid, *glance.links)}
        query = select(mail.c.msgid, mail.c.thread, mail.c.kind)
        for piece in some(sorted(msgids), AT_ONCE):
            for msgid, number, kind in connection.execute(query.where(mail.c.msgid.in_(piece))):
                self._of[msgid] = number
                self.kinds[msgid] = Kind(kind)

    def put(self, glance: Glance) -> None:
        """Find the thread of a mail, make it, or make one of several."""
        there = [self._of[msgid] for msgid in (glance.msgid, *glance.links) if msgid in self._of]
        sure = list(dict.fromkeys(map(self._find, there)))
        loose: Iterable[int] = ()
        if glance.bucket and glance.date is not None:
            loose = dict.fromkeys(map(self._find, self._loose(glance, glance.date)))
        numbers = self._joinable(sure, [number for number in loose if number not in sure])
        number = min(numbers) if numbers else self._new()
        for other in numbers:
            if other != number:
                self._into[other] = number
                self._changed.add(number)
        ghosts = [msgid for msgid in glance.links if msgid not in self._of]
        for msgid in (glance.msgid, *ghosts):
            self._of.setdefault(msgid, number)
        if ghosts:
            blank = {"inbox": "", "arrived": None, "author": "", "bucket": "", "date": None}
            rows = [
                {"msgid": msgid, "thread": number, "kind": Kind.GHOST.value, "raw": None, **blank}
                for msgid in ghosts
            ]
            self._connection.execute(NEW_MAIL, rows)
            self.kinds |= dict.fromkeys(ghosts, Kind.GHOST)
        if glance.kind is not Kind.REPLY:
            self._changed.add(number)
        if glance.scope or glance.kind is Kind.ORDER:
            self._wanted.add(number)

    def write(self, glance: Glance, values: Mapping[str, Any]) -> None:
        """Write the row of a mail, in the place of its ghost where it had one."""
        row = {**values, "thread": self._find(self._of[glance.msgid])}
        if glance.msgid in self.kinds:
            self._connection.execute(FILLED, {"ghost": glance.msgid, **row})
        else:
            self._connection.execute(NEW_MAIL, {"msgid": glance.msgid, **row})
        self.kinds[glance.msgid] = glance.kind

    def replace(self, glance: Glance, raw: bytes) -> None:
        """Put a better copy in the place of the one that came first."""
        values = {"raw": packed(raw)}
        self._connection.execute(update(mail).where(mail.c.msgid == glance.msgid).values(**values))
        self._wanted.add(self._find(self._of[glance.msgid]))

    def close(self) -> int:
        """Write down which threads are one, and which are due; return how many those are."""
        merged = {old: self._find(old) for old in self._into}
        stages = self._stages({*self._changed, *merged, *merged.values()})
        for old, number in sorted(merged.items()):
            self._move(old, number)
            if stages[old] is not Stage.QUIET:
                self._wanted.add(number)
        wanted = {self._find(number) for number in self._wanted}
        changed = {self._find(number) for number in self._changed} | wanted
        due = {n for n in changed if n in wanted or stages.get(n, Stage.QUIET) is not Stage.QUIET}
        for piece in some(sorted(due), AT_ONCE):
            # A worker that has it finds that the version is another one, and gives it back.
            again = (thread.c.state != Stage.WORKING.value) | thread.c.owner.is_(None)
            values = {"version": thread.c.version + 1, "changed": self._now, "due": self._now}
            chosen = thread.c.id.in_(piece)
            self._connection.execute(update(thread).where(chosen).values(**values))
            # One that is parked gets one try for each mail, not all of them.
            parked = thread.c.state == Stage.PARKED.value
            attempts = case((parked, thread.c.attempts), else_=0)
            fresh = {"state": Stage.DUE.value, "attempts": attempts, "waits": 0, "reason": ""}
            self._connection.execute(update(thread).where(chosen, again).values(**fresh))
        return len(due)

    def _joinable(self, sure: list[int], loose: list[int]) -> list[int]:
        """Those that may become one thread: the first of `sure`, and what it has room for."""
        if len(sure) < 2 and not loose:
            return sure
        joined, size = sure[:1], sum(map(self._size, sure[:1]))
        for number in (*sure[1:], *loose):
            if size + self._size(number) <= MOST_JOINED:
                joined.append(number)
                size += self._size(number)
        self._sizes |= dict.fromkeys(joined, size)
        return joined

    def _size(self, number: int) -> int:
        """How many mails a thread has, or had when this was asked first."""
        if number not in self._sizes:
            count = select(func.count()).where(mail.c.thread == number)
            self._sizes[number] = self._connection.execute(count).scalar_one()
        return self._sizes[number]

    def _loose(self, glance: Glance, date: datetime) -> Iterable[int]:
        wanted = {
            "author": glance.author,
            "bucket": glance.bucket,
            "first": date - LOOSE_WINDOW,
            "last": date + LOOSE_WINDOW,
        }
        return self._connection.execute(LOOSE, wanted).scalars()

    def _new(self) -> int:
        values = {
            "state": Stage.QUIET.value,
            "attempts": 0,
            "reason": "",
            "version": 0,
            "arrived": self._now,
            "changed": self._now,
        }
        number: int = self._connection.execute(NEW_THREAD, values).scalar_one()
        return number

    def _find(self, number: int) -> int:
        while number in self._into:
            number = self._into[number]
        return number

    def _stages(self, numbers: set[int]) -> dict[int, Stage]:
        found: dict[int, Stage] = {}
        for piece in some(sorted(numbers), AT_ONCE):
            query = select(thread.c.id, thread.c.state).where(thread.c.id.in_(piece))
            found |= {number: Stage(state) for number, state in self._connection.execute(query)}
        return found

    def _move(self, old: int, number: int) -> None:
        """Make the thread `old` a part of the thread `number`."""
        run = self._connection.execute
        for table in (mail, series):
            run(update(table).where(table.c.thread == old).values(thread=number))
        there = select(kin.c.key).where(kin.c.thread == number)
        run(delete(kin).where(kin.c.thread == old, kin.c.key.in_(there)))
        run(update(kin).where(kin.c.thread == old).values(thread=number))
        run(delete(thread).where(thread.c.id == old))
