# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon: how soon a reply is queued while ten mails a second arrive, and what memory it takes.

The mails are those of labelled threads, as if sent now; nearly every series of
them is in scope, so this is a hard day.  They arrive in a public-inbox on this
machine, which is also the archive that is asked for what has not come.  Memory
is told beside that of a Python that has loaded the same modules and does nothing.
"""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import NamedTuple

from benchmarks.mails import ROOT, labelled_threads, mails, whole_archive
from bot.sources.mail import scan
from tests.soak.archive import Archive
from tests.soak.watchers import Watcher

RATE = 10
"""Mails a second."""
INTERVAL = 5.0
"""Seconds between two looks; the shortest that somebody would set."""
MEMORY_MAILS = 10_000
AT_ONCE = 100
DATE = re.compile(rb"^Date: .*$", re.MULTILINE)
CONFIG = """
[watch]
inboxes = ["{inbox}"]
interval = {interval}
settle = 5.0
[store]
url = "sqlite:///{store}"
[archive]
url = "{url}"
[dkim]
resolvers = ["127.0.0.1:9"]
deadline = 1.0
"""


class Watch:
    """A daemon, and the inbox that it reads."""

    def __init__(self, folder: Path, interval: float) -> None:
        self.store = folder / "state/watch.db"
        self.archive = Archive(folder)
        self.archive.start()
        config = folder / "config.toml"
        names = {"inbox": self.archive.folder, "url": self.archive.url, "store": self.store}
        config.write_text(CONFIG.format(interval=interval, **names))
        self.watcher = Watcher(folder / "home", config, folder / "gitconfig", "--no-send")
        self.watcher.start()
        while not self.rows("SELECT name FROM inbox"):
            time.sleep(0.1)

    def arrive(self, some: Sequence[bytes]) -> float:
        """Let mails arrive; return when they were there."""
        self.archive.feed(some)
        return time.time()

    def rows(self, query: str) -> list[tuple[str, str]]:
        """The rows of a query; none while there is no database."""
        if not self.store.exists():
            return []
        connection = sqlite3.connect(self.store, timeout=30)
        try:
            return connection.execute(query).fetchall()
        except sqlite3.OperationalError:  # the tables are not made yet
            return []
        finally:
            connection.close()

    def at_rest(self) -> bool:
        """Whether nothing is to be done now."""
        return not self.rows("SELECT id FROM thread WHERE state IN ('due', 'working')")

    def stop(self) -> None:
        self.watcher.stop()
        self.archive.kill()


class Memory(NamedTuple):
    """Resident memory, in MiB."""

    daemon: float
    workers: float


def main() -> None:
    """Measure both."""
    with tempfile.TemporaryDirectory() as name:
        _latency(Path(name))
    with tempfile.TemporaryDirectory() as name:
        _memory(Path(name))


def _latency(folder: Path) -> None:
    watch = Watch(folder, INTERVAL)
    came: dict[str, float] = {}
    begun = time.monotonic()
    some = list(mails(labelled_threads()))
    for second, at in enumerate(range(0, len(some), RATE)):
        now = format_datetime(datetime.now(UTC)).encode()
        fresh = [DATE.sub(b"Date: " + now, raw, count=1) for raw in some[at : at + RATE]]
        time.sleep(max(0.0, begun + second - time.monotonic()))
        moment = watch.arrive(fresh)
        came |= {scan(raw).msgid: moment for raw in fresh}
    rate = len(came) / (time.monotonic() - begun)
    time.sleep(2 * INTERVAL)
    rows = watch.rows(
        "SELECT parts, recorded FROM review JOIN series ON series.msgid = review.msgid"
        " WHERE fate = 'reviewed' AND review.id IN (SELECT review_id FROM reply)"
    )
    watch.stop()
    waits = sorted(
        datetime.fromisoformat(recorded).replace(tzinfo=UTC).timestamp()
        - max(came.get(part, 0.0) for part in re.findall(r'"([^"]+)"', parts))
        for parts, recorded in rows
    )
    late = waits[int(0.95 * len(waits))] if waits else float("nan")
    print(
        f"watch, {rate:.1f} mails a second: {len(waits)} series answered, 95 in 100 within"
        f" {late:.2f} s of their last mail,"
        f" {late / INTERVAL:.2f} times the interval of {INTERVAL:g} s;"
        f" at most {waits[-1] if waits else float('nan'):.2f} s"
    )


def _memory(folder: Path) -> None:
    watch = Watch(folder, 1.0)
    seen: list[Memory] = []
    some = list(mails(whole_archive()))[:MEMORY_MAILS]
    for at in range(0, len(some), AT_ONCE):
        watch.arrive(some[at : at + AT_ONCE])
        while True:
            time.sleep(0.25)
            read = watch.rows(f"SELECT name FROM inbox WHERE mails >= {at + AT_ONCE}")
            if (read or at + AT_ONCE > len(some)) and watch.at_rest():
                break
        seen.append(_resident(watch.watcher.pid))
    watch.stop()
    half = len(seen) // 2
    idle = _loaded()
    print(
        f"watch, memory over {len(some)} mails: daemon {max(one.daemon for one in seen):.0f} MiB"
        f" at most, {max(one.daemon for one in seen) / idle:.2f} times a Python that has loaded it;"
        f" {seen[half].daemon:.1f} MiB after half of them, {seen[-1].daemon:.1f} after all;"
        f" with its worker {max(sum(one) for one in seen):.0f} MiB at most,"
        f" {sum(seen[half]):.0f} after half, {sum(seen[-1]):.0f} after all"
    )


def _resident(pid: int) -> Memory:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for task in Path(f"/proc/{pid}/task").iterdir():
        children += (task / "children").read_text().split()
    return Memory(_rss(str(pid)), sum(map(_rss, set(children))))


def _rss(pid: str) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return 0.0
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def _loaded() -> float:
    """Memory of a Python that has loaded what the daemon is made of."""
    script = "import bot.commands.watch, bot.inboxes.git; print(open('/proc/self/status').read())"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return int(done.stdout.split("VmRSS:")[1].split()[0]) / 1024
