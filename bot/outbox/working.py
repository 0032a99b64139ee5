# SPDX-License-Identifier: GPL-2.0-or-later
"""A thread on its way: who looks at it, what there is to look at, and what came of it.

The transaction is the caller's (`bot.watched`).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, and_, delete, func, insert, or_, select, update

from bot.incoming import Fate, Fated, Kind, Known, Stage, Task, Worked
from bot.outbox.moving import discard_where
from bot.outbox.recording import record
from bot.outbox.schema import kin, mail, reply, review, series, thread

__all__ = [
    "asked",
    "claim",
    "failed",
    "finish",
    "give_back",
    "let_be",
    "load",
    "retry",
    "ripe",
]

MOST_MAILS = 3000
"""Of a thread and those of its other revisions; more than any series has had."""
MOST_THREADS = 30
"""That hold other revisions of the same series."""
MOST_KEYS = 5000
"""Of one query: databases have a limit."""


def claim(connection: Connection, owner: str, now: datetime, lease: timedelta) -> int | None:
    """Take the thread that has been due for longest; None when there is none."""
    oldest = _ripest(now).with_for_update(skip_locked=True)
    number: int | None = connection.execute(oldest).scalar()
    if number is not None:
        held = {"state": Stage.WORKING.value, "owner": owner, "lease_until": now + lease}
        connection.execute(update(thread).where(thread.c.id == number).values(**held))
    return number


def ripe(connection: Connection, now: datetime) -> bool:
    """Whether a thread is due, or was given up by its worker."""
    return connection.execute(_ripest(now)).first() is not None


def _ripest(now: datetime) -> Select[Any]:
    dead = and_(thread.c.state == Stage.WORKING.value, thread.c.lease_until <= now)
    due = and_(thread.c.state == Stage.DUE.value, thread.c.due <= now)
    # One that was given up is as if it had become due then: should it be what its watcher died
    # of, the next one does the others first.
    since = func.coalesce(thread.c.lease_until, thread.c.due)
    return select(thread.c.id).where(or_(due, dead)).order_by(since, thread.c.id).limit(1)


def load(
    connection: Connection, number: int, owner: str, keys: frozenset[str] = frozenset()
) -> Task | None:
    """All that there is to look at in the thread `number`; None where `owner` has lost it.

    Parameters
    ----------
    keys: what its series have in common with other revisions, beside what is known of that
    """
    row = connection.execute(select(thread).where(thread.c.id == number)).mappings().first()
    if row is None or row["owner"] != owner:
        return None
    mails, arrived = {}, {}
    own, ghosts = set(), set()
    known = frozenset(connection.execute(_keys_of([number])).scalars()) | keys
    for one in connection.execute(_mails_of(number, _related(connection, number, known))):
        if one.raw is not None:
            mails[one.msgid] = zlib.decompress(one.raw)
            arrived[one.msgid] = one.arrived
            if one.thread == number:
                own.add(one.msgid)
        elif one.thread == number and one.kind == Kind.GHOST.value:
            ghosts.add(one.msgid)
    rows = connection.execute(select(series).where(series.c.thread == number)).mappings()
    return Task(
        thread=number,
        owner=owner,
        version=row["version"],
        waits=row["waits"],
        mails=mails,
        own=frozenset(own),
        arrived=arrived,
        ghosts=frozenset(ghosts),
        asked=row["asked"],
        keys=known,
        known={one["msgid"]: Known(one["digest"], Fate(one["fate"]), one["until"]) for one in rows},
    )


def _mails_of(number: int, numbers: Sequence[int]) -> Select[Any]:
    """The mails of some threads, first those of the thread `number`, should there be too many.

    Replies come last: a flood of them leaves no patch and no order unseen.
    """
    talk = mail.c.kind == Kind.REPLY.value
    return (
        select(mail.c.msgid, mail.c.raw, mail.c.thread, mail.c.kind, mail.c.arrived)
        .where(mail.c.thread.in_(numbers))
        .order_by(mail.c.thread != number, talk, mail.c.arrived, mail.c.msgid)
        .limit(MOST_MAILS)
    )


def _related(connection: Connection, number: int, keys: frozenset[str]) -> list[int]:
    """The thread, and those that hold other revisions of its series, which have `keys`."""
    found = [number]
    while keys and len(found) < MOST_THREADS:
        some = sorted(keys)[:MOST_KEYS]
        query = select(kin.c.thread).where(kin.c.key.in_(some)).distinct().order_by(kin.c.thread)
        fresh = [one for one in connection.execute(query).scalars() if one not in found]
        found += fresh
        keys = frozenset(connection.execute(_keys_of(fresh)).scalars()) - keys
    return found[:MOST_THREADS]


def _keys_of(numbers: Sequence[int]) -> Select[Any]:
    return select(kin.c.key).where(kin.c.thread.in_(numbers))


def finish(connection: Connection, task: Task, worked: Worked, now: datetime) -> bool:
    """Keep what came of `task`, all or nothing; False where a mail has come meanwhile.

    Then the thread is due again, and nothing of `worked` is kept.
    """
    query = select(thread.c.owner, thread.c.version).where(thread.c.id == task.thread)
    row = connection.execute(query.with_for_update()).first()
    if row is None or row.owner != task.owner:
        return False
    if row.version != task.version:
        give_back(connection, task.thread, task.owner, now, now, "a mail has come meanwhile")
        return False
    for one in worked.reviewed:
        record(connection, one.review, one.entries, one.replies, now)
        if one.older:
            revision = one.review.posting.series.revision
            reviews = select(review.c.id).where(review.c.msgid.in_(one.older))
            words = f"revision {revision} has come"
            discard_where(connection, reply.c.review_id.in_(reviews), now, words)
    _keep_series(connection, task, worked.series, now)
    values: dict[str, Any] = {"state": Stage.DONE.value, "due": None, "reason": ""}
    values |= {"attempts": 0, "waits": 0}
    if worked.due is not None:
        values |= {"state": Stage.DUE.value, "due": worked.due}
    _let_go(connection, task.thread, {**values, "changed": now})
    return True


def _keep_series(connection: Connection, task: Task, fated: Iterable[Fated], now: datetime) -> None:
    """Write down the thread's series; one that is there no more belongs to another now."""
    rows = {one.msgid: one for one in fated}
    owner = {part: one.msgid for one in fated for part in one.parts}
    for msgid in task.known.keys() - rows.keys():
        into = owner.get(msgid)
        if into is None:
            continue  # its mails are not kept any more
        words = f"its parts belong to <{into}> now"
        gone = update(series).where(series.c.msgid == msgid, series.c.fate != Fate.REPLACED.value)
        values = {"fate": Fate.REPLACED.value, "reason": words, "until": None}
        connection.execute(gone.values(**values, changed=now))
        reviews = select(review.c.id).where(review.c.msgid == msgid)
        discard_where(connection, reply.c.review_id.in_(reviews), now, words)
    connection.execute(delete(series).where(series.c.msgid.in_(rows)))
    if rows:
        connection.execute(insert(series), [_series_row(one, task.thread, now) for one in fated])
    connection.execute(delete(kin).where(kin.c.thread == task.thread))
    keys = sorted({key for one in fated for key in one.keys})
    if keys:
        connection.execute(insert(kin), [{"key": key, "thread": task.thread} for key in keys])


def _series_row(one: Fated, number: int, now: datetime) -> dict[str, Any]:
    row = {**one._asdict(), "parts": list(one.parts), "fate": one.fate.value}
    del row["keys"]  # they are the thread's
    return {**row, "thread": number, "changed": now}


def give_back(
    connection: Connection,
    number: int,
    owner: str,
    now: datetime,
    until: datetime,
    reason: str,
    *,
    waited: bool = False,
) -> None:
    """Let a thread go that nothing was made of, and that is not to blame; it is due at `until`.

    Parameters
    ----------
    waited: the archive gave no answer about it; that is counted
    """
    values: dict[str, Any] = {"state": Stage.DUE.value, "due": until}
    values |= {"reason": reason, "changed": now}
    if waited:
        values["waits"] = thread.c.waits + 1
    if _attempts(connection, number, owner) is not None:
        _let_go(connection, number, values)


def failed(
    connection: Connection,
    number: int,
    owner: str,
    now: datetime,
    until: datetime,
    reason: str,
    most: int,
) -> bool:
    """Let a thread go that has failed; it is due at `until`, or parked when it was the last time.

    Parameters
    ----------
    most: times that it may fail

    Returns whether it was parked.
    """
    before = _attempts(connection, number, owner)
    if before is None:
        return False
    values = {"state": Stage.DUE.value, "due": until, "reason": reason, "changed": now}
    parked = before + 1 >= most
    if parked:
        values |= {"state": Stage.PARKED.value, "due": None}
    _let_go(connection, number, {**values, "attempts": before + 1})
    return parked


def oldest(connection: Connection, number: int) -> str:
    """Bare message-id of the mail of a thread that came first; empty where none is known."""
    came = select(mail.c.msgid).where(mail.c.thread == number, mail.c.arrived.is_not(None))
    found = connection.execute(came.order_by(mail.c.arrived, mail.c.msgid).limit(1)).scalar()
    return found or ""


def _attempts(connection: Connection, number: int, owner: str) -> int | None:
    """How often a thread has failed; None where `owner` does not have it."""
    mine = and_(thread.c.id == number, thread.c.owner == owner)
    found: int | None = connection.execute(select(thread.c.attempts).where(mine)).scalar()
    return found


def _let_go(connection: Connection, number: int, values: dict[str, Any]) -> None:
    free = {**values, "owner": None, "lease_until": None}
    connection.execute(update(thread).where(thread.c.id == number).values(**free))


def asked(
    connection: Connection, task: Task, keys: Mapping[str, frozenset[str]], now: datetime
) -> None:
    """Remember that the archive was asked for the rest of a thread, and what it told of others.

    Parameters
    ----------
    keys: of series in mails that are kept by now: what their revisions have in common
    """
    query = select(mail.c.msgid, mail.c.thread).where(mail.c.msgid.in_(keys))
    pairs = {(key, of) for msgid, of in connection.execute(query) for key in keys[msgid]}
    there = select(kin.c.key, kin.c.thread).where(kin.c.thread.in_({of for _key, of in pairs}))
    pairs -= {(key, of) for key, of in connection.execute(there)}
    if pairs:
        connection.execute(insert(kin), [{"key": key, "thread": of} for key, of in sorted(pairs)])
    mine = and_(thread.c.id == task.thread, thread.c.owner == task.owner)
    connection.execute(update(thread).where(mine).values(asked=now))


def retry(
    connection: Connection, msgid: str, now: datetime, *, anew: bool, besides: int | None
) -> int:
    """Make the thread of `msgid` due, unless it is `besides`; with `anew` review its series again.

    Returns how many threads that are: 0 where the mail is not known.
    """
    number = connection.execute(select(mail.c.thread).where(mail.c.msgid == msgid)).scalar()
    if number in (None, besides):
        return 0
    if anew:
        connection.execute(update(series).where(series.c.thread == number).values(digest=""))
    values = {"due": now, "attempts": 0, "waits": 0, "reason": "", "changed": now}
    free = thread.c.state != Stage.WORKING.value
    chosen = update(thread).where(thread.c.id == number)
    connection.execute(chosen.values(version=thread.c.version + 1, due=now))
    connection.execute(chosen.where(free).values(state=Stage.DUE.value, **values))
    return 1


def let_be(connection: Connection, msgid: str, now: datetime) -> bool:
    """Look no more at the parked thread of `msgid`; False where that is not parked."""
    number = select(mail.c.thread).where(mail.c.msgid == msgid).scalar_subquery()
    parked = (thread.c.id == number, thread.c.state == Stage.PARKED.value)
    words = "given up by a person: " + thread.c.reason
    values = {"state": Stage.DONE.value, "reason": words, "changed": now}
    return connection.execute(update(thread).where(*parked).values(**values)).rowcount == 1
