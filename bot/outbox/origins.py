# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds what a dismissal is about: the finding, the mail that told it, and the mails of the series.

It only reads, in the transaction of the caller (`bot.store`).
"""

from __future__ import annotations

import zlib

from sqlalchemy import Connection, select

from bot.outbox.dismissing import dismissals
from bot.outbox.rows import finding_of
from bot.outbox.schema import entry, mail, reply, review
from bot.outgoing import Dismissal, Dismissed, State

__all__ = ["dismissed", "thread_of"]


def dismissed(connection: Connection) -> tuple[Dismissed, ...]:
    """All that is dismissed, the oldest first, with what is known of each finding."""
    told = _told(connection)
    return tuple(
        _known(connection, one)._replace(told=told.get(one.fingerprint, ""))
        for one in dismissals(connection)
    )


def _known(connection: Connection, dismissal: Dismissal) -> Dismissed:
    mark = dismissal.fingerprint
    with_it = select(entry.c.review_id).where(entry.c.fingerprint == mark)
    reviews = select(review.c.findings, review.c.edition).where(review.c.id.in_(with_it))
    for findings, edition in connection.execute(reviews.order_by(review.c.id.desc())):
        for fields in findings:
            if fields["fingerprint"] == mark:
                return Dismissed(dismissal, finding_of(fields), edition)
    return Dismissed(dismissal)


def _told(connection: Connection) -> dict[str, str]:
    """By fingerprint, the first mail that has left and told it."""
    sent = select(reply.c.msgid, reply.c.says).where(reply.c.state == State.SENT.value)
    rows = connection.execute(sent.order_by(reply.c.id.desc()))
    return {mark: msgid for msgid, says in rows for mark in says}


def thread_of(connection: Connection, msgid: str) -> tuple[bytes, ...]:
    """The mails that are kept of the thread of the mail `msgid`, raw, in the order they came."""
    thread = select(mail.c.thread).where(mail.c.msgid == msgid).scalar_subquery()
    rows = select(mail.c.raw).where(mail.c.thread == thread, mail.c.raw.is_not(None))
    found = connection.execute(rows.order_by(mail.c.arrived, mail.c.msgid)).scalars()
    return tuple(zlib.decompress(raw) for raw in found)
