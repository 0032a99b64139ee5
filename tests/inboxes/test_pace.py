# SPDX-License-Identifier: GPL-2.0-or-later
"""When an inbox is looked at again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.inboxes.pace import CEILING, JITTER, LONGEST, pause, polite

CHANCES = st.floats(0, 1, exclude_max=True)
INTERVALS = st.floats(0.1, 10_000)


@given(interval=INTERVALS, chance=CHANCES)
def test_a_look_that_went_well_is_followed_by_one_within_the_interval(
    interval: float, chance: float
) -> None:
    assert (1 - JITTER) * interval <= pause(interval, chance) <= interval


def test_chance_spreads_the_looks() -> None:
    assert len({pause(300, number / 10) for number in range(10)}) == 10


@given(interval=INTERVALS, chance=CHANCES, failures=st.integers(1, 100_000))
def test_failures_are_answered_by_longer_pauses_up_to_a_ceiling(
    interval: float, chance: float, failures: int
) -> None:
    waits = pause(interval, chance, failures)
    assert interval <= waits <= max(CEILING, interval)
    assert pause(interval, chance, failures + 1) >= waits


def test_the_pause_doubles() -> None:
    pauses = [pause(60, 0, failures) for failures in range(9)]
    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


@given(interval=INTERVALS, chance=CHANCES, failures=st.integers(0, 50), asked=st.floats(0, LONGEST))
def test_what_the_server_asks_for_is_kept(
    interval: float, chance: float, failures: int, asked: float
) -> None:
    assert pause(interval, chance, failures, asked) >= asked


@pytest.mark.parametrize("asked", [1e12, float("inf")])
def test_a_server_is_not_left_alone_for_ever(asked: float) -> None:
    assert pause(300, 0.5, 1, asked) <= LONGEST * (1 + JITTER)


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("https://lore.example.org/list/", 60),
        ("nntps://news.example.org/inbox.test", 60),
        ("http://192.0.2.7/list/", 60),
        ("http://127.0.0.1:8080/list/", 1),
        ("http://[::1]/list/", 1),
        ("imap://user@localhost/INBOX", 1),
        ("/srv/mirror/list", 1),
    ],
)
def test_other_hosts_are_asked_once_a_minute_at_most(name: str, seconds: float) -> None:
    assert polite(name, 1) == seconds
    assert polite(name, 300) == 300
