# SPDX-License-Identifier: GPL-2.0-or-later
"""Quiet inboxes over one kept NNTP connection against new ones, and how soon IMAP IDLE tells.

The server is public-inbox's own, on loopback, so that a look costs what the
two programs cost and no network.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from select import select
from statistics import median
from typing import Self

from benchmarks.timing import interleaved
from bot.config import Settings
from bot.inboxes.imap import ImapInbox
from bot.inboxes.nntp import NntpInbox
from bot.settings import DeliverySettings
from tests.delivery.listener import Listener
from tests.inboxes.netd import Netd, mail, running

__all__ = ["Meter", "main"]

INBOXES = 20
ROUNDS = 50
TOLD = 5
"""Mails whose telling is timed."""


class Meter(Listener):
    """Carries bytes to and from a port, and counts those that come down."""

    def __init__(self, port: int) -> None:
        self.down = 0
        self._to = port
        super().__init__()

    def _client(self, peer: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self._to)) as server:
            while True:
                for side in select([peer, server], [], [])[0]:
                    data = side.recv(1 << 16)
                    if not data:
                        return
                    (server if side is peer else peer).sendall(data)
                    self.down += len(data) * (side is server)


def main() -> None:
    """Look at quiet inboxes in both ways, then wait for mail."""
    with running(INBOXES) as netd:
        for number in range(INBOXES):
            netd.add([mail(number)], number)
        _poll(netd)
        _idle(netd)


def _poll(netd: Netd) -> None:
    port = netd.ports["nntp"]
    with Looks(netd, port) as looks:
        runs = {"kept": looks.kept, "new": looks.new}
        seconds = interleaved(runs, ROUNDS)
        costs = {name: _cost(netd, run) for name, run in runs.items()}
    down = {}
    for name in runs:
        with Meter(port) as meter, Looks(netd, meter.port, open_all=name == "kept") as looks:
            before = meter.down
            {"kept": looks.kept, "new": looks.new}[name]()
            down[name] = (meter.down - before) / INBOXES
    print(
        f"one look at {INBOXES} quiet inboxes by NNTP: a kept connection"
        f" {seconds['kept'] * 1e3:.1f} ms ({costs['kept']}), {down['kept']:.0f} bytes down each;"
        f" new connections {seconds['new'] * 1e3:.1f} ms ({costs['new']}), {down['new']:.0f} bytes:"
        f" {seconds['new'] / seconds['kept']:.1f} times as long"
    )


class Looks:
    """The two ways to look at all inboxes of a server, through `port`."""

    def __init__(self, netd: Netd, port: int, open_all: bool = True) -> None:
        names = [f"toy.n{number}" for number in range(INBOXES)]
        self._urls = [f"nntp://127.0.0.1:{port}/{name}" for name in names]
        self._inboxes = [NntpInbox(url, Settings()) for url in self._urls if open_all]
        for inbox in self._inboxes:
            assert [batch.cursor.split()[0] for batch in inbox.batches("")] == ["1"]
        # Another way to the server than that of the inboxes that stay open.
        self._others = Settings(delivery=DeliverySettings(ca_file=netd.pem))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for inbox in self._inboxes:
            inbox.close()

    def kept(self) -> None:
        for inbox in self._inboxes:
            assert not list(inbox.batches("1"))

    def new(self) -> None:
        for url in self._urls:
            with closing(NntpInbox(url, self._others)) as inbox:
                assert not list(inbox.batches("1"))


def _cost(netd: Netd, run: Callable[[], None]) -> str:
    """CPU time of a round, ours and the server's."""
    ours, theirs = time.process_time(), _cpu(netd)
    for _ in range(ROUNDS):
        run()
    ours, theirs = time.process_time() - ours, _cpu(netd) - theirs
    return f"CPU {ours / ROUNDS * 1e3:.1f} ms here, {theirs / ROUNDS * 1e3:.1f} ms there"


def _cpu(netd: Netd) -> float:
    """Seconds of CPU time that the server has used, proc_pid_stat(5)."""
    words = Path(f"/proc/{netd.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _idle(netd: Netd) -> None:
    settings = Settings(delivery=DeliverySettings(ca_file=netd.pem))
    with closing(ImapInbox(netd.url("imap"), settings)) as inbox:
        (cursor,) = (batch.cursor for batch in inbox.batches(""))
        imported, told = [], []
        for number in range(TOLD):
            ended: list[float] = []

            def wait(ended: list[float] = ended) -> None:
                inbox.wait(60, threading.Event())
                ended.append(time.perf_counter())

            waiter = threading.Thread(target=wait)
            waiter.start()
            time.sleep(1.0)  # it waits before it is told
            begun = time.perf_counter()
            netd.add([mail(1000 + number)])
            imported.append(time.perf_counter() - begun)
            waiter.join()
            told.append(ended[0] - begun)
            (cursor,) = (batch.cursor for batch in inbox.batches(cursor))
    print(
        f"a mail's import into a mirror takes {median(imported) * 1e3:.0f} ms,"
        f" IMAP IDLE tells of it {median(told) * 1e3:.0f} ms after the import's begin"
    )
