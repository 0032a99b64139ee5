# SPDX-License-Identifier: GPL-2.0-or-later
"""Orders by mail in the database: what was heard before, what they do, and that it was done.

The transaction is the caller's (`bot.outbox.hearing`).  Who may give an order
has been decided before; what the outbox does not allow is said in the outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, select

from bot.errors import UsageError
from bot.orders.model import Answered, Asked, Heard, Known, Order, Outcome
from bot.outbox.dismissing import dismiss
from bot.outbox.moving import Row, discard_by_hand, discard_where, release, row_of
from bot.outbox.recording import same_series
from bot.outbox.rows import notice_row
from bot.outbox.schema import heard, leave, reply, review
from bot.outgoing import Kind, Leave, State
from bot.sources.mail import parse_mail

__all__ = ["before", "heard_of", "in_outbox", "keep", "known", "leaves", "totals"]

DAY = timedelta(hours=24)
MOST_ANSWERS = 10
"""Answers to one person in 24 hours."""
CLOCKS = timedelta(minutes=5)
"""By how much the operator's clock may be behind ours."""
IDS = 200
"""Ancestors of a mail that are looked up."""


def known(connection: Connection, asked: Asked) -> Known:
    """What is to be known of a mail before it is judged."""
    return Known(before(connection, asked), _answered(connection, asked.parents))


def before(connection: Connection, asked: Asked) -> Heard | None:
    """What came of the mail; None where it was not heard, or only a copy that was not believed."""
    query = select(heard).where(heard.c.msgid == asked.msgid)
    row = connection.execute(query).mappings().first()
    if row is None or (row["accepted"] == 0 and row["copy"] != asked.copy):
        return None
    series = next((one["series"] for one in row["orders"] if one["done"] and one["series"]), "")
    waiting = select(review.c.msgid).where(
        review.c.msgid == series, review.c.recorded < row["moment"]
    )
    recheck = connection.execute(waiting).scalar() or ""
    return heard_of(row)._replace(recheck=recheck)


def heard_of(row: Mapping[Any, Any]) -> Heard:
    """What came of a mail, by its row."""
    outcomes = tuple(Outcome(one["line"], one["done"], one["words"]) for one in row["orders"])
    return Heard(row["msgid"], row["author"], outcomes, fresh=False)


def totals(connection: Connection) -> tuple[int, int]:
    """How many orders were obeyed, and how many were not, as far as that is kept."""
    sums = select(func.sum(heard.c.accepted), func.sum(heard.c.ignored))
    obeyed, ignored = connection.execute(sums).one()
    return int(obeyed or 0), int(ignored or 0)


def in_outbox(connection: Connection, msgid: str) -> bool:
    """Whether a mail of ours has this Message-ID, in whatever state it is."""
    return connection.execute(select(reply.c.id).where(reply.c.msgid == msgid)).first() is not None


def _answered(connection: Connection, parents: Sequence[str]) -> Answered | None:
    """The nearest of our mails among `parents`, one about a series before all others."""
    parents = parents[:IDS]
    query = (
        select(reply, review.c.msgid.label("series"), review.c.files)
        .outerjoin(review, review.c.id == reply.c.review_id)
        .where(reply.c.msgid.in_(parents))
    )
    rows = connection.execute(query).mappings().all()
    row = min(
        rows,
        key=lambda row: (row["kind"] != Kind.REVIEW.value, parents.index(row["msgid"])),
        default=None,
    )
    if row is None:
        return None
    files = tuple(row["files"] or ())
    kind, series = Kind(row["kind"]), row["series"] or ""
    return Answered(row["id"], kind, row["subject"], row["author"], series, files)


def keep(
    connection: Connection,
    asked: Asked,
    judged: Sequence[tuple[Order, str]],
    now: datetime,
) -> Heard:
    """Carry out what is not refused, and write down what came of all.

    Parameters
    ----------
    judged: the orders, each with the reason why it is refused, or an empty one
    """
    outcomes, rows, recheck = [], [], ""
    twin = _twin(connection, asked)
    for order, why in judged:
        try:
            why = why or twin
            words = why or _DEEDS[order.word](connection, asked, order, now)
            outcome = Outcome(order.line, not why, words)
        except UsageError as err:
            outcome = Outcome(order.line, False, str(err))
        series = ""
        if outcome.done and order.word == "recheck" and asked.answered is not None:
            series = recheck = asked.answered.series
        outcomes.append(outcome)
        rows.append({**outcome._asdict(), "series": series})
    done = Heard(asked.msgid, asked.author, tuple(outcomes), recheck)
    connection.execute(delete(heard).where(heard.c.msgid == asked.msgid))
    connection.execute(
        insert(heard).values(
            msgid=asked.msgid,
            copy=asked.copy,
            content=asked.content,
            moment=now,
            author=asked.author,
            orders=rows,
            accepted=done.accepted,
            ignored=done.ignored,
        )
    )
    return done


def _twin(connection: Connection, asked: Asked) -> str:
    """That the same was sent before, with another Message-ID; empty where it was not."""
    query = select(heard.c.msgid).where(
        heard.c.content == asked.content, heard.c.accepted > 0, heard.c.msgid != asked.msgid
    )
    msgid = connection.execute(query.limit(1)).scalar()
    return f"it was heard already, as <{msgid}>" if msgid else ""


def leaves(connection: Connection) -> tuple[Leave, ...]:
    """Whom people asked to leave alone or to write to, the oldest first."""
    query = select(leave).order_by(leave.c.since, leave.c.kind, leave.c.what, leave.c.who)
    return tuple(
        Leave(row["kind"], row["what"], row["who"], row["mail"], row["since"])
        for row in connection.execute(query).mappings()
    )


def _target(asked: Asked) -> Answered:
    if asked.answered is None:
        raise UsageError("the mail answers none of ours")
    return asked.answered


def _dismiss(connection: Connection, asked: Asked, order: Order, now: datetime) -> str:
    row = row_of(connection, _target(asked).id)
    chosen, discarded = dismiss(connection, row, order.target, order.reason, now, who=asked.author)
    also = f"; discarded {', '.join(map(str, discarded))}" if discarded else ""
    return f"dismissed {len(chosen)} of reply {row['id']}{also}"


def _recheck(_connection: Connection, asked: Asked, _order: Order, _now: datetime) -> str:
    return f"{_target(asked).series} is reviewed again"


def _stop(connection: Connection, asked: Asked, order: Order, now: datetime) -> str:
    kind, what = _whom(asked, order)
    _wish(connection, asked, kind, what, now)
    number = discard_where(
        connection, _concerned(connection, kind, what), now, f"{asked.author} asked to stop"
    )
    return f"{kind} {what} is left alone; {number} discarded"


def _start(connection: Connection, asked: Asked, order: Order, _now: datetime) -> str:
    kind, what = _whom(asked, order)
    return _undo(connection, asked, kind, what)


def _leave(connection: Connection, asked: Asked, order: Order, now: datetime) -> str:
    kind, what = ("author" if "@" in order.target else "list"), order.target
    _drop(connection, and_(leave.c.kind == "welcome", leave.c.what == what))
    _wish(connection, asked, kind, what, now)
    number = discard_where(
        connection, _concerned(connection, kind, what), now, f"{what} is to be left alone"
    )
    return f"{kind} {what} is left alone; {number} discarded"


def _return(connection: Connection, asked: Asked, order: Order, now: datetime) -> str:
    kind, what = ("author" if "@" in order.target else "list"), order.target
    _drop(connection, and_(leave.c.kind == kind, leave.c.what == what))
    if kind == "list":
        _wish(connection, asked, "welcome", what, now)
    return f"{kind} {what} may be written to"


def _explain(connection: Connection, asked: Asked, order: Order, now: datetime) -> str:
    notice = asked.answer
    if notice is None:
        raise UsageError(f"{asked.author} is no address that can be answered")
    if not in_outbox(connection, notice.envelope.msgid):
        lately = select(func.count()).where(
            reply.c.kind == Kind.ANSWER.value,
            reply.c.author == asked.author,
            reply.c.changed > now - DAY,
        )
        if connection.execute(lately).scalar_one() >= MOST_ANSWERS:
            raise UsageError(f"{MOST_ANSWERS} answers to {asked.author} in 24 hours are enough")
        row = notice_row(
            Kind.ANSWER,
            notice.envelope,
            notice.parent,
            notice.subject,
            f"{asked.author} asked",
            now,
        )
        connection.execute(insert(reply).values(**row))
    return f"explained {order.target}"


def _meant(connection: Connection, asked: Asked, number: int) -> Row:
    """The row of a reply, if it was there when the order was written.

    A store that was lost or restored gives a number to another reply.
    """
    row = row_of(connection, number)
    written = parse_mail(bytes(row["raw"])).date
    if written is not None and asked.date is not None and written > asked.date + CLOCKS:
        raise UsageError(
            f"reply {number} is younger than the order, which meant another one;"
            f" see `revokebot queue show {number}`, and order anew"
        )
    return row


def _approve(connection: Connection, asked: Asked, order: Order, now: datetime) -> str:
    row = _meant(connection, asked, order.number)
    failed = row["state"] == State.FAILED.value
    release(connection, row, now, State.FAILED if failed else State.DRAFT, how="by mail")
    return f"reply {order.number} is {'retried' if failed else 'approved'}"


def _discard(connection: Connection, asked: Asked, order: Order, now: datetime) -> str:
    row = _meant(connection, asked, order.number)
    discard_by_hand(connection, row, now, order.reason or "discarded by mail")
    return f"reply {order.number} is discarded"


def _whom(asked: Asked, order: Order) -> tuple[str, str]:
    """What `stop` and `start` are about: a series, its author, or who writes without any."""
    answered = asked.answered
    about = answered is not None and bool(answered.series)
    if order.target == "author":
        return "author", _target(asked).author if about else asked.author
    return "series", _target(asked).series


def _wish(connection: Connection, asked: Asked, kind: str, what: str, now: datetime) -> None:
    """Write a wish down, once for each who has it."""
    _drop(connection, _own(asked, kind, what))
    connection.execute(
        insert(leave).values(kind=kind, what=what, who=asked.author, mail=asked.msgid, since=now)
    )


def _undo(connection: Connection, asked: Asked, kind: str, what: str) -> str:
    """Take back a wish: one's own, or as the operator that of all."""
    there = and_(leave.c.kind == kind, leave.c.what == what)
    gone = _drop(connection, there if asked.operator else _own(asked, kind, what))
    others = connection.execute(select(leave.c.who).where(there).order_by(leave.c.who)).scalars()
    names = ", ".join(others)
    if not gone:
        hint = f"; {names} did" if names else ""
        raise UsageError(f"{asked.author} did not ask to leave {kind} {what} alone{hint}")
    if names:
        return f"{kind} {what} stays left alone, since {names} asked for it, too"
    return f"{kind} {what} may be answered again"


def _own(asked: Asked, kind: str, what: str) -> Any:
    return and_(leave.c.kind == kind, leave.c.what == what, leave.c.who == asked.author)


def _drop(connection: Connection, which: Any) -> int:
    return connection.execute(delete(leave).where(which)).rowcount


def _concerned(connection: Connection, kind: str, what: str) -> Any:
    """The replies that somebody who is left alone would get."""
    ours = reply.c.kind == Kind.REVIEW.value
    if kind == "author":
        return and_(ours, reply.c.author == what)
    if kind == "series":
        return and_(ours, reply.c.review_id.in_(same_series(connection, what)))
    waiting = select(reply.c.id, reply.c.lists).where(
        ours, reply.c.state.not_in((State.SENT.value, State.DISCARDED.value))
    )
    rows = connection.execute(waiting).all()
    return reply.c.id.in_([id_ for id_, lists in rows if what in lists])


Deed = Callable[[Connection, Asked, Order, datetime], str]
"""Does what an order says and tells what was done; `UsageError` where the outbox refuses."""
_DEEDS: Mapping[str, Deed] = {
    "dismiss": _dismiss,
    "recheck": _recheck,
    "stop": _stop,
    "start": _start,
    "explain": _explain,
    "approve": _approve,
    "discard": _discard,
    "leave": _leave,
    "return": _return,
}
