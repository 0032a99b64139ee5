# SPDX-License-Identifier: GPL-2.0-or-later
"""Orders on their way through a watcher: from an inbox to what they are about, each once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from email.utils import format_datetime

import pytest

from bot.orders.model import Heard
from bot.orders.obey import obey, signatures
from bot.settings import DkimSettings
from tests.attest.signed import FOOTER, Key, sign
from tests.watch.shop import IN_SCOPE, OWNER, Shop

AUTHOR = "author@example.org"


class Watch(Shop):
    """A watcher's store, and an author who answers what the bot has sent."""

    def __init__(self, url: str, key: Key, names: str, deadline: float = 10.0) -> None:
        super().__init__(url)
        look = signatures(DkimSettings((names,), deadline))

        def hear(mails: Sequence[bytes], now: datetime) -> Sequence[Heard]:
            return obey(self.store, mails, self.settings, now, look, lambda: "")

        self.shop = self.shop._replace(hear=hear)
        self.key = key
        self.count = 0

    def patch(self, revision: int = 1) -> bytes:
        """A patch with findings."""
        version = f" v{revision}" if revision > 1 else ""
        date = format_datetime(self.now - timedelta(minutes=5))
        return (
            f"From: A U Thor <{AUTHOR}>\nTo: list@lists.example\nDate: {date}\n"
            f"Subject: [PATCH{version}] teapot: tell\nMessage-ID: <v{revision}@example.org>\n\n"
            f"Warm the pot.\n---\n\n{IN_SCOPE}-- \n2.52.0\n"
        ).encode()

    def send_all(self) -> str:
        """Let all drafts leave; return the Message-ID of the last one."""
        msgid = ""
        for draft in self.store.drafts():
            if draft.state == "draft":
                self.store.approve(draft.id, self.now)
                claimed = self.store.claim("sender", self.now, timedelta(minutes=1))
                assert claimed is not None
                self.store.begin(claimed.id, "sender", self.now, timedelta(minutes=1))
                self.store.sent(claimed.id, "sender", self.now, "250 OK", {})
                msgid = draft.envelope.msgid
        return msgid

    def order(
        self,
        text: str,
        parent: str,
        subject: str = "Re: [PATCH] teapot: tell",
        to: str = "list@lists.example",
    ) -> bytes:
        """A signed mail in answer to ours."""
        self.count += 1
        raw = (
            f"From: A U Thor <{AUTHOR}>\nTo: {to}\nSubject: {subject}\n"
            f"Date: {format_datetime(self.now)}\nMessage-ID: <order{self.count}@example.org>\n"
            f"In-Reply-To: <{parent}>\n\n{text}\n"
        ).encode()
        return sign(raw, self.key, "example.org", signed="from:to:subject:date:message-id")

    @property
    def heard(self) -> tuple[int, int]:
        """Orders that were obeyed, and that were not."""
        return self.store.heard()


@pytest.fixture
def watch(store_url: str, key: Key, names: str) -> Watch:
    return Watch(store_url, key, names)


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    while Shop.opened:
        Shop.opened.pop().store.close()


def test_what_an_author_dismisses_is_not_said_of_the_next_revision(watch: Watch) -> None:
    watch.feed(watch.patch())
    watch.work()
    ours = watch.send_all()
    watch.feed(watch.order("#revokebot dismiss resv-lock the caller holds it", ours))
    (done,) = watch.work()
    assert done.orders == 1
    assert watch.heard == (1, 0)
    watch.feed(watch.patch(2))
    watch.work()
    rules = {rule for (rule,) in watch.rows("SELECT rule FROM entry WHERE status = 'dismissed'")}
    assert rules == {"resv-lock"}
    # Nothing else is asked again, and an order is heard once, however often its thread is looked at.
    watch.store.retry_thread("order1@example.org", watch.now)
    watch.work()
    assert watch.heard == (1, 0)


def test_the_copy_that_a_list_has_not_broken_counts(watch: Watch) -> None:
    watch.feed(watch.patch())
    watch.work()
    order = watch.order("#revokebot stop", watch.send_all())
    watch.feed(order + FOOTER, name="list")
    watch.work()
    assert watch.heard == (0, 1)
    watch.feed(order, name="mailbox")
    watch.work()
    obeyed, _ignored = watch.heard
    assert obeyed == 1
    watch.feed(watch.patch(2))
    watch.work()
    ((reason,),) = watch.rows("SELECT reason FROM reply WHERE parent = 'v2@example.org'")
    assert "leave" in reason


def test_a_recheck_reviews_what_has_not_changed(watch: Watch) -> None:
    watch.feed(watch.patch())
    watch.work()
    ours = watch.send_all()
    watch.later(timedelta(minutes=1))
    watch.feed(watch.order("#revokebot recheck", ours))
    done = watch.work()
    # Our mail has not come back through the list, so the order is in a thread of its own.
    assert [(one.reviewed, one.orders) for one in done] == [(0, 1), (1, 0)]
    assert watch.work() == []


def test_a_recheck_of_what_belongs_to_another_series_by_now_comes_to_an_end(watch: Watch) -> None:
    def with_number(number: int) -> bytes:
        raw = watch.patch().replace(b"[PATCH]", b"[PATCH %d/2]" % number)
        raw = raw.replace(b"<v1@", b"<part%d@" % number)
        return raw.replace(b"\n\n", b"\nIn-Reply-To: <cover@example.org>\n\n", 1)

    watch.feed(with_number(1), with_number(2))
    watch.work()
    ours = watch.send_all()
    watch.later(timedelta(minutes=1))
    cover = watch.patch().replace(b"[PATCH]", b"[PATCH 0/2]").replace(b"<v1@", b"<cover@")
    watch.feed(cover.partition(b"diff --git")[0])
    watch.work()
    assert watch.fates() == {"part1@example.org": "replaced", "cover@example.org": "reviewed"}
    watch.later(timedelta(minutes=1))
    seen = watch.patch().replace(b"[PATCH]", b"our reply, seen").replace(b"<v1@", b"<seen@")
    link = f"\nReferences: <part2@example.org> <{ours}>\n\n".encode()
    watch.feed(seen.partition(b"diff --git")[0].replace(b"\n\n", link, 1))
    watch.feed(watch.order("#revokebot recheck", ours, "Re: [PATCH 2/2] teapot: tell"))
    done = []
    for _time in range(3):  # of which the last is one too many
        number = watch.store.claim_thread(OWNER, watch.now, timedelta(hours=1))
        if number is not None:
            done.append(watch.shop.work(number, OWNER))
    assert [(one.outcome, one.reviewed) for one in done] == [("asked", 0), ("done", 1)]
    assert watch.heard == (1, 0)


def test_an_order_to_the_mailbox_alone_is_heard(watch: Watch) -> None:
    own = watch.settings.reply.address
    watch.feed(watch.order("#revokebot stop author", "", "leave me alone", own), name="mailbox")
    (done,) = watch.work()
    assert done.orders == 1
    watch.feed(watch.patch())
    watch.work()
    ((state, reason),) = watch.rows("SELECT state, reason FROM reply")
    assert state == "discarded"
    assert AUTHOR in reason


def test_name_servers_that_are_silent_are_asked_again(watch: Watch, key: Key) -> None:
    silent = Watch(watch.settings.store.url, key, "127.0.0.1:9", deadline=0.5)
    watch.feed(watch.patch())
    watch.work()
    watch.feed(watch.order("#revokebot stop", watch.send_all()))
    number = watch.store.claim_thread(OWNER, watch.now, timedelta(hours=1))
    assert number is not None
    silent.now = watch.now
    silent.shop.work(number, OWNER)
    assert watch.heard == (0, 0)
    assert watch.work() == []
    watch.later(timedelta(minutes=6))
    (done,) = watch.work()
    assert (done.orders, watch.heard) == (1, (1, 0))
