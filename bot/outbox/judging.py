# SPDX-License-Identifier: GPL-2.0-or-later
"""What the outbox knows that a verdict goes by: what has left lately, and what a reply tells.

It only reads, in the transaction of the caller (`bot.store`).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, or_, select

from bot.outbox.rows import finding_of
from bot.outbox.schema import dismissal, reply, review
from bot.outgoing import Counts, Kind, Sent, State, Told
from checks.api import Problem

__all__ = ["count", "told"]

DAY = timedelta(hours=24)


def count(connection: Connection, now: datetime, leaving: int | None) -> Counts:
    """Count what has left in the 24 hours before `now`, and what is to leave before another.

    Parameters
    ----------
    leaving: a reply that is claimed: before it go those of other senders, and those that may
        have left already; with None a new one is meant, and all that is approved goes before it
    """
    approved = reply.c.state == State.APPROVED.value
    sending = reply.c.state == State.SENDING.value
    ahead = or_(approved, sending)
    if leaving is not None:
        ahead = and_(or_(and_(approved, reply.c.doubtful), sending), reply.c.id != leaving)
    left = and_(reply.c.state == State.SENT.value, reply.c.sent > now - DAY)
    query = select(reply.c.author, reply.c.lists, reply.c.sent)
    query = query.where(reply.c.kind == Kind.REVIEW.value, or_(left, ahead))
    authors: dict[str, Sent] = {}
    lists: dict[str, Sent] = {}
    total = Sent()
    for author, names, moment in connection.execute(query):
        if moment is None and leaving is not None:
            # It is known in a moment whether it has left, so ask again then.
            moment = now - DAY
        authors[author] = authors.get(author, Sent()).and_one(moment)
        for name in names:
            lists[name] = lists.get(name, Sent()).and_one(moment)
        total = total.and_one(moment)
    return Counts(authors, lists, total)


def told(connection: Connection, id_: int) -> Told:
    """The findings that the reply `id_` tells, the errors of its review, and what is dismissed.

    It has to be one that tells of a review.
    """
    query = (
        select(reply.c.says, review.c.findings, review.c.errors)
        .join(review, review.c.id == reply.c.review_id)
        .where(reply.c.id == id_)
    )
    says, findings, errors = connection.execute(query).one()
    reasons = select(dismissal.c.reason).where(dismissal.c.fingerprint.in_(says))
    return Told(
        tuple(finding_of(fields) for fields in findings if fields["fingerprint"] in says),
        tuple(Problem(**fields) for fields in errors),
        tuple(connection.execute(reasons).scalars()),
    )
