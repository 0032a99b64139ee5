# SPDX-License-Identifier: GPL-2.0-or-later
"""One reply's row on its way from state to state, and what is wrong where it can't go there.

The transaction is the caller's (`bot.store`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, select, update

from bot.errors import UsageError
from bot.outbox.schema import reply, switch
from bot.outgoing import State

__all__ = [
    "UNSENT", "Row", "change", "discard_by_hand", "discard_where", "ended", "held", "release",
    "row_of", "why_stopped", "wrong",
]  # fmt: skip

Row = Mapping[Any, Any]
UNSENT = (State.DRAFT, State.APPROVED, State.FAILED)
ADVICE = {
    State.DRAFT: "approve, edit or discard it",
    State.APPROVED: "it will be sent; discard it to prevent that",
    State.SENDING: "wait until its sender is done",
    State.SENT: "it can't be called back",
    State.FAILED: "retry or discard it",
    State.DISCARDED: "review the series again; what a person discarded stays so",
}


def ended(state: State, now: datetime, words: str) -> dict[str, Any]:
    """What a row becomes that no sender holds any more; `words` are the reason."""
    return {
        "state": state.value,
        "changed": now,
        "reason": words,
        "owner": None,
        "lease_until": None,
    }


def row_of(connection: Connection, id_: int) -> Row:
    """The row of the reply `id_`, locked where the transaction is one that writes.

    Raises `UsageError` when there is none.
    """
    query = select(reply).where(reply.c.id == id_)
    if not connection.get_execution_options().get("reading"):
        query = query.with_for_update()
    row = connection.execute(query).mappings().first()
    if row is None:
        raise UsageError(f"there is no reply {id_}; `revokebot queue list --all` shows them")
    return row


def held(connection: Connection, id_: int, owner: str, wish: str) -> Row:
    """The row of a reply that `owner` has claimed, and nobody else since.

    Raises `UsageError` with `wish` (`become sent`) when it is another's, or in another state.
    """
    row = row_of(connection, id_)
    if row["state"] != State.SENDING.value:
        raise wrong(row, wish)
    if row["owner"] != owner:
        raise UsageError(
            f"reply {id_} is being sent by {row['owner']} now, not by {owner}, whose time "
            "is over; make delivery.lease longer than delivery.deadline"
        )
    return row


def wrong(row: Row, wish: str) -> UsageError:
    """That the state of `row` does not allow `wish`, and what can be done instead."""
    state = State(row["state"])
    advice = ADVICE[state]
    if state is State.SENDING:
        advice = f"{advice}, who has until {row['lease_until']:%Y-%m-%d %H:%M} UTC"
    return UsageError(f"reply {row['id']} is {state.value} and can't {wish}: {advice}")


def change(connection: Connection, id_: int, values: Row) -> None:
    """Write `values` into the row of the reply `id_`."""
    connection.execute(update(reply).where(reply.c.id == id_).values(**values))


def discard_where(connection: Connection, which: Any, now: datetime, reason: str) -> int:
    """Discard the unsent replies among `which`; return how many of them were there.

    One whose sender died counts as unsent.
    """
    unsent = [state.value for state in UNSENT]
    dead = and_(reply.c.state == State.SENDING.value, reply.c.lease_until <= now)
    done = connection.execute(
        update(reply)
        .where(which, or_(reply.c.state.in_(unsent), dead))
        .values(**ended(State.DISCARDED, now, reason), by_hand=False)
    )
    return done.rowcount


def discard_by_hand(connection: Connection, row: Row, now: datetime, reason: str) -> None:
    """A person discards the reply of `row`.  Raises `UsageError` where it is too late."""
    if not discard_where(connection, reply.c.id == row["id"], now, reason):
        raise wrong(row, "be discarded")
    change(connection, row["id"], {"by_hand": True})


def release(
    connection: Connection, row: Row, now: datetime, before: State, how: str = "by hand"
) -> None:
    """A person lets the reply of `row` go, which stopped in the state `before`.

    A draft is approved; a failed one is tried again at once and with all its attempts, and
    whether it may have left before is not forgotten.
    """
    retry = before is State.FAILED
    done = "retried" if retry else "approved"
    if row["state"] != before.value:
        raise wrong(row, f"be {done}")
    values: Row = {"attempts": 0, "not_before": None, "waits": 0} if retry else {"by_hand": True}
    change(connection, row["id"], {**values, **ended(State.APPROVED, now, f"{done} {how}")})


def due(now: datetime) -> ColumnElement[bool]:
    """That a reply may go, or that its sender has died."""
    may_go = and_(
        reply.c.state == State.APPROVED.value,
        or_(reply.c.not_before.is_(None), reply.c.not_before <= now),
    )
    return or_(may_go, and_(reply.c.state == State.SENDING.value, reply.c.lease_until <= now))


def sendable(connection: Connection, now: datetime) -> bool:
    """Whether a sender would find something to do."""
    if why_stopped(connection) is not None:
        return False
    return connection.execute(select(reply.c.id).where(due(now)).limit(1)).first() is not None


def why_stopped(connection: Connection) -> str | None:
    """Why all is stopped; None when it isn't."""
    return connection.execute(select(switch.c.reason)).scalar()
