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
from bot.outbox.moving import UNSENT, discard_where
from bot.outbox.schema import dismissal, reply, review
from bot.outgoing import Dismissal, State

__all__ = ["dismiss", "dismissals", "undismiss"]


def dismiss(
    connection: Connection,
    row: Mapping[Any, Any],
    rule: str,
    reason: str,
    now: datetime,
    who: str = "",
) -> tuple[tuple[Dismissal, ...], tuple[int, ...]]:
    """Dismiss what the reply of `row` tells, of all rules where `rule` is empty.

    Unsent replies that tell it are discarded.  Returns what is dismissed, and those.

    Parameters
    ----------
    who: address of who says so by mail

    Raises `UsageError` when it tells nothing of that rule.
    """
    chosen = _chosen(connection, row, rule, Dismissal("", "", reason, now, who))
    undismiss(connection, [one.fingerprint for one in chosen])
    connection.execute(insert(dismissal), [one._asdict() for one in chosen])
    discarded = []
    for number, more in _telling(connection, chosen, (*UNSENT, State.SENDING)):
        words = f"dismissed: {reason}"
        if more:
            words = f"partly {words}; review the series again for the rest"
        if discard_where(connection, reply.c.id == number, now, words):
            discarded.append(number)
    return chosen, tuple(discarded)


def _chosen(
    connection: Connection, row: Mapping[Any, Any], rule: str, model: Dismissal
) -> tuple[Dismissal, ...]:
    """What the reply of `row` tells, each as `model`."""
    if row["review_id"] is None:
        raise UsageError(f"reply {row['id']} tells of no review; discard it instead")
    query = select(review.c.findings).where(review.c.id == row["review_id"])
    found = connection.execute(query).scalar_one()
    rules = {one["fingerprint"]: one["rule"] for one in found}
    told = [model._replace(fingerprint=mark, rule=rules.get(mark, "")) for mark in row["says"]]
    if not told:
        raise UsageError(f"reply {row['id']}: what it tells was not kept; discard it instead")
    chosen = tuple(one for one in told if rule in ("", one.rule))
    if not chosen:
        names = ", ".join(sorted({one.rule for one in told if one.rule}))
        raise UsageError(
            f"reply {row['id']} tells nothing of {rule}, as far as the last review of the series "
            f"knows; that knows of {names or 'none of its rules'}"
        )
    return chosen


def undismiss(connection: Connection, fingerprints: Sequence[str]) -> int:
    """Let these be told again; return how many of them were dismissed."""
    wanted = dismissal.c.fingerprint.in_(fingerprints)
    return connection.execute(delete(dismissal).where(wanted)).rowcount


def dismissals(connection: Connection) -> tuple[Dismissal, ...]:
    """All that is dismissed, the oldest first."""
    query = select(dismissal).order_by(dismissal.c.recorded, dismissal.c.fingerprint)
    return tuple(Dismissal(**row) for row in connection.execute(query).mappings())


def _telling(
    connection: Connection, chosen: Sequence[Dismissal], states: Sequence[State]
) -> Iterator[tuple[int, bool]]:
    """The replies in `states` that tell one of `chosen`, and whether they tell more than those."""
    marks = {one.fingerprint for one in chosen}
    query = select(reply.c.id, reply.c.says).where(reply.c.state.in_(states)).order_by(reply.c.id)
    for id_, says in connection.execute(query).all():
        if marks.intersection(says):
            yield id_, not marks.issuperset(says)
