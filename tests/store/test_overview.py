# SPDX-License-Identifier: GPL-2.0-or-later
"""What is read of the store for `status`: counts, the oldest, and the way of one mail."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.errors import BotError
from bot.outbox.overview import Onlooker
from bot.overview import OFTEN, Overview
from bot.settings import StoreSettings
from bot.store import Store
from tests.store.outbox import DRAFT, LEASE, NOW, REVIEW, SEND, fill, settings
from tests.store.watched import HOUR, LORE, NEWS, PART, ROOT, put_a_bad_day, put_mail, put_thread

if TYPE_CHECKING:
    from tests.postgres import Postgres


@pytest.fixture
def onlooker(store_url: str) -> Iterator[Onlooker]:
    with Onlooker.open(StoreSettings(store_url)) as opened:
        yield opened


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[Onlooker]:
    with Onlooker.open(settings(tmp_path)) as opened:
        yield opened


def test_an_empty_store_has_nothing_to_tell(onlooker: Onlooker) -> None:
    assert onlooker.look(NOW) == Overview(orders={"obeyed": 0, "ignored": 0})
    assert onlooker.trace("nobody@example.org") is None


def test_all_is_counted(store_url: str, onlooker: Onlooker) -> None:
    put_a_bad_day(store_url)
    seen = onlooker.look(NOW)
    assert [(one.name, one.failures, one.mails) for one in seen.inboxes] == [
        (LORE, 0, 7), (NEWS, 4, 7),
    ]  # fmt: skip
    assert seen.threads == {"done": 1, "due": 2, "parked": 1, "working": 1}
    assert seen.series == {"reviewed": 1, "waiting": 1}
    assert seen.orders == {"obeyed": 1, "ignored": 1}
    assert seen.oldest_due == NOW - 2 * HOUR
    (parked,) = seen.parked
    assert (parked.thread, parked.msgid, parked.subject) == (2, ROOT, "frob: count")
    assert [one.place for one in seen.incidents] == [f"thread {n}" for n in range(11, 1, -1)]


def test_a_thread_whose_worker_died_waits(store_url: str, onlooker: Onlooker) -> None:
    put_thread(store_url, 1, "working", NOW - HOUR, lease_until=NOW, owner="dead")
    assert onlooker.look(NOW).oldest_due == NOW - HOUR
    assert onlooker.look(NOW - timedelta(seconds=1)).oldest_due is None


def test_a_reply_that_fails_again_and_again_is_told(store_url: str, onlooker: Onlooker) -> None:
    with Store.open(StoreSettings(store_url)) as store:
        one, two = fill(store, SEND)
        for tries in range(1, OFTEN + 1):
            assert onlooker.look(NOW).stuck == ()
            claimed = [store.claim("me", NOW, LEASE) for _ in (one, two)]
            assert None not in claimed
            store.later(one, "me", NOW, NOW, "the archive is away", waits=tries)
            store.begin(two, "me", NOW, LEASE)
            store.later(two, "me", NOW, NOW, "451 later", begun=True)
    found = onlooker.look(NOW).stuck
    assert sorted((reply.id, reply.reason) for reply in found) == [
        (one, "the archive is away"), (two, "451 later"),
    ]  # fmt: skip


def test_replies_and_the_one_that_waits_for_a_sender(store_url: str, onlooker: Onlooker) -> None:
    with Store.open(StoreSettings(store_url)) as store:
        one, two = fill(store, SEND)
        assert onlooker.look(NOW).oldest_unsent == NOW
        draft = store.claim("me", NOW, LEASE)
        assert draft is not None
        store.failed(one, "me", NOW, "550 no")
        store.claim("me", NOW, LEASE)
        store.later(two, "me", NOW, NOW + HOUR, "451 later")
        store.stop("holidays")
    seen = onlooker.look(NOW)
    assert seen.replies == {"approved": 1, "failed": 1}
    assert seen.oldest_unsent is None
    assert onlooker.look(NOW + 2 * HOUR).oldest_unsent == NOW + HOUR
    assert [(reply.id, reply.reason) for reply in seen.failed] == [(one, "550 no")]
    assert seen.stopped == "holidays"


def test_a_mail_is_traced_to_its_series(store_url: str, onlooker: Onlooker) -> None:
    put_a_bad_day(store_url)
    traced = onlooker.trace(PART)
    assert traced is not None
    assert (traced.kind, traced.inbox, traced.thread, traced.stage) == ("patch", LORE, 2, "parked")
    (course,) = traced.courses
    assert (course.msgid, course.fate, course.reason) == (ROOT, "waiting", "because")
    assert (course.parts, course.total, course.until) == (2, 3, NOW + HOUR)
    ghost = onlooker.trace("a-ghost@example.org")
    assert ghost is not None
    assert (ghost.kind, ghost.arrived, ghost.courses) == ("ghost", None, ())


def test_a_mail_is_traced_to_its_review_and_replies(store_url: str, onlooker: Onlooker) -> None:
    with Store.open(StoreSettings(store_url)) as store:
        ids = fill(store, DRAFT)
        ours = store.draft(ids[0])
    root = REVIEW.posting.series.msgid
    put_thread(store_url, 9, "done")
    put_mail(store_url, root, 9)
    traced = onlooker.trace(root)
    assert traced is not None
    assert (traced.reviewed, traced.findings) == (NOW, len(REVIEW.findings))
    assert tuple(reply.id for reply in traced.replies) == ids
    # The patch that is answered came through no inbox; nor did our own mail.
    for msgid in (ours.parent, ours.envelope.msgid):
        traced = onlooker.trace(msgid)
        assert traced is not None
        assert ids[0] in [reply.id for reply in traced.replies]


def test_a_store_that_can_be_written_is_usable_and_unchanged(
    tmp_path: Path, on_sqlite: Onlooker
) -> None:
    other = sqlite3.connect(tmp_path / "state/outbox.db")
    before = other.execute("PRAGMA data_version").fetchone()
    on_sqlite.usable()
    assert other.execute("PRAGMA data_version").fetchone() == before
    other.close()


def test_a_locked_store_is_not_usable(
    tmp_path: Path, on_sqlite: Onlooker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.outbox.overview.PATIENCE_MS", 10)
    other = sqlite3.connect(tmp_path / "state/outbox.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(BotError, match="database is locked"):
        on_sqlite.usable()
    assert on_sqlite.look(NOW).stopped is None  # reading goes on
    other.close()
    on_sqlite.usable()


def test_a_full_disk_makes_a_store_useless(
    on_sqlite: Onlooker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.outbox.overview.LEAST", 1 << 60)
    with pytest.raises(BotError, match="the disk is full; make room"):
        on_sqlite.usable()


@pytest.mark.integration
def test_a_server_that_can_only_be_read_is_not_usable(postgres: Postgres) -> None:
    url = postgres.new()
    with Onlooker.open(StoreSettings(url)) as onlooker:
        onlooker.usable()
    name = url.rpartition("/")[2]
    with postgres.connect("postgres") as connection:
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with Onlooker.open(StoreSettings(url)) as onlooker:
        with pytest.raises(BotError, match=r"bot:\*\*\*@.*can only be read; name the primary"):
            onlooker.usable()
        assert onlooker.look(NOW).stopped is None
