# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows as a watcher leaves them, for the tests of what is shown of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, insert

from bot.outbox.database import connect
from bot.outbox.schema import heard, inbox, incident, mail, series, thread
from bot.settings import StoreSettings
from tests.store.outbox import NOW

HOUR = timedelta(hours=1)
LORE = "https://lore.example.org/dri-devel/"
NEWS = "nntp://news.example.org/linux.dri"
ROOT = "cover@example.org"
PART = "part-1@example.org"
ORDER = "order@example.org"


def put(url: str, table: Table, **values: Any) -> None:
    """Insert one row."""
    engine = connect(StoreSettings(url))
    with engine.begin() as connection:
        connection.execute(insert(table), values)
    engine.dispose()


def put_inbox(
    url: str, name: str = LORE, polled: datetime | None = NOW, failures: int = 0, error: str = ""
) -> None:
    due = NOW + timedelta(minutes=5)
    values = {"polled": polled, "due": due, "failures": failures, "error": error, "mails": 7}
    put(url, inbox, name=name, cursor="c", **values)


def put_thread(
    url: str, number: int, state: str, due: datetime | None = None, **values: Any
) -> None:
    whole = {"reason": "", "attempts": 0, "version": 1, "arrived": NOW, "changed": NOW, **values}
    put(url, thread, id=number, state=state, due=due, **whole)


def put_mail(url: str, msgid: str, number: int, kind: str = "patch") -> None:
    values = {"author": "author@example.org", "bucket": "", "date": NOW, "raw": None}
    came = None if kind == "ghost" else NOW
    put(url, mail, msgid=msgid, thread=number, kind=kind, inbox=LORE, arrived=came, **values)


def put_series(url: str, msgid: str, number: int, fate: str, **values: Any) -> None:
    whole = {
        "subject": "frob: count", "revision": 2, "total": 3, "parts": [msgid, PART],
        "reason": "because", "digest": "", "until": None, "changed": NOW, **values,
    }  # fmt: skip
    put(url, series, msgid=msgid, thread=number, fate=fate, **whole)


def put_incident(url: str, number: int, words: str = "it broke; mend it") -> None:
    put(url, incident, moment=NOW, kind="review", place=f"thread {number}", words=words)


def put_orders(url: str, msgid: str, *outcomes: tuple[str, bool, str]) -> None:
    rows = [{"line": line, "done": done, "words": words} for line, done, words in outcomes]
    values = {"copy": "", "content": "", "moment": NOW, "author": "author@example.org"}
    obeyed = sum(done for _, done, _ in outcomes)
    counts = {"accepted": obeyed, "ignored": len(outcomes) - obeyed}
    put(url, heard, msgid=msgid, orders=rows, **values, **counts)


def put_a_bad_day(url: str) -> None:
    """A watcher with one inbox that fails, one thread that is parked, and one that waits."""
    put_inbox(url)
    put_inbox(url, NEWS, NOW - 2 * HOUR, 4, "news.example.org refuses; see its status page")
    put_thread(url, 1, "done")
    put_thread(url, 2, "parked", reason="3 times over 60 s; report it")
    put_thread(url, 3, "due", NOW - 2 * HOUR)
    put_thread(url, 4, "due", NOW + HOUR)
    put_thread(url, 5, "working", NOW - 3 * HOUR, lease_until=NOW + HOUR, owner="me")
    put_mail(url, ROOT, 2)
    put_mail(url, PART, 2)
    put_mail(url, "a-ghost@example.org", 2, "ghost")
    put_series(url, ROOT, 2, "waiting", until=NOW + HOUR)
    put_series(url, "other@example.org", 2, "reviewed", parts=["other@example.org"])
    put_orders(url, ORDER, ("#revokebot stop", True, "left alone"), ("#revokebot x", False, "?"))
    for number in range(12):
        put_incident(url, number)
