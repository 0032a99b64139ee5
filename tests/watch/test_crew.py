# SPDX-License-Identifier: GPL-2.0-or-later
"""A patch that is too much for its worker is parked, whatever it does to it; the others are not."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.config import Settings
from bot.errors import BotError
from bot.settings import StoreSettings, WatchSettings
from bot.watch.crew import Hand, Worker
from tests.soak.storm import hold_sqlite
from tests.sources.mails import mail
from tests.watch.shop import NOW, OWNER, Shop, in_scope

pytestmark = pytest.mark.integration

LINE = (
    "+\tif (a{}) {{ dma_resv_lock(b->resv, NULL); dma_buf_move_notify(b);"
    " dma_resv_unlock(b->resv); }}\n"
)
GOOD = in_scope("[PATCH] teapot: tell", "good@author.example")


def huge(lines: int) -> bytes:
    """A patch with one function of so many lines."""
    added = "".join(map(LINE.format, range(lines)))
    head = f"diff --git a/x.c b/x.c\nindex 1111111..2222222 100644\n--- a/x.c\n+++ b/x.c\n@@ -1,3 +1,{lines + 3} @@\n"
    diff = f"{head} a;\n{added} b;\n c;\n"
    body = f"Huge.\n---\n\n{diff}-- \n2.52.0\n"
    return mail("[PATCH] x: huge", "huge@author.example", body=body)


class Clock:
    """Goes by a minute whenever it is asked, so that no test waits for a retry."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now


class Bench:
    """A store with some mails, and one hand to work on them."""

    def __init__(self, folder: Path, **watch: float) -> None:
        self.database = folder / "state/outbox.db"
        self.shop = Shop(f"sqlite:///{self.database}")
        changed = WatchSettings(**{"attempts": 2, **watch})  # type: ignore[arg-type]
        self.hand = Hand(
            self.shop.settings._replace(watch=changed), self.shop.store, OWNER, Clock()
        )

    def work(self) -> None:
        """Until nothing is due."""
        for _try in range(10):
            if not self.hand.run_once():
                return
        pytest.fail("there is always something due")

    @property
    def threads(self) -> dict[str, tuple[str, str]]:
        """State and reason of the thread of each mail."""
        rows = self.shop.rows(
            "SELECT msgid, state, reason FROM mail JOIN thread ON thread.id = mail.thread"
        )
        return {msgid: (state, reason) for msgid, state, reason in rows}


@pytest.fixture
def benches() -> Iterator[list[Bench]]:
    made: list[Bench] = []
    yield made
    for one in made:
        one.hand.worker.end()


@pytest.mark.parametrize(
    ("lines", "watch", "words"),
    [
        (20_000, {"time_limit": 0.6}, "took longer than 0.6 s (watch.time_limit)"),
        (40_000, {"memory": 300 << 20}, "memory"),
    ],
    ids=["time", "memory"],
)
def test_a_patch_that_takes_too_much_is_parked(
    tmp_path: Path, benches: list[Bench], lines: int, watch: dict[str, float], words: str
) -> None:
    bench = Bench(tmp_path, **watch)
    benches.append(bench)
    bench.shop.feed(huge(lines), GOOD)
    bench.work()
    state, reason = bench.threads["huge@author.example"]
    assert state == "parked"
    assert words in reason
    assert bench.threads["good@author.example"] == ("done", "")
    incidents = bench.shop.rows("SELECT kind, place FROM incident ORDER BY id")
    assert [kind for kind, _ in incidents] == ["failed", "parked"]
    assert all(place.endswith(" of <huge@author.example>") for _, place in incidents)
    # It is looked at again when somebody says so, or another mail comes.
    assert bench.shop.store.retry_thread("huge@author.example", NOW)
    assert bench.threads["huge@author.example"] == ("due", "")


def test_a_worker_is_not_ended_by_what_ends_all_processes(
    tmp_path: Path, benches: list[Bench]
) -> None:
    bench = Bench(tmp_path)
    benches.append(bench)
    bench.shop.feed(GOOD)
    assert bench.hand.run_once()
    bench.shop.feed(huge(2000))
    pid = bench.hand.worker.pid
    assert pid, "it has not had much memory, whatever its parent has"
    told = threading.Timer(0.1, lambda: os.kill(pid, signal.SIGTERM))
    told.start()
    bench.work()
    told.join()
    assert bench.threads["huge@author.example"] == ("done", "")
    bench.shop.feed(in_scope("[PATCH] kettle: tell", "next@author.example"))
    bench.work()
    assert bench.hand.worker.pid == pid
    assert bench.threads["next@author.example"] == ("done", "")


def _used(pid: int) -> float:
    """Seconds of processor time that a process has used: one to load, some more to review."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def test_a_worker_that_is_killed_is_made_anew(tmp_path: Path, benches: list[Bench]) -> None:
    bench = Bench(tmp_path)
    benches.append(bench)
    bench.shop.feed(huge(40_000))

    def kill() -> None:
        while not (pid := bench.hand.worker.pid) or _used(pid) < 1.2:
            time.sleep(0.02)
        os.kill(pid, signal.SIGKILL)

    killed = threading.Thread(target=kill, daemon=True)
    killed.start()
    assert bench.hand.run_once()
    killed.join(5)
    state, reason = bench.threads["huge@author.example"]
    assert (state, reason) == ("due", "its process died of signal 9, of memory or of a bug")
    bench.work()
    assert bench.threads["huge@author.example"] == ("done", "")


def test_no_thread_is_to_blame_for_a_store_that_is_locked(
    tmp_path: Path, benches: list[Bench]
) -> None:
    bench = Bench(tmp_path)
    benches.append(bench)
    bench.shop.feed(GOOD)
    locked = threading.Thread(target=hold_sqlite, args=(bench.database, 2.0))
    locked.start()
    bench.work()
    locked.join()
    assert bench.threads["good@author.example"] == ("done", "")
    assert bench.shop.rows("SELECT attempts FROM thread") == [(0,)]


def test_what_is_stopped_in_the_middle_is_due_at_once(tmp_path: Path, benches: list[Bench]) -> None:
    bench = Bench(tmp_path)
    benches.append(bench)
    bench.shop.feed(huge(20_000))
    stop, due = threading.Event(), threading.Event()
    running = threading.Thread(target=bench.hand.run, args=(stop, due))
    running.start()
    while not bench.hand.worker.pid:
        due.wait(0.05)
    due.wait(1.0)
    stop.set()
    bench.hand.worker.end()
    running.join(5)
    assert not running.is_alive()
    assert bench.threads["huge@author.example"] == ("due", "the watcher was stopped")
    assert bench.shop.rows("SELECT attempts, owner FROM thread") == [(0, None)]


def test_a_worker_that_cannot_start_says_why(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "outbox.db").write_bytes(b"no database" * 100)
    worker = Worker(Settings(store=StoreSettings(f"sqlite:///{tmp_path}/outbox.db")))
    with pytest.raises(BotError, match=r"could not start: store.url .*: file is not a database"):
        worker.work(1, OWNER)
    assert worker.pid == 0
    assert capfd.readouterr().err == ""
