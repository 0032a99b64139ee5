# SPDX-License-Identifier: GPL-2.0-or-later
"""Several watchers and senders at one store: each mail, thread and reply is dealt with once."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

from sqlalchemy import select

from bot.incoming import Glance, Kind, Worked
from bot.outbox.schema import inbox, mail, thread
from bot.outgoing import State
from bot.settings import StoreSettings
from bot.watched import Watched
from tests.store.outbox import LEASE, NOW
from tests.store.test_processes import many

INBOXES = ("one", "two", "three")
MAILS = 60
SERIES = 3
"""Mails of one series: a cover letter, two patches."""
AT_ONCE = 7
OWNERS = ("a", "b", "c", "d")


def glance(number: int) -> tuple[Glance, bytes]:
    """The mail at a place of every inbox; the parts of a series refer to its cover letter."""
    cover = number - number % SERIES
    links = () if number == cover else (f"{cover}@example.org",)
    return Glance(f"{number}@example.org", Kind.PATCH, links, scope=True), b"Subject: x\n\nx\n"


class Watcher:
    """One process on one machine, as far as the store can tell."""

    def __init__(self, url: str, owner: str, start: Barrier) -> None:
        self.url, self.owner, self.start = url, owner, start
        self.new = 0
        self.replies: list[int] = []

    def run(self) -> Watcher:
        with Watched.open(StoreSettings(self.url)) as store:
            self.start.wait(60)
            left = set(INBOXES)
            while left:
                for name in sorted(left):
                    if self.read(store, name):
                        left.discard(name)
                self.work(store)
            while self.work(store):
                pass
        return self

    def read(self, store: Watched, name: str) -> bool:
        """Read a bit of an inbox; whether there is no more of it."""
        held = store.lease(name, self.owner, NOW, LEASE)
        if held is None:
            return False
        at = int(held.cursor or "0")
        mails = [glance(number) for number in range(at, min(at + AT_ONCE, MAILS))]
        taken = store.take(held, mails, str(at + len(mails)), NOW, LEASE)
        assert taken is not None, "nobody else had the lease"
        self.new += taken.new
        store.let_go(self.owner)
        return at + len(mails) >= MAILS

    def work(self, store: Watched) -> bool:
        """Look at a thread and send a reply; whether there was one of them."""
        number = store.claim_thread(self.owner, NOW, LEASE)
        if number is not None:
            task = store.load(number, self.owner)
            assert task is not None
            store.finish(task, Worked((), ()), NOW)
        draft = store.claim(self.owner, NOW, LEASE)
        if draft is not None:
            assert store.begin(draft.id, self.owner, NOW, LEASE) is None
            store.sent(draft.id, self.owner, NOW, "250 ok", {})
            self.replies.append(draft.id)
        return number is not None or draft is not None


def test_each_mail_thread_and_reply_once(store_url: str) -> None:
    start = Barrier(len(OWNERS))
    with Watched.open(StoreSettings(store_url)) as store:
        ids = many(store, 40)
        watchers = [Watcher(store_url, owner, start) for owner in OWNERS]
        with ThreadPoolExecutor(len(OWNERS)) as pool:
            done = [one.result() for one in [pool.submit(watcher.run) for watcher in watchers]]
        assert sum(one.new for one in done) == MAILS
        with store._reading() as connection:
            places = connection.execute(select(mail.c.msgid, mail.c.thread)).all()
            states = Counter(connection.execute(select(thread.c.state)).scalars())
            read = connection.execute(select(inbox.c.name, inbox.c.cursor, inbox.c.mails)).all()
        assert sorted(map(tuple, read)) == sorted((name, str(MAILS), MAILS) for name in INBOXES)
        assert len(places) == MAILS
        series = {number: int(msgid.partition("@")[0]) // SERIES for msgid, number in places}
        assert sorted(series.values()) == list(range(MAILS // SERIES))
        assert states == {"done": MAILS // SERIES}
        assert sorted(id_ for one in done for id_ in one.replies) == sorted(ids)
        assert {(one.state, one.attempts) for one in store.drafts()} == {(State.SENT, 1)}
        assert store.claim("late", NOW + LEASE + timedelta(days=1), LEASE) is None
