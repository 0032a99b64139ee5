# SPDX-License-Identifier: GPL-2.0-or-later
"""Several watchers and senders at one PostgreSQL whose connections are cut all the time."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event, Lock
from typing import TypeVar

import pytest

from bot.errors import BotError
from bot.incoming import Worked
from bot.outgoing import State
from bot.settings import StoreSettings
from bot.watched import Watched
from tests.postgres import Postgres
from tests.store.outbox import LEASE, NOW
from tests.store.test_processes import many
from tests.store.test_share import AT_ONCE, INBOXES, MAILS, OWNERS, SERIES, glance

pytestmark = pytest.mark.integration

CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = %s AND application_name = 'revokebot' ORDER BY random() LIMIT 1
"""
ROUNDS = 12
Result = TypeVar("Result")


class Desk:
    """What all of them share: an archive of what has left, and the errors that were told."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.left: Counter[int] = Counter()
        self.errors: list[str] = []
        self.lock = Lock()

    def tried(self, call: Callable[[], Result]) -> Result | None:
        """Its result; None where the connection was cut."""
        try:
            return call()
        except BotError as err:
            self.errors.append(str(err))
            return None

    def read(self, store: Watched, owner: str, late: int) -> None:
        """Read a bit of an inbox that nobody else reads."""
        name, now = random.choice(INBOXES), NOW + late * LEASE
        held = store.lease(name, owner, now, LEASE)
        if held is not None:
            at = int(held.cursor or "0")
            mails = [glance(number) for number in range(at, min(at + AT_ONCE, MAILS))]
            store.take(held, mails, str(at + len(mails)), now, LEASE)
            store.let_go(owner)

    def look(self, store: Watched, owner: str, late: int) -> None:
        """Look at a thread."""
        now = NOW + late * LEASE
        number = store.claim_thread(owner, now, LEASE)
        task = None if number is None else store.load(number, owner)
        if task is not None:
            store.finish(task, Worked((), ()), now)

    def send(self, store: Watched, owner: str, late: int) -> None:
        """Send a reply as `bot.sender` does: ask the archive, begin, deliver, write it down."""
        now = NOW + late * LEASE
        draft = store.claim(owner, now, LEASE)
        if draft is None:
            return
        with self.lock:
            there = self.left[draft.id] > 0
        if not there and draft.state is State.SENDING:
            store.later(draft.id, owner, now, now, "the archive has its time")
            return
        if not there:
            if store.begin(draft.id, owner, now, LEASE) is not None:
                return
            with self.lock:
                self.left[draft.id] += 1
        store.sent(draft.id, owner, now, "250 ok", {})

    def opened(self) -> Watched:
        """The store, as soon as nothing breaks."""
        store = None
        while store is None:
            store = self.tried(lambda: Watched.open(StoreSettings(self.url)))
        return store

    def work(self, owner: str) -> None:
        """Do all of it, whatever breaks, until long after the last lease was over."""
        with self.opened() as store:
            for late in range(ROUNDS):
                for _turn in range(12):
                    for act in (self.read, self.look, self.send):
                        self.tried(lambda act=act, late=late: act(store, owner, late))  # type: ignore[misc]


@contextmanager
def cut(postgres: Postgres, url: str) -> Iterator[None]:
    """Connections to the database at `url` are cut one after the other until the end."""
    over = Event()

    def run() -> None:
        with postgres.connect("postgres") as connection:
            while not over.wait(0.02):
                connection.execute(CUT, [url.rpartition("/")[2]])

    with ThreadPoolExecutor(1) as pool:
        cutting = pool.submit(run)
        try:
            yield
        finally:
            over.set()
        cutting.result()


def test_all_is_dealt_with_once(postgres: Postgres) -> None:
    desk = Desk(postgres.new())
    # One transaction, which takes longer than connections live once they are cut.
    with Watched.open(StoreSettings(desk.url)) as store:
        ids = many(store, 60)
    with cut(postgres, desk.url), ThreadPoolExecutor(len(OWNERS)) as pool:
        for one in [pool.submit(desk.work, owner) for owner in OWNERS]:
            one.result()
    assert desk.left == dict.fromkeys(ids, 1)
    assert any("try again" in words for words in desk.errors)
    with postgres.connect(desk.url.rpartition("/")[2]) as connection:
        states = connection.execute("SELECT state, count(*) FROM reply GROUP BY state").fetchall()
        assert states == [("sent", 60)]
        found = connection.execute("SELECT msgid FROM mail").fetchall()
        assert sorted(found) == sorted((glance(number)[0].msgid,) for number in range(MAILS))
        assert connection.execute(
            "SELECT state, count(*) FROM thread GROUP BY state"
        ).fetchall() == [("done", MAILS // SERIES)]
        cursors = connection.execute("SELECT name, cursor, mails FROM inbox").fetchall()
        assert sorted(cursors) == sorted((name, str(MAILS), MAILS) for name in INBOXES)
