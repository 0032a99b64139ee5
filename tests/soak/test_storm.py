# SPDX-License-Identifier: GPL-2.0-or-later
"""A small storm in each database: the reviews are a backtest's, each reply is sent once.

`python -m tests.soak` is the same with ten thousand mails and fifty kills.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from bot.sources import open_mails
from tests import postgres
from tests.soak.archive import Archive
from tests.soak.storm import SHARED, Plan, Report, fill, hold_sqlite, storm

pytestmark = [pytest.mark.corpus, pytest.mark.integration]

THREADS = "revoke-threads.mbox.xz"
SEED = 20261126


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    archive = Archive(tmp_path)
    archive.start()
    yield archive
    archive.kill()


@pytest.fixture
def mails(corpus: Path) -> list[bytes]:
    """The threads of the contract, where most series are in scope."""
    return list(open_mails(str(corpus / THREADS)))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder that can be filled; root alone can make it a disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid():
        yield folder
        return
    mount = ["mount", "-t", "tmpfs", "-o", "size=300m,mode=700", "none", str(folder)]
    subprocess.run(mount, check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def hold(report: Report, kills: int) -> None:
    found = {msgid: marks for msgid, marks in report.wanted.items() if marks}
    kept = {msgid: marks for msgid, marks in report.state.reviews.items() if marks}
    assert len(found) > 20
    assert sorted(found.keys() ^ kept.keys()) == []
    assert kept == found
    assert len(report.state.reviews) == report.in_scope
    assert report.state.sent
    assert report.state.sent == report.deliveries.keys()
    assert set(Counter(report.deliveries.values())) == {1}
    assert set(report.state.threads) <= {"quiet", "done"}
    assert set(report.state.replies) <= {"sent", "discarded", "draft"}
    assert report.kills == kills


def test_a_watcher_that_is_killed_loses_nothing(
    archive: Archive, mails: list[bytes], tmp_path: Path, disk: Path
) -> None:
    database = disk / "0/state/revokebot/revokebot.db"
    full = partial(fill, disk, 3.0) if disk.is_mount() else None
    plan = Plan(mails, 10, 2, SEED, partial(hold_sqlite, database, 3.0), full)
    hold(storm(plan, tmp_path, archive, f"sqlite:///{database}", disk), 10)


def test_watchers_and_senders_that_share_a_database_do_nothing_twice(
    archive: Archive, mails: list[bytes], tmp_path: Path
) -> None:
    with postgres.running() as server:

        def interrupted() -> None:
            server.stop()
            time.sleep(2.0)
            server.start()

        plan = Plan(mails, 10, 2, SEED, interrupted, flags=SHARED)
        hold(storm(plan, tmp_path, archive, server.new(), tmp_path), 10)
