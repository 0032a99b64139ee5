# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes reviews and new replies into the outbox, and reads them back as history.

The transaction is the caller's (`bot.store`), so that all of a review is kept or nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from bot.model import Review
from bot.outbox.rows import finding_of, review_row
from bot.outbox.schema import entry, reply, review
from bot.outgoing import Earlier, State, Status

__all__ = ["earlier", "record_reply", "record_review"]


def record_review(connection: Connection, review_: Review, now: datetime) -> int:
    """Keep a review, in the place of an earlier one of the same series mail; return its id."""
    values = review_row(review_, now)
    query = select(review.c.id).where(review.c.msgid == values["msgid"])
    found = connection.execute(query).scalar()
    if found is not None:
        connection.execute(update(review).where(review.c.id == found).values(**values))
        return int(found)
    connection.execute(insert(review).values(**values))
    return int(connection.execute(query).scalar_one())


def record_reply(connection: Connection, review_id: int, row: dict[str, Any], now: datetime) -> int:
    query = select(reply.c.id).where(reply.c.msgid == row["msgid"])
    found = connection.execute(query).scalar()
    if found is not None:
        return int(found)
    answered = connection.execute(
        select(func.min(reply.c.msgid)).where(
            reply.c.parent == row["parent"],
            reply.c.state.in_([State.SENT.value, State.SENDING.value]),
        )
    ).scalar()
    if answered:
        row["state"] = State.DISCARDED.value
        row["reason"] = f"the mail was answered by <{answered}> already"
    connection.execute(insert(reply).values(**row, review_id=review_id, changed=now))
    return int(connection.execute(query).scalar_one())


def earlier(connection: Connection, row: Mapping[Any, Any]) -> Earlier:
    """What the review of `row` found, and which mails told it."""
    findings = tuple(finding_of(fields) for fields in row["findings"])
    told = connection.execute(
        select(entry.c.fingerprint, entry.c.mention).where(
            entry.c.review_id == row["id"], entry.c.status == Status.STANDING.value
        )
    ).all()
    replies = connection.execute(
        select(reply.c.parent, reply.c.msgid).where(
            reply.c.review_id == row["id"], reply.c.state == State.SENT.value
        )
    ).all()
    sent = {row.parent: row.msgid for row in replies}
    mentions = {}
    for finding in findings:
        # More than three replies were gathered in one to the series' first mail.
        msgid = sent.get(finding.patch.msgid) or sent.get(row["msgid"])
        if msgid:
            mentions[finding.fingerprint] = msgid
    mentions.update((fingerprint, mention) for fingerprint, mention in told if mention)
    return Earlier(row["revision"], row["msgid"], findings, mentions)
