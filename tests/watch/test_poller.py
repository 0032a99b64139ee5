# SPDX-License-Identifier: GPL-2.0-or-later
"""A look at an inbox, whatever comes in between: a mail that can't be stored, a store that fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from bot.inboxes import Batch
from bot.incoming import Glance
from bot.watch.poller import Poller
from tests.watch.shop import OWNER, Shop, in_scope

FIRST, ODD, LAST = (
    in_scope(f"[PATCH {number}/3] teapot: tell", f"{number}@author.example") for number in (1, 2, 3)
)


class Shelf:
    """An inbox with one batch."""

    name = "shelf"

    def batches(self, cursor: str) -> Iterator[Batch]:
        if cursor != "end":
            yield Batch((FIRST, ODD, LAST), "end")

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Never called."""

    def close(self) -> None:
        """Holds nothing."""


@pytest.mark.parametrize(
    "odd",
    [{"date": datetime.min.replace(tzinfo=UTC)}, {"date": "today"}, {"msgid": None}],
    ids=["a bug", "a bug below", "the database's word"],
)
def test_a_mail_that_cannot_be_stored_is_left_out_and_told(
    store_url: str, odd: dict[str, object]
) -> None:
    shop = Shop(store_url)

    def glance(raw: bytes) -> Glance:
        seen = shop.glance(raw)
        return seen._replace(**odd) if raw == ODD else seen  # type: ignore[arg-type]

    told: list[tuple[str, str]] = []
    poller = Poller(
        Shelf(), shop.store, glance, OWNER, 60.0, lambda: shop.now, lambda: None,
        lambda inbox, outcome: told.append((inbox, outcome)),
    )  # fmt: skip
    poller.look(threading.Event())
    assert told == [("shelf", "ok")]
    msgids = shop.rows("SELECT msgid FROM mail WHERE raw IS NOT NULL ORDER BY msgid")
    assert msgids == [("1@author.example",), ("3@author.example",)]
    assert shop.rows("SELECT cursor, failures FROM inbox") == [("end", 0)]
    ((kind, words),) = shop.rows("SELECT kind, words FROM incident")
    assert kind == "unfit"
    assert "was left out" in words
    shop.settle()
    assert shop.fates() == {"1@author.example": "incomplete"}
