# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes a review with its ledger and replies into the outbox, and reads it back as history.

The transaction is the caller's (`bot.store`), so that all of a review is kept or
nothing.  The statements stand ready made, since SQLAlchemy takes longer to make
one than to run it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    and_,
    bindparam,
    delete,
    insert,
    or_,
    select,
    update,
)

from bot.model import Posting, Review
from bot.outbox.moving import discard_where
from bot.outbox.rows import earlier_of, entry_row, reply_row, review_row
from bot.outbox.schema import entry, reply, review
from bot.outgoing import Earlier, Entry, Judged, Kind, State
from bot.sources.lineage import names_of

__all__ = ["record", "revisions", "same_series"]

MSGIDS: BindParameter[Any] = bindparam("msgids", expanding=True)
PARENTS: BindParameter[Any] = bindparam("parents", expanding=True)
REVIEW_ID = select(review.c.id).where(review.c.msgid == bindparam("wanted"))
NEW_REVIEW = insert(review).returning(review.c.id)
SAME_REVIEW = update(review).where(review.c.id == bindparam("found"))
OLD_ENTRIES = delete(entry).where(entry.c.review_id == bindparam("found"))
NEW_ENTRY = insert(entry)
KNOWN = (
    select(
        reply.c.id, reply.c.msgid, reply.c.parent, reply.c.state, reply.c.by_hand, reply.c.review_id
    )
    .where(
        reply.c.kind == Kind.REVIEW.value,
        or_(reply.c.msgid.in_(MSGIDS), reply.c.parent.in_(PARENTS)),
    )
    .order_by(reply.c.msgid.desc())
)
NEW_REPLY = insert(reply).returning(reply.c.msgid, reply.c.id)
ANEW = ("state", "reason", "not_before", "changed")
ADOPT = update(reply).where(reply.c.msgid == bindparam("wanted"), reply.c.review_id.is_(None))
"""A reply that a restored store learnt of has no review before it is written again."""
REVIVE = update(reply).where(reply.c.msgid == bindparam("wanted"))
LEAVING = (State.SENT.value, State.SENDING.value)


def record(
    connection: Connection,
    review_: Review,
    entries: Sequence[Entry],
    replies: Sequence[Judged],
    now: datetime,
) -> tuple[int, ...]:
    """Keep a review, in the place of an earlier one of the same series mail.

    What is unsent of that one and is not said any more is discarded.  Returns the
    ids of the replies, those of earlier ones where they say the same.
    """
    values = review_row(review_, now)
    found = connection.execute(REVIEW_ID, {"wanted": values["msgid"]}).scalar()
    if found is None:
        found = connection.execute(NEW_REVIEW, values).scalar_one()
    else:
        connection.execute(SAME_REVIEW, {"found": found, **values})
        connection.execute(OLD_ENTRIES, {"found": found})
        kept = [one.envelope.msgid for one in replies]
        unsaid = and_(reply.c.review_id == found, reply.c.msgid.not_in(kept))
        discard_where(connection, unsaid, now, "a later run of the review no longer says it")
    if entries:
        connection.execute(NEW_ENTRY, [entry_row(found, line) for line in entries])
    if not replies:
        return ()
    rows = [reply_row(review_, found, one, now) for one in replies]
    return _record_replies(connection, rows)


def _record_replies(connection: Connection, rows: Sequence[dict[str, Any]]) -> tuple[int, ...]:
    """Insert the rows of replies that are not there; one mail is answered only once.

    Those that are there and were discarded, by no person, follow the new verdict.
    """
    msgids, parents = [row["msgid"] for row in rows], [row["parent"] for row in rows]
    there = connection.execute(KNOWN, {"msgids": msgids, "parents": parents}).all()
    ids = {known.msgid: known.id for known in there}
    dropped = State.DISCARDED.value
    again = {known.msgid for known in there if known.state == dropped and not known.by_hand}
    answered = {known.parent: known.msgid for known in there if known.state in LEAVING}
    orphans = {known.msgid for known in there if known.review_id is None}
    for row in rows:
        if row["msgid"] in orphans:
            wanted = {"wanted": row["msgid"], "review_id": row["review_id"]}
            connection.execute(ADOPT, wanted)
        if row["msgid"] in ids and row["msgid"] not in again:
            continue
        if row["parent"] in answered:
            row["state"] = dropped
            row["reason"] = f"the mail was answered by <{answered[row['parent']]}> already"
        if row["msgid"] in again:
            connection.execute(REVIVE, {"wanted": row["msgid"], **{key: row[key] for key in ANEW}})
    new = [row for row in rows if row["msgid"] not in ids]
    if new:
        ids |= {made.msgid: made.id for made in connection.execute(NEW_REPLY, new)}
    return tuple(ids[msgid] for msgid in msgids)


def revisions(connection: Connection, line: Sequence[Posting]) -> tuple[Earlier, ...]:
    """What is kept of a series: the revisions in `line`, and others of their author and title."""
    msgids = {posting.series.msgid for posting in line}
    names = {
        name
        for posting in line
        for name in names_of(
            posting.mails[posting.series.msgid].author.email.lower(), posting.series.subject
        )
    }
    wanted = or_(
        review.c.msgid.in_(msgids), review.c.author.in_({author for author, _, _ in names})
    )
    query = select(review.c.id, review.c.msgid, review.c.author, review.c.subject).where(wanted)
    ids = [
        id_
        for id_, msgid, author, subject in connection.execute(query)
        if msgid in msgids or not names.isdisjoint(names_of(author, subject))
    ]
    rows = select(review).where(review.c.id.in_(ids)).order_by(review.c.revision, review.c.id)
    return tuple(_earlier(connection, row) for row in connection.execute(rows).mappings().all())


def same_series(connection: Connection, msgid: str) -> list[int]:
    """Ids of the reviews of a series, named by the message-id of one revision, in all revisions."""
    found = connection.execute(select(review).where(review.c.msgid == msgid)).mappings().first()
    if found is None:
        return []
    names = names_of(found["author"], found["subject"])
    query = select(review.c.id, review.c.subject).where(review.c.author == found["author"])
    alike = [
        id_
        for id_, subject in connection.execute(query)
        if not names.isdisjoint(names_of(found["author"], subject))
    ]
    return sorted({found["id"], *alike})


def _earlier(connection: Connection, row: Mapping[Any, Any]) -> Earlier:
    """What the review of `row` found, and which mails that have left told it."""
    lines = connection.execute(select(entry).where(entry.c.review_id == row["id"])).mappings()
    sent = select(reply.c.msgid, reply.c.says).where(
        reply.c.review_id == row["id"], reply.c.state == State.SENT.value
    )
    return earlier_of(row, lines, connection.execute(sent.order_by(reply.c.id)).mappings())
