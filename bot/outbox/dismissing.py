# SPDX-License-Identifier: GPL-2.0-or-later
"""Findings that nobody is to hear of any more, by fingerprint, with the reason.

The transaction is the caller's (`bot.store`).  Which finding of a later
revision has another fingerprint and is the same is the ledger's business.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from bot.errors import UsageError
from bot.outbox.schema import dismissal, reply, review
from bot.outgoing import Dismissal, State

__all__ = ["dismiss", "dismissals", "telling", "undismiss"]


def dismiss(
    connection: Connection, row: Mapping[Any, Any], rule: str, reason: str, now: datetime
) -> tuple[Dismissal, ...]:
    """Dismiss what the reply of `row` tells, of all rules where `rule` is empty.

    Raises `UsageError` when it tells nothing of that rule.
    """
    query = select(review.c.findings).where(review.c.id == row["review_id"])
    found = connection.execute(query).scalar_one()
    rules = {one["fingerprint"]: one["rule"] for one in found}
    told = [Dismissal(mark, rules.get(mark, ""), reason, now) for mark in row["says"]]
    if not told:
        raise UsageError(f"reply {row['id']}: what it tells was not kept; discard it instead")
    chosen = tuple(one for one in told if rule in ("", one.rule))
    if not chosen:
        names = ", ".join(sorted({one.rule for one in told if one.rule}))
        raise UsageError(
            f"reply {row['id']} tells nothing of {rule}, as far as the last review of the series "
            f"knows; that knows of {names or 'none of its rules'}"
        )
    undismiss(connection, [one.fingerprint for one in chosen])
    connection.execute(insert(dismissal), [one._asdict() for one in chosen])
    return chosen


def undismiss(connection: Connection, fingerprints: Sequence[str]) -> int:
    """Let these be told again; return how many of them were dismissed."""
    wanted = dismissal.c.fingerprint.in_(fingerprints)
    return connection.execute(delete(dismissal).where(wanted)).rowcount


def dismissals(connection: Connection) -> tuple[Dismissal, ...]:
    """All that is dismissed, the oldest first."""
    query = select(dismissal).order_by(dismissal.c.recorded, dismissal.c.fingerprint)
    return tuple(Dismissal(**row) for row in connection.execute(query).mappings())


def telling(
    connection: Connection, chosen: Sequence[Dismissal], states: Sequence[State]
) -> Iterator[tuple[int, bool]]:
    """The replies in `states` that tell one of `chosen`, and whether they tell more than those."""
    marks = {one.fingerprint for one in chosen}
    query = select(reply.c.id, reply.c.says).where(reply.c.state.in_(states)).order_by(reply.c.id)
    for id_, says in connection.execute(query).all():
        if marks.intersection(says):
            yield id_, not marks.issuperset(says)
