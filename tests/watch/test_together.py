# SPDX-License-Identifier: GPL-2.0-or-later
"""Watchers that share a store, in each other's way all the time, come to what one alone comes to."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.watch.shop import LONG, SETTLE, Shop, in_scope
from tests.watch.test_fates import MAILS, unthreaded, whole

STEMS = "efghkmno"
SINGLE = "[PATCH{}] {}: tell"
LOT = [
    *MAILS,
    *(raw for stem in STEMS for raw in whole(stem)),
    *(raw for stem in STEMS for raw in whole(f"{stem}v", 2, f"{stem}0@author.example")),
    *(raw for stem in STEMS[:4] for raw in unthreaded(stem)),
    *(in_scope(SINGLE.format("", stem), f"{stem}s1@author.example") for stem in STEMS),
    *(
        in_scope(
            SINGLE.format(f" v{revision}", stem),
            f"{stem}s{revision}@author.example",
            f"{stem}s1@author.example",
        )
        for stem in STEMS
        for revision in (2, 3)
    ),
]
DEAD = timedelta(0)
"""A lease that is over at once, as that of a worker that has died."""


def read(shop: Shop, name: str, chance: random.Random) -> None:
    """Feed an inbox that holds nearly all mails, in some order."""
    mails = chance.sample(LOT, len(LOT))
    while mails:
        some = chance.randint(1, 7)
        shop.feed(*mails[:some], name=name)
        del mails[:some]
        time.sleep(chance.random() / 10)  # about as fast as the workers


def work(shop: Shop, owner: str, chance: random.Random, ended: threading.Event) -> None:
    """Look at what is due, slowly, and die now and then with a thread claimed."""

    def clock() -> datetime:
        time.sleep(chance.random() / 50)
        return shop.now

    workshop = shop.shop._replace(clock=clock)
    while True:
        last = ended.is_set()
        number = shop.store.claim_thread(owner, shop.now, LONG)
        if number is None:
            if last:
                return
            ended.wait(0.01)
        elif chance.random() < 0.1:
            shop.store.give_back(number, owner, shop.now, shop.now, "")
            shop.store.claim_thread(f"{owner} dead", shop.now, DEAD)
        else:
            outcome = workshop.work(number, owner).outcome
            assert outcome in ("done", "stale", "lost", "asked"), outcome


def end_of(shop: Shop) -> tuple[object, ...]:
    """What came of all, whatever came first."""
    for _look in range(2):
        shop.settle()
    return (
        {msgid: fate for msgid, fate in shop.fates().items() if fate != "replaced"},
        shop.findings(),
        shop.rows("SELECT msgid FROM mail WHERE raw IS NOT NULL ORDER BY msgid"),
        shop.rows("SELECT count(*) FROM thread WHERE owner IS NOT NULL"),
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_many_watchers_come_to_what_one_comes_to(store_url: str, tmp_path: Path, seed: int) -> None:
    alone = Shop(f"sqlite:///{tmp_path}/alone/outbox.db")
    alone.feed(*LOT)
    shops = [Shop(store_url) for _ in range(4)]
    failed: list[BaseException] = []
    ended = threading.Event()

    def guarded(act: Callable[[], None]) -> None:
        try:
            act()
        except BaseException as err:
            failed.append(err)

    def started(act: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=guarded, args=(act,))
        thread.start()
        return thread

    readers = [
        started(lambda n=n: read(shops[n], f"inbox {n}", random.Random(seed + n)))  # type: ignore[misc]
        for n in (0, 1)
    ]
    workers = [
        started(lambda n=n: work(shops[n], f"worker {n}", random.Random(seed + n), ended))  # type: ignore[misc]
        for n in (2, 3)
    ]
    for thread in readers:
        thread.join()
    ended.set()
    for thread in workers:
        thread.join()
    assert failed == []
    shops[0].later(SETTLE)
    assert end_of(shops[0]) == end_of(alone)
