# SPDX-License-Identifier: GPL-2.0-or-later
"""Quiet inboxes watched over git, against `git ls-remote` of the same ones.

The server is public-inbox's own, on loopback, so that a look costs what the
two programs cost and no network.
"""

from __future__ import annotations

import resource
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from benchmarks.kept import Meter
from benchmarks.timing import interleaved
from bot.inboxes.git import GitInbox
from bot.settings import WatchSettings
from bot.sources.options import ArchiveOptions
from tests.inboxes.netd import mail, running

__all__ = ["main"]

INBOXES = 20
ROUNDS = 20


class Looks:
    """The two ways to see that nothing has come into inboxes that are served at `urls`."""

    def __init__(self, urls: list[str], state: Path, cursors: list[str]) -> None:
        self._urls, self._cursors = urls, cursors
        self._inboxes = [GitInbox(url, WatchSettings(), ArchiveOptions(), state) for url in urls]
        self.ours()  # the first look after a start asks for the epochs, too

    def ours(self) -> None:
        for inbox, cursor in zip(self._inboxes, self._cursors, strict=True):
            assert not list(inbox.batches(cursor))

    def ls_remote(self) -> None:
        for url in self._urls:
            _ls_remote(url)

    def close(self) -> None:
        for inbox in self._inboxes:
            inbox.close()


def main() -> None:
    """Look at quiet inboxes in both ways."""
    with running(INBOXES) as netd, tempfile.TemporaryDirectory(prefix="heads-") as folder:
        urls = [netd.url("http", number) for number in range(INBOXES)]
        for number in range(INBOXES):
            netd.add([mail(number)], number)
        state = Path(folder, "state")
        cursors = [_beginning(url, state) for url in urls]
        with closing(Looks(urls, state, cursors)) as looks:
            runs = {"ours": looks.ours, "ls-remote": looks.ls_remote}
            seconds = interleaved(runs, ROUNDS)
            costs = {name: _cpu(run) for name, run in runs.items()}
        down = _down_of_a_look(netd.ports["http"], state, cursors[0])
        theirs = _down_of_ls_remote(netd.ports["http"])
    print(
        f"one look at {INBOXES} quiet inboxes by git: {seconds['ours'] * 1e3:.0f} ms,"
        f" CPU {costs['ours'] * 1e3:.0f} ms here, {down} bytes down each;"
        f" git ls-remote {seconds['ls-remote'] * 1e3:.0f} ms,"
        f" CPU {costs['ls-remote'] * 1e3:.0f} ms, {theirs} bytes:"
        f" {costs['ls-remote'] / costs['ours']:.1f} times the CPU"
    )


def _down_of_a_look(port: int, state: Path, cursor: str) -> int:
    """Bytes that come down, headers included, when only the head is asked for."""
    with (
        Meter(port) as meter,
        closing(Looks([f"http://127.0.0.1:{meter.port}/i0/"], state, [cursor])) as looks,
    ):
        before = meter.down
        looks.ours()
        return meter.down - before


def _down_of_ls_remote(port: int) -> int:
    with Meter(port) as meter:
        _ls_remote(f"http://127.0.0.1:{meter.port}/i0/")
        return meter.down


def _ls_remote(url: str) -> None:
    subprocess.run(["git", "ls-remote", "-q", f"{url}0"], check=True, capture_output=True)


def _beginning(url: str, state: Path) -> str:
    """The cursor after the first look."""
    with closing(GitInbox(url, WatchSettings(), ArchiveOptions(), state)) as inbox:
        return [batch.cursor for batch in inbox.batches("")][-1]


def _cpu(run: Callable[[], None]) -> float:
    """Seconds of CPU time of a round, that of the children included."""
    before = _used()
    for _ in range(ROUNDS):
        run()
    return (_used() - before) / ROUNDS


def _used() -> float:
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, kinds))
