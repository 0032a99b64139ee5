# SPDX-License-Identifier: GPL-2.0-or-later
"""Mail keeps coming while the server is killed and started again: nothing is lost or repeated."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from bot.config import Settings
from bot.errors import ArchiveError
from bot.inboxes import Inbox
from bot.inboxes.imap import ImapInbox
from bot.inboxes.nntp import NntpInbox
from bot.settings import DeliverySettings
from tests.inboxes.netd import Netd, mail, running

pytestmark = pytest.mark.integration

MAILS = 240
PART = 20
PATIENCE = 60.0
"""Seconds."""


class Reader:
    """Reads an inbox as the daemon does: what came and the cursor change together."""

    def __init__(self, inbox: Inbox) -> None:
        """Look once, so as to know where the inbox begins."""
        self.found: list[bytes] = []
        self.failures = 0
        self._inbox = inbox
        (first,) = inbox.batches("")
        self._cursor = first.cursor
        self._stop = threading.Event()

    def run(self) -> None:
        while not self._stop.is_set():
            try:
                for batch in self._inbox.batches(self._cursor):
                    self.found += batch.mails
                    self._cursor = batch.cursor
            except ArchiveError:
                self.failures += 1
            self._inbox.wait(0.05, self._stop)

    def end(self) -> None:
        self._stop.set()


@contextmanager
def outages(netd: Netd, chance: random.Random) -> Iterator[None]:
    """Kill the server again and again; in the end it runs."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(chance.uniform(0.1, 0.8)):
            netd.kill()
            over.wait(chance.uniform(0.0, 0.3))
            netd.start()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize(("protocol", "kind"), [("nntp", NntpInbox), ("imaps", ImapInbox)])
def test_every_mail_comes_once_and_in_order(
    protocol: str, kind: Callable[[str, Settings], Inbox]
) -> None:
    expected = [mail(number) for number in range(MAILS)]
    with running() as netd:
        inbox = kind(netd.url(protocol), Settings(delivery=DeliverySettings(ca_file=netd.pem)))
        reader = Reader(inbox)
        thread = threading.Thread(target=reader.run)
        thread.start()
        with outages(netd, random.Random(7)):
            for start in range(0, MAILS, PART):
                netd.add(expected[start : start + PART])
        pause = threading.Event()
        for _try in range(int(PATIENCE / 0.1)):
            if len(reader.found) >= MAILS:
                break
            pause.wait(0.1)
        reader.end()
        inbox.close()
        thread.join()
    assert reader.found == expected
    assert reader.failures
