# SPDX-License-Identifier: GPL-2.0-or-later
"""What needs a person, and what does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.config import Settings
from bot.overview import Overview, Parked, Polled, Replied, ago, needs
from bot.settings import PolicySettings, WatchSettings

NOW = datetime(2026, 2, 3, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
INBOX = "/srv/dri-devel"
SETTINGS = Settings(watch=WatchSettings(inboxes=(INBOX,), interval=60))
RETRY = "`revokebot watch --retry a@b` reviews it again, --give-up lets it be"
WELL = Overview(inboxes=(Polled(INBOX, NOW - MINUTE, NOW, 0, "", 3),))


def needed(overview: Overview, settings: Settings = SETTINGS) -> list[str]:
    return [f"{place}: {words}" for place, words in needs(overview, settings, NOW)]


def test_a_bot_that_does_its_work_needs_nobody() -> None:
    assert needed(WELL) == []
    assert needed(WELL._replace(replies={"draft": 3}, stopped="holidays")) == []
    assert needed(Overview(), Settings()) == []


@pytest.mark.parametrize(
    ("polled", "says"),
    [
        (None, f"{INBOX}: it was never looked at; start `revokebot watch`"),
        (Polled(INBOX, NOW - 5 * MINUTE, NOW, 3, "refused; see x", 0),
         f"{INBOX}: 3 looks in a row failed, last read 5 minutes ago: refused; see x"),
        (Polled(INBOX, None, NOW, 3, "no such inbox; see x", 0),
         f"{INBOX}: 3 looks in a row failed: no such inbox; see x"),
        (Polled(INBOX, NOW - 61 * MINUTE, NOW, 0, "", 0),
         f"{INBOX}: last read 61 minutes ago; see whether `revokebot watch` runs"),
    ],
)  # fmt: skip
def test_an_inbox_that_is_not_read(polled: Polled | None, says: str) -> None:
    assert needed(Overview(inboxes=(polled,) if polled else ())) == [says]


def test_a_server_that_restarts_needs_nobody() -> None:
    restarting = Polled(INBOX, NOW - 3 * MINUTE, NOW, 2, "refused", 0)
    assert needed(Overview(inboxes=(restarting,))) == []
    slow = SETTINGS._replace(watch=SETTINGS.watch._replace(interval=86400))
    assert needed(Overview(inboxes=(restarting._replace(looked=NOW - 1500 * MINUTE),)), slow) == []


def test_an_inbox_that_is_no_longer_watched_needs_nobody() -> None:
    old = Polled("/srv/old", NOW - timedelta(days=30), None, 9, "gone", 0)
    assert needed(WELL._replace(inboxes=(*WELL.inboxes, old))) == []


def test_what_is_parked_or_failed_says_how_to_go_on() -> None:
    parked = Parked(7, "a@b", "frob", "too slow; report it", NOW)
    failed = Replied(5, "failed", "Re: frob", "550 no", NOW)
    assert needed(WELL._replace(parked=(parked,), failed=(failed,))) == [
        f"thread 7: parked since 2026-02-03 12:00 UTC: {parked.reason}; {RETRY}",
        "reply 5: failed: 550 no; `revokebot queue retry 5` or `discard 5`",
    ]


def test_replies_that_fail_again_and_again_need_a_person() -> None:
    stuck = WELL._replace(stuck=(Replied(5, "approved", "Re: frob", "no route to host", NOW),))
    (said,) = needed(stuck)
    assert said.startswith("replies: 1 could not be sent 5 times or more, the last one, 5, since: ")
    assert "no route to host" in said
    assert needed(stuck._replace(stopped="holidays")) == []


def test_what_waits_for_too_long() -> None:
    late = WELL._replace(oldest_due=NOW - 61 * MINUTE, oldest_unsent=NOW - 61 * MINUTE)
    threads, replies = needed(late)
    assert threads.startswith("threads: one became due 61 minutes ago; see whether `revokebot wat")
    assert replies.startswith("replies: one became due 61 minutes ago and was not sent; see")
    assert needed(late._replace(stopped="holidays")) == [threads]
    off = SETTINGS._replace(policy=PolicySettings(post="off"))
    assert needed(late, off) == [threads]
    recent = WELL._replace(oldest_due=NOW - 59 * MINUTE, oldest_unsent=NOW - 59 * MINUTE)
    assert needed(recent) == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 seconds ago"), (1, "1 second ago"), (119, "119 seconds ago"), (120, "2 minutes ago"),
     (7200, "2 hours ago"), (200000, "2 days ago"), (-300, "in 5 minutes")],
)  # fmt: skip
def test_how_long_ago(seconds: int, words: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == words
