# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads what the record of the rules is counted from: mails that left, and how each series went on.

It only reads, in the transaction of the caller (`bot.store`); what it means is
`bot.record`'s business.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, or_, select

from bot.outbox.dismissing import dismissals
from bot.outbox.rows import earlier_of
from bot.outbox.schema import entry, reply, review
from bot.outgoing import Dismissal, State, Status
from bot.record import Kept, Past, Record, tally
from bot.sources.lineage import names_of, together

__all__ = ["count_records"]

Row = Mapping[Any, Any]
Rows = Mapping[int, Sequence[Row]]
"""By the id of their review."""
REVIEW = (
    review.c.id,
    review.c.msgid,
    review.c.author,
    review.c.subject,
    review.c.revision,
    review.c.findings,
    review.c.date,
)
LINE = (entry.c.review_id, entry.c.fingerprint, entry.c.status, entry.c.mention, entry.c.revision)
MAIL = (reply.c.review_id, reply.c.msgid, reply.c.says)
TOLD_BEFORE = (Status.STANDING.value, Status.ADDRESSED.value)
CENTURY = 36500
"""Days; more is the same, and would leave what a date can say."""


def count_records(
    connection: Connection, now: datetime, days: int, *, doubted: bool = False
) -> dict[str, Record]:
    """The record of every rule over the last `days`, by its id.

    With `doubted`, only of those that somebody may have said no to.
    """
    since = now - timedelta(days=min(days, CENTURY))
    noes = dismissals(connection)
    rules = _doubted(connection, noes) if doubted else None
    if rules is not None and not rules:
        return {}
    left = (reply.c.state == State.SENT.value, reply.c.sent > since)
    sent = frozenset(connection.execute(select(reply.c.msgid).where(*left)).scalars())
    pasts = _pasts(connection, left, rules) if sent else ()
    records = tally(pasts, sent, noes, since)
    return {rule: one for rule, one in records.items() if rules is None or rule in rules}


def _doubted(connection: Connection, noes: Iterable[Dismissal]) -> frozenset[str] | None:
    """The rules that somebody may have said no to; None where that can't be told.

    Which of the answers were a no is for `tally` to say.
    """
    answered = select(entry.c.rule).where(entry.c.status == Status.SAID.value, entry.c.revision > 0)
    rules = {one.rule for one in noes} | {*connection.execute(answered.distinct()).scalars()}
    return None if "" in rules else frozenset(rules)


def _pasts(
    connection: Connection, left: tuple[Any, ...], rules: frozenset[str] | None
) -> Iterator[Past]:
    """The series of which one of the mails that have `left` tells something, and some others.

    With `rules`, only those of which they have found something.
    """
    about = () if rules is None else (entry.c.rule.in_(rules),)
    authors = select(review.c.author).join(reply).join(entry).where(*left, *about)
    mails = select(reply.c.msgid).where(*left)
    mentioning = select(entry.c.review_id).where(entry.c.mention.in_(mails), *about)
    wanted = or_(review.c.author.in_(authors), review.c.id.in_(mentioning))
    found = select(*REVIEW).where(wanted).order_by(review.c.revision, review.c.id)
    lines = select(*LINE).join(review).where(wanted)
    gone = select(*MAIL).join(review).where(wanted, reply.c.state == State.SENT.value)
    reviews = connection.execute(found).mappings().all()
    ledgers = _by_review(connection.execute(lines).mappings())
    sent = _by_review(connection.execute(gone.order_by(reply.c.id)).mappings())
    keys = [_keys(row, ledgers, sent) for row in reviews]
    for group in together(keys):
        rows = [reviews[at] for at in group]
        if any(sent[row["id"]] for row in rows):
            yield Past(
                [earlier_of(_of(row, rules), ledgers[row["id"]], sent[row["id"]]) for row in rows],
                [_kept(line) for row in rows for line in ledgers[row["id"]]],
            )


def _of(row: Row, rules: frozenset[str] | None) -> Row:
    """A review with the findings of `rules` alone: those of others have nothing to do with them."""
    if rules is None:
        return row
    return {**row, "findings": [one for one in row["findings"] if one["rule"] in rules]}


def _by_review(rows: Iterable[Row]) -> Mapping[int, Sequence[Row]]:
    groups: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["review_id"]].append(row)
    return groups


def _keys(row: Row, ledgers: Rows, sent: Rows) -> set[Hashable]:
    """What a review has in common with other revisions: its title, or a mail of ours."""
    lines = (line for line in ledgers[row["id"]] if line["status"] in TOLD_BEFORE)
    return {
        *names_of(row["author"], row["subject"]),
        *(mail["msgid"] for mail in sent[row["id"]]),
        *(line["mention"] for line in lines if line["mention"]),
    }


def _kept(line: Row) -> Kept:
    return Kept(line["fingerprint"], Status(line["status"]), line["mention"], line["revision"])
