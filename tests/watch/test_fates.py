# SPDX-License-Identifier: GPL-2.0-or-later
"""Every series that comes has a fate, and it is the same in whatever order its mails come."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.sources.mails import mail, series
from tests.watch.shop import LONG, OWNER, SETTLE, Shop, in_scope, unreachable

PULL = (
    "The following changes since commit 1111111111111111111111111111111111111111:\n\n"
    "  teapot: cold (2026-03-01 10:00:00 +0100)\n\nare available in the Git repository at:\n\n"
    "  https://git.example/teapot.git tags/warm\n\n"
    "for you to fetch changes up to 2222222222222222222222222222222222222222:\n\n  teapot: warm\n\n"
    "dma_buf_move_notify\n"
)


def whole(stem: str, revision: int = 1, parent: str = "") -> list[bytes]:
    """A cover letter and two parts, of which the second is in scope."""
    version = f" v{revision}" if revision > 1 else ""
    cover, first, _second = series(2, revision, stem, parent)
    last = in_scope(
        f"[PATCH{version} 2/2] teapot: tell", f"{stem}2@author.example", f"{stem}0@author.example"
    )
    return [cover, first, last]


def unthreaded(stem: str) -> list[bytes]:
    """Two parts that refer to nothing."""
    return [
        in_scope(f"[PATCH {n}/2] kettle: tell {n}", f"20260303{stem}.77-{n}-author@author.example")
        for n in (1, 2)
    ]


MAILS = [
    *whole("a"),
    *whole("b", revision=2, parent="a0@author.example"),
    *unthreaded("x"),
    *series(3, stem="q")[:3],
    in_scope("[PATCH 3/4] mug: tell", "m3@author.example", "m0@author.example"),
    mail(
        "[PATCH 0/9] dma_buf_move_notify: a plan", "c0@author.example", body="dma_buf_move_notify\n"
    ),
    mail("[GIT PULL] teapot", "p@author.example", body=PULL),
    mail(
        "Re: [PATCH 0/2] teapot: keep it warm", "r1@author.example", "a0@author.example", "Fine.\n"
    ),
    mail("lunch", "l@author.example", body="Soup.\n"),
]
FATES = {
    "a0@author.example": "reviewed",
    "b0@author.example": "reviewed",
    "20260303x.77-1-author@author.example": "reviewed",
    "m3@author.example": "incomplete",
    "c0@author.example": "cover only",
    "p@author.example": "pull request",
}  # fmt: skip
"""Of what holds a word of some rule; `q`, the lunch and the replies are never looked at."""


@settings(max_examples=15, phases=[Phase.generate])
@given(seed=st.integers(0, 10**6), cuts=st.integers(1, len(MAILS)))
def test_the_order_of_arrival_makes_no_difference(
    tmp_path_factory: pytest.TempPathFactory, seed: int, cuts: int
) -> None:
    chance = random.Random(seed)
    mails = chance.sample(MAILS, len(MAILS))
    shop = Shop(f"sqlite:///{tmp_path_factory.mktemp('order')}/state/outbox.db")
    for at in range(0, len(mails), cuts):
        shop.feed(*mails[at : at + cuts])
        if chance.random() < 0.5:
            shop.settle()
    shop.settle()
    fates = {msgid: fate for msgid, fate in shop.fates().items() if fate != "replaced"}
    assert fates == FATES
    assert shop.findings() == {
        "a0@author.example": 2,
        "b0@author.example": 2,
        "20260303x.77-1-author@author.example": 4,
        "m3@author.example": 2,
    }


def test_parts_wait_for_one_another_until_they_have_settled(store_url: str) -> None:
    shop = Shop(store_url)
    cover, first, last = whole("a")
    shop.feed(cover, last)
    assert [done.outcome for done in shop.work()] == ["done"]
    assert shop.fates() == {"a0@author.example": "waiting"}
    shop.later(SETTLE / 2)
    shop.feed(first)
    shop.work()
    assert shop.fates() == {"a0@author.example": "reviewed"}
    shop.later(10 * SETTLE)
    assert shop.work() == []


def test_a_series_that_stays_incomplete_is_drafted_and_reviewed_again_when_it_is_whole(
    store_url: str,
) -> None:
    shop = Shop(store_url)
    cover, first, last = whole("a")
    shop.feed(cover, last)
    shop.settle()
    assert shop.fates() == {"a0@author.example": "incomplete"}
    assert shop.rows("SELECT reason FROM series") == [("part 1 of 2 is not here",)]
    shop.later(timedelta(days=1))
    shop.feed(first)
    (done,) = shop.work()
    assert (done.outcome, done.reviewed) == ("done", 1)
    assert shop.fates() == {"a0@author.example": "reviewed"}


def test_a_part_that_is_sent_again_takes_the_place_of_the_first(store_url: str) -> None:
    shop = Shop(store_url)
    shop.feed(*whole("a"))
    shop.work()
    again = in_scope("[PATCH 2/2] teapot: tell", "again@author.example", "a0@author.example")
    shop.feed(again.replace(b"10:00:00", b"11:00:00"))
    (done,) = shop.work()
    assert done.reviewed == 1
    (reason,) = shop.rows("SELECT reason FROM series WHERE msgid = 'a0@author.example'")
    assert reason == ("part 2 of 2 came twice; again@author.example is taken instead",)


def test_a_mail_that_comes_through_three_lists_is_one(store_url: str) -> None:
    shop = Shop(store_url)
    for name in ("one", "two", "three"):
        shop.feed(
            *(b"List-Id: <" + name.encode() + b".example>\n" + raw for raw in whole("a")), name=name
        )
        shop.work()
    assert shop.rows("SELECT count(*) FROM mail WHERE raw IS NOT NULL") == [(3,)]
    assert shop.rows("SELECT count(*) FROM review") == [(1,)]
    assert shop.rows("SELECT name, mails FROM inbox ORDER BY name") == [
        ("one", 3), ("three", 3), ("two", 3),
    ]  # fmt: skip


def test_a_copy_that_a_list_has_damaged_gives_way_to_a_whole_one(store_url: str) -> None:
    shop = Shop(store_url)
    good = in_scope("[PATCH] teapot: tell", "one@author.example")
    shop.feed(good + b"_______________\nA list's footer\n", name="damaged")
    shop.work()
    shop.feed(good, name="whole")
    shop.work()
    ((raw,),) = shop.rows("SELECT raw FROM mail")
    assert zlib.decompress(raw) == good


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw.replace(b"Warm the pot.", b"A stranger's words."),
        lambda raw: raw.partition(b"+\tteapot_warm")[0],
        lambda raw: raw.replace(b"author.example>\nTo:", b"stranger.example>\nTo:"),
        lambda raw: raw.replace(b"[PATCH] teapot", b"[PATCH] a pot"),
    ],
    ids=["text", "less", "author", "subject"],
)
def test_a_forged_copy_of_a_patch_changes_nothing(
    store_url: str, change: Callable[[bytes], bytes]
) -> None:
    shop = Shop(store_url)
    footer = b"_______________\nA list's footer\n"
    good = in_scope("[PATCH] teapot: tell", "one@author.example") + footer
    shop.feed(good, name="list")
    shop.work()
    forged = change(good)
    assert forged != good
    shop.feed(forged, name="another list")
    assert shop.work() == []
    ((raw,),) = shop.rows("SELECT raw FROM mail")
    assert zlib.decompress(raw) == good


def test_a_revision_in_a_thread_of_its_own_ends_what_was_said_of_the_older_one(
    store_url: str,
) -> None:
    shop = Shop(store_url)
    shop.feed(in_scope("[PATCH] teapot: tell", "v1@author.example"))
    shop.work()
    assert shop.rows("SELECT state FROM reply") == [("draft",)]
    shop.feed(in_scope("[PATCH v2] teapot: tell", "v2@author.example"))
    shop.work()
    assert shop.rows("SELECT parent, state, reason FROM reply ORDER BY id") == [
        ("v1@author.example", "discarded", "revision 2 has come"),
        ("v2@author.example", "draft", "no list is allowed yet (policy.lists is empty)"),
    ]


def test_a_revision_of_another_title_is_known_by_its_change_id(store_url: str) -> None:
    shop = Shop(store_url)
    for number in (1, 2):
        raw = in_scope(f"[PATCH v{number}] teapot: tell {number}", f"v{number}@author.example")
        shop.feed(raw.replace(b"---\n\n", b"---\nchange-id: 20260303-teapot-1234\n\n", 1))
        shop.work()
    states = shop.rows("SELECT parent, state FROM reply ORDER BY id")
    assert states == [("v1@author.example", "discarded"), ("v2@author.example", "draft")]


def test_the_archive_is_asked_once_for_what_has_not_come(store_url: str) -> None:
    asked = []

    def fetch(msgid: str) -> list[bytes]:
        asked.append(msgid)
        return [*whole("a"), in_scope("[PATCH v2 2/2] teapot: tell", "b2@author.example")]

    shop = Shop(store_url, fetch)
    shop.feed(*whole("b", revision=2, parent="a0@author.example"))
    assert [done.outcome for done in shop.work()] == ["asked", "done"]
    assert asked == ["b0@author.example"]
    assert shop.fates() == {"a0@author.example": "reviewed", "b0@author.example": "reviewed"}
    shop.feed(mail("[PATCH v3 0/2] teapot: keep it warm", "d0@author.example", "b0@author.example"))
    shop.settle()
    assert asked == ["b0@author.example"]


def test_the_archive_is_asked_for_a_part_that_went_to_other_lists(store_url: str) -> None:
    cover, first, last = whole("a")
    shop = Shop(store_url, lambda msgid: [cover, first, last])
    shop.feed(cover, last)
    assert [done.outcome for done in shop.settle()] == ["done", "asked", "done"]
    assert shop.fates() == {"a0@author.example": "reviewed"}
    assert shop.rows("SELECT msgid, inbox FROM mail WHERE inbox = 'archive'") == [
        ("a1@author.example", "archive")
    ]


def test_it_is_asked_again_when_more_has_come(store_url: str) -> None:
    asked = []

    def fetch(msgid: str) -> list[bytes]:
        asked.append(msgid)
        return []

    shop = Shop(store_url, fetch)
    for revision in (3, 5):
        version = f"[PATCH v{revision}] teapot: tell"
        shop.feed(in_scope(version, f"v{revision}@author.example", "v2@author.example"))
        shop.work()
        shop.later(timedelta(days=1))
    assert asked == ["v3@author.example", "v5@author.example"]


def test_what_an_archive_that_is_down_could_not_tell_is_left_to_a_person(store_url: str) -> None:
    shop = Shop(store_url, unreachable)
    shop.feed(in_scope("[PATCH v2] teapot: tell", "v2@author.example"))
    for _try in range(2):
        (done,) = shop.work()
        assert done.outcome == "waiting"
        assert shop.rows("SELECT count(*) FROM review") == [(0,)]
        shop.later(timedelta(hours=1))
    (done,) = shop.work()
    assert (done.outcome, done.replies) == ("done", 1)
    ((errors,),) = shop.rows("SELECT CAST(errors AS TEXT) FROM review")
    assert "older-revisions-unknown" in errors


def test_an_archive_that_is_down_parks_nothing(store_url: str) -> None:
    shop = Shop(store_url, unreachable)
    shop.feed(in_scope("[PATCH v2] teapot: tell", "v2@author.example"))
    for _try in range(2):
        shop.work()
        shop.later(timedelta(hours=1))
    number = shop.store.claim_thread(OWNER, shop.now, LONG)
    assert number is not None
    assert not shop.store.failed_thread(number, OWNER, shop.now, shop.now, "it died", 3)


def test_a_mail_that_comes_while_its_thread_is_looked_at_is_not_lost(store_url: str) -> None:
    shop = Shop(store_url)
    cover, first, last = whole("a")
    shop.feed(cover, last)
    shop.later(2 * SETTLE)
    number = shop.store.claim_thread("other:2:two", shop.now, SETTLE)
    assert number is not None
    task = shop.store.load(number, "other:2:two")
    assert task is not None
    shop.feed(first)
    assert shop.shop.work(number, "other:2:two").outcome == "done"
    assert shop.work() == []
    assert shop.fates() == {"a0@author.example": "reviewed"}


def test_what_a_watcher_died_of_does_not_keep_the_next_one_from_the_others(store_url: str) -> None:
    shop = Shop(store_url)
    shop.feed(in_scope("[PATCH] teapot: tell", "bad@author.example"))
    shop.later(timedelta(seconds=1))
    shop.feed(in_scope("[PATCH] kettle: tell", "good@author.example"))
    bad = shop.store.claim_thread("dead:2:two", shop.now, LONG)
    shop.later(timedelta(seconds=1))
    shop.store.bury("dead:2:two", shop.now)
    claimed = [shop.store.claim_thread(OWNER, shop.now, LONG) for _time in range(3)]
    assert claimed[1:] == [bad, None]
    assert claimed[0] not in (bad, None)


def test_a_mail_to_a_parked_thread_has_it_looked_at_once(store_url: str) -> None:
    shop = Shop(store_url)
    root = "bad@author.example"

    def fails() -> bool:
        number = shop.store.claim_thread(OWNER, shop.now, LONG)
        assert number is not None
        return shop.store.failed_thread(number, OWNER, shop.now, shop.now, "too much", 3)

    shop.feed(in_scope("[PATCH] teapot: tell", root))
    assert [fails(), fails(), fails()] == [False, False, True]
    shop.feed(in_scope("[PATCH v2] teapot: tell", "v2@author.example", root))
    assert fails()
    shop.feed(in_scope("[PATCH v3] teapot: tell", "v3@author.example", root))
    assert [done.reviewed for done in shop.work()] == [3]
    assert shop.rows("SELECT state, attempts FROM thread") == [("done", 0)]


def test_a_worker_whose_lease_is_over_keeps_nothing(store_url: str) -> None:
    shop = Shop(store_url)
    shop.feed(in_scope("[PATCH] teapot: tell", "one@author.example"))
    number = shop.store.claim_thread("slow:2:two", shop.now, SETTLE)
    assert number is not None
    shop.later(2 * SETTLE)
    assert [done.outcome for done in shop.work()] == ["done"]
    assert shop.shop.work(number, "slow:2:two").outcome == "lost"
