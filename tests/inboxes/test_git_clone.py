# SPDX-License-Identifier: GPL-2.0-or-later
"""The clones: cut off, killed, damaged, full, and over a year."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bot.errors import ArchiveError
from bot.inboxes import git_clone
from tests.conftest import ROOT
from tests.inboxes.damage import DAMAGE
from tests.inboxes.epochs import Epochs, mail
from tests.inboxes.front import Front, Handler
from tests.inboxes.looking import Looker

pytestmark = pytest.mark.integration


@pytest.fixture
def box(front: Front, epochs: Epochs, tmp_path: Path) -> Iterator[Looker]:
    """One that has fetched twice, and is to be given the mails 2 to 9."""
    looker = Looker(front.url, tmp_path / "state")
    looker.look()
    epochs.add(mail(1))
    assert looker.look() == [1]
    epochs.add(*(mail(number) for number in range(2, 10)))
    yield looker
    looker.inbox.close()


NEW = list(range(2, 10))


def clone(box: Looker) -> Path:
    (found,) = box.state.glob("*/0.git")
    return found


def test_the_state_is_for_its_owner_alone(box: Looker) -> None:
    for folder in (box.state, clone(box).parent):
        assert folder.stat().st_mode & 0o777 == 0o700


PACKS: dict[str, tuple[Callable[[Handler], None], str]] = {
    "busy": (lambda handler: handler.give(503, b""), "503"),
    "cut": (lambda handler: handler.half(stall=False), "git fetch failed"),
    "stall": (lambda handler: handler.half(stall=True), "git fetch failed .*too slow"),
    "garbage": (lambda handler: handler.give(200, b"0000garbage" * 50), "git fetch failed"),
}


@pytest.mark.parametrize("name", PACKS)
def test_a_fetch_that_fails_loses_nothing(front: Front, box: Looker, name: str) -> None:
    front.manners["pack"], words = PACKS[name]
    with pytest.raises(ArchiveError, match=words) as caught:
        box.look()
    assert "\n" not in str(caught.value)
    front.manners.clear()
    assert box.look() == NEW


def test_closing_kills_a_fetch_at_once(front: Front, box: Looker) -> None:
    front.manners["pack"] = lambda handler: handler.half(stall=True)
    told: list[ArchiveError] = []

    def look() -> None:
        try:
            box.look()
        except ArchiveError as error:
            told.append(error)

    thread = threading.Thread(target=look)
    thread.start()
    assert front.stalled.wait(10)
    box.inbox.close()
    thread.join(1)
    assert not thread.is_alive()
    assert "stopped, since the inbox was closed" in str(told[0])
    with pytest.raises(ArchiveError, match="closed"):
        box.look()


def gits() -> dict[int, list[str]]:
    """Our children that are git, with their words."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            words = stat.with_name("cmdline").read_text().split("\0")
            if parent == os.getpid() and words[0] == "git":
                found[int(stat.parent.name)] = words
    return found


def test_a_killed_git_leaves_nothing_in_the_way(front: Front, box: Looker) -> None:
    front.manners["pack"] = lambda handler: handler.half(stall=True)

    def kill() -> None:
        front.stalled.wait(10)
        for pid, words in gits().items():
            if "fetch" in words:
                os.killpg(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(ArchiveError, match="git fetch failed"):
        box.look()
    killer.join()
    front.manners.clear()
    assert box.look() == NEW


@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.04, 0.06, 0.1, 0.15])
def test_whenever_gits_are_killed_nothing_is_lost(
    box: Looker, epochs: Epochs, seconds: float
) -> None:
    def kill() -> None:
        time.sleep(seconds)
        for pid in gits():
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)

    for number in range(10, 14):
        epochs.add(mail(number))
        killer = threading.Thread(target=kill)
        killer.start()
        with suppress(ArchiveError):
            box.look()
        killer.join()
    with suppress(ArchiveError):
        box.look()
    box.look()
    assert box.seen == set(range(1, 14))


def test_what_a_killed_git_left_is_cleared_away(box: Looker) -> None:
    left = ("shallow.lock", "HEAD.lock", "refs/heads/master.lock", "objects/pack/tmp_pack_x")
    for name in left:
        (clone(box) / name).write_bytes(b"x")
    assert box.look() == NEW
    assert not any((clone(box) / name).exists() for name in left)


WATCHER = """
import sys
from pathlib import Path
from tests.inboxes.looking import Looker
Looker(sys.argv[1], Path(sys.argv[2]), cursor=sys.argv[3]).look()
"""


def test_a_watcher_that_died_leaves_its_git_in_peace(
    front: Front, box: Looker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_clone, "PATIENCE", 0.2)
    front.manners["pack"] = lambda handler: handler.half(stall=True)
    with subprocess.Popen(
        [sys.executable, "-c", WATCHER, front.url, str(box.state), box.cursor], cwd=ROOT
    ) as watcher:
        assert front.stalled.wait(20)
        watcher.kill()
    with pytest.raises(ArchiveError, match=r"another watcher uses it; .*XDG_STATE_HOME"):
        box.look()
    front.manners.clear()
    # The server has been silent for as long as git is told to bear.
    monkeypatch.setattr(git_clone, "PATIENCE", 20.0)
    assert box.look() == NEW


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_clone_is_made_anew(box: Looker, epochs: Epochs, front: Front, name: str) -> None:
    epochs.add(*(mail(number) for number in range(10, 600)))
    box.look()
    epochs.add(mail(600))
    assert box.look() == [600]
    epochs.add(mail(601))
    DAMAGE[name](clone(box))
    complaints = []
    for _ in range(3):
        try:
            box.look()
        except ArchiveError as error:
            complaints.append(str(error))
    assert len(complaints) < 3
    assert not any("\n" in complaint for complaint in complaints)
    assert box.seen == set(range(1, 602))
    assert box.look() == []


def test_a_full_disk_loses_nothing(
    box: Looker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shutil.which("git")
    small = tmp_path / "bin/git"
    small.parent.mkdir()
    small.write_text(f'#!/bin/sh\nulimit -f 0\ntrap "" XFSZ\nexec {real} "$@"\n')
    small.chmod(0o755)
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", f"{small.parent}:{path}")
    full = Looker(box.name, box.state, cursor=box.cursor)
    for _ in range(3):
        with pytest.raises(ArchiveError, match=r"git fetch failed|see that there is room"):
            full.look()
    full.inbox.close()
    assert box.look() == NEW


def test_a_year_of_fetches_stays_small(
    box: Looker, epochs: Epochs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_clone, "PACKS", 5)
    monkeypatch.setattr("bot.inboxes.git.DEPTHS", (10, git_clone.ALL))
    box.look()
    sizes = []
    for number in range(10, 50):
        epochs.add(mail(number, os.urandom(30_000).hex()))
        assert box.look() == [number]
        files = [entry for entry in clone(box).rglob("*") if entry.is_file()]
        sizes.append(sum(file.stat().st_size for file in files))
        assert sum(file.suffix == ".pack" for file in files) <= 5
    assert max(sizes[20:]) < 1.2 * max(sizes[:20])
    assert max(sizes) < (10 + 5 + 1) * 60_000


def test_a_machine_that_takes_over_fetches_back_to_the_cursor(
    front: Front, box: Looker, epochs: Epochs, tmp_path: Path
) -> None:
    box.look()
    epochs.add(*(mail(number) for number in range(10, 2200)))
    other = Looker(front.url, tmp_path / "other", cursor=box.cursor)
    assert other.look() == list(range(10, 2200))
    # The first one is behind then, and its clone does not reach as far as it thinks.
    assert box.look() == list(range(10, 2200))
    other.inbox.close()


def test_clones_of_older_epochs_go(
    front: Front, box: Looker, epochs: Epochs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.inboxes.git_remote.DAY", 0.0)
    epochs.roll()
    epochs.add(mail(10))
    assert box.look() == [*NEW, 10]
    assert box.look() == []
    assert [entry.name for entry in box.state.glob("*/*.git")] == ["1.git"]


def test_a_wait_ends_when_the_daemon_stops(box: Looker) -> None:
    stop = threading.Event()
    threading.Timer(0.05, stop.set).start()
    begun = time.monotonic()
    box.inbox.wait(60, stop)
    assert time.monotonic() - begun < 30
