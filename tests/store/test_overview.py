# SPDX-License-Identifier: GPL-2.0-or-later
"""What is read of the store for `status`: counts, the oldest, and the way of one mail."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import BotError
from bot.outbox.overview import Onlooker
from bot.overview import Overview
from bot.store import Store
from tests.store.outbox import DRAFT, LEASE, NOW, REVIEW, SEND, fill, settings
from tests.store.watched import HOUR, LORE, NEWS, PART, ROOT, put_a_bad_day, put_mail, put_thread


@pytest.fixture
def onlooker(tmp_path: Path) -> Iterator[Onlooker]:
    with Onlooker.open(settings(tmp_path)) as opened:
        yield opened


def test_an_empty_store_has_nothing_to_tell(onlooker: Onlooker) -> None:
    assert onlooker.look(NOW) == Overview(threads={}, series={}, replies={}, muted={})
    assert onlooker.trace("nobody@example.org") is None


def test_all_is_counted(tmp_path: Path, onlooker: Onlooker) -> None:
    put_a_bad_day(settings(tmp_path).url)
    seen = onlooker.look(NOW)
    assert [(one.name, one.failures, one.mails) for one in seen.inboxes] == [
        (LORE, 0, 7), (NEWS, 4, 7),
    ]  # fmt: skip
    assert seen.threads == {"done": 1, "due": 2, "parked": 1, "working": 1}
    assert seen.series == {"reviewed": 1, "waiting": 1}
    assert seen.oldest_due == NOW - 2 * HOUR
    (parked,) = seen.parked
    assert (parked.thread, parked.msgid, parked.subject) == (2, ROOT, "frob: count")
    assert [one.place for one in seen.incidents] == [f"thread {n}" for n in range(11, 1, -1)]


def test_a_thread_whose_worker_died_waits(tmp_path: Path, onlooker: Onlooker) -> None:
    put_thread(settings(tmp_path).url, 1, "working", NOW - HOUR, lease_until=NOW, owner="dead")
    assert onlooker.look(NOW).oldest_due == NOW - HOUR
    assert onlooker.look(NOW - timedelta(seconds=1)).oldest_due is None


def test_replies_and_the_one_that_waits_for_a_sender(tmp_path: Path, onlooker: Onlooker) -> None:
    with Store.open(settings(tmp_path)) as store:
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


def test_a_mail_is_traced_to_its_series(tmp_path: Path, onlooker: Onlooker) -> None:
    put_a_bad_day(settings(tmp_path).url)
    traced = onlooker.trace(PART)
    assert traced is not None
    assert (traced.kind, traced.inbox, traced.thread, traced.stage) == ("patch", LORE, 2, "parked")
    (course,) = traced.courses
    assert (course.msgid, course.fate, course.reason) == (ROOT, "waiting", "because")
    assert (course.parts, course.total, course.until) == (2, 3, NOW + HOUR)
    ghost = onlooker.trace("a-ghost@example.org")
    assert ghost is not None
    assert (ghost.kind, ghost.arrived, ghost.courses) == ("ghost", None, ())


def test_a_mail_is_traced_to_its_review_and_replies(tmp_path: Path, onlooker: Onlooker) -> None:
    with Store.open(settings(tmp_path)) as store:
        ids = fill(store, DRAFT)
        ours = store.draft(ids[0])
    root = REVIEW.posting.series.msgid
    put_thread(settings(tmp_path).url, 9, "done")
    put_mail(settings(tmp_path).url, root, 9)
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
    tmp_path: Path, onlooker: Onlooker
) -> None:
    other = sqlite3.connect(tmp_path / "state/outbox.db")
    before = other.execute("PRAGMA data_version").fetchone()
    onlooker.usable()
    assert other.execute("PRAGMA data_version").fetchone() == before
    other.close()


def test_a_locked_store_is_not_usable(
    tmp_path: Path, onlooker: Onlooker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.outbox.overview.PATIENCE_MS", 10)
    other = sqlite3.connect(tmp_path / "state/outbox.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(BotError, match="database is locked"):
        onlooker.usable()
    assert onlooker.look(NOW).stopped is None  # reading goes on
    other.close()
    onlooker.usable()


def test_a_full_disk_makes_a_store_useless(
    onlooker: Onlooker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.outbox.overview.LEAST", 1 << 60)
    with pytest.raises(BotError, match="the disk is full; make room"):
        onlooker.usable()
