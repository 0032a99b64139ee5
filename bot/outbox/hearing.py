# SPDX-License-Identifier: GPL-2.0-or-later
"""The part of the outbox that is about orders by mail, and mails of ours that tell of no review.

Each method is one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, insert, select

from bot.orders.model import Asked, Heard, Known, Notice, Order
from bot.outbox.database import Database, lock
from bot.outbox.obeying import before, heard_of, in_outbox, keep, known, leaves, totals
from bot.outbox.rows import notice_row
from bot.outbox.schema import heard, leave, reply
from bot.outgoing import Kind, Leave

__all__ = ["Hearing"]


class Hearing(Database):
    """What `bot.orders` keeps in the outbox."""

    def known(self, asked: Asked) -> Known:
        """What there is to know of a mail with orders before it is judged."""
        with self._reading() as connection:
            return known(connection, asked)

    def hear(self, asked: Asked, judged: Sequence[tuple[Order, str]], now: datetime) -> Heard:
        """Obey those orders that no reason refuses, and keep what came of all; once for a mail."""
        with self._writing() as connection:
            lock(connection)
            return before(connection, asked) or keep(connection, asked, judged, now)

    def leaves(self) -> tuple[Leave, ...]:
        """Whom people asked by mail to leave alone or to write to, the oldest first."""
        with self._reading() as connection:
            return leaves(connection)

    def unleave(self, what: str) -> int:
        """Forget what was asked about an address, a list or a series; return how often it was."""
        with self._writing() as connection:
            return connection.execute(delete(leave).where(leave.c.what == what)).rowcount

    def orders(self, most: int) -> tuple[tuple[datetime, Heard], ...]:
        """What came of the last mails with orders, and when, the oldest of them first."""
        query = select(heard).order_by(heard.c.moment.desc(), heard.c.msgid).limit(most)
        with self._reading() as connection:
            rows = connection.execute(query).mappings().all()
        return tuple((row["moment"], heard_of(row)) for row in reversed(rows))

    def heard(self) -> tuple[int, int]:
        """How many orders were obeyed, and how many were not, as far as that is kept."""
        with self._reading() as connection:
            return totals(connection)

    def is_there(self, msgid: str) -> bool:
        """Whether a mail of ours with this Message-ID is in the outbox, in whatever state."""
        with self._reading() as connection:
            return in_outbox(connection, msgid)

    def notify(self, kind: Kind, notices: Sequence[Notice], reason: str, now: datetime) -> bool:
        """Put mails into the outbox that are to go at once; False when the first is there already.

        Its Message-ID says that: all of them belong together.
        """
        with self._writing() as connection:
            lock(connection)
            if in_outbox(connection, notices[0].envelope.msgid):
                return False
            for one in notices:
                row = notice_row(kind, one.envelope, one.parent, one.subject, reason, now)
                connection.execute(insert(reply).values(**row))
            return True
