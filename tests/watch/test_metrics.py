# SPDX-License-Identifier: GPL-2.0-or-later
"""What Prometheus reads, by its own parser: the numbers, bounded labels, a store that is away."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from bot.config import Settings
from bot.errors import BotError
from bot.outbox.overview import Onlooker
from bot.overview import Overview, Polled
from bot.settings import StoreSettings, WatchSettings
from bot.watch.metrics import BOUNDS, MOST, Metrics, numbers
from tests.store.watched import LORE, NEWS, put_inbox

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 2, 3, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
INBOX = 'https://lore.example.org/"odd"\\/'
SEEN = Overview(
    inboxes=(
        Polled(INBOX, NOW - MINUTE, NOW, 2, "refused", 3),
        Polled("new", None, NOW, 1, "x", 0),
    ),
    threads={"due": 4, "parked": 1},
    series={"reviewed": 5},
    replies={"draft": 2, "sent": 9},
    oldest_due=NOW - 2 * MINUTE,
    oldest_unsent=NOW + MINUTE,
    stopped="holidays",
    orders={"obeyed": 2, "ignored": 7},
    muted={"resv-lock": "rule resv-lock is muted: 0 of 5 addressed"},
)


def read(metrics: Metrics) -> dict[str, float]:
    """Every sample by its name and labels, as `name{label=value}`."""
    samples = {}
    for family in text_string_to_metric_families(metrics.text().decode()):
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            samples[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return samples


def test_the_store_is_told_as_it_is_now() -> None:
    got = read(Metrics(lambda _: SEEN, lambda: NOW))
    expected = {
        f"revokebot_inbox_lag_seconds{{inbox={INBOX}}}": 60,
        f"revokebot_inbox_failures{{inbox={INBOX}}}": 2,
        f"revokebot_mails_total{{inbox={INBOX}}}": 3,
        "revokebot_inbox_failures{inbox=new}": 1,
        "revokebot_threads{state=due}": 4,
        "revokebot_threads{state=parked}": 1,
        "revokebot_series{fate=reviewed}": 5,
        "revokebot_replies{state=draft}": 2,
        "revokebot_oldest_due_seconds": 120,
        "revokebot_oldest_unsent_seconds": 0,
        "revokebot_sending_stopped": 1,
        "revokebot_rule_muted{rule=resv-lock}": 1,
        "revokebot_orders_total{outcome=obeyed}": 2,
        "revokebot_orders_total{outcome=ignored}": 7,
        "revokebot_store_up": 1,
    }
    assert {key: got.get(key) for key in expected} == expected
    assert "revokebot_inbox_lag_seconds{inbox=new}" not in got  # no lag is known
    assert got["process_resident_memory_bytes"] > 0


def test_what_this_process_counts() -> None:
    metrics = Metrics(lambda _: Overview(), lambda: NOW)
    metrics.polled("a", "ok")
    metrics.polled("a", "ok")
    metrics.polled("a", "failed")
    for seconds in (0.1, 0.2, 300.0):
        metrics.reviewed(seconds, "ok")
    metrics.trouble("archive")
    got = read(metrics)
    assert got["revokebot_polls_total{inbox=a,outcome=ok}"] == 2
    assert got["revokebot_polls_total{inbox=a,outcome=failed}"] == 1
    assert got["revokebot_reviews_total{outcome=ok}"] == 3
    assert got["revokebot_errors_total{kind=archive}"] == 1
    counts = [got[f"revokebot_review_seconds_bucket{{le={end}}}"] for end in (*BOUNDS, "+Inf")]
    assert counts == [1, *[2] * (len(BOUNDS) - 1), 3]
    assert got["revokebot_review_seconds_count"] == 3
    assert got["revokebot_review_seconds_sum"] == 300.3


def test_kinds_are_bounded() -> None:
    metrics = Metrics(lambda _: Overview(), lambda: NOW)
    metrics.trouble("words of a mail")
    for number in range(MOST + 20):
        metrics.trouble(f"kind-{number}")
    kinds = {key: n for key, n in read(metrics).items() if key.startswith("revokebot_errors_total")}
    assert len(kinds) == MOST
    assert kinds["revokebot_errors_total{kind=other}"] == 22


def test_a_store_that_is_away_leaves_the_rest() -> None:
    def away(_: datetime) -> Overview:
        raise BotError("store: away; see to it")

    metrics = Metrics(away, lambda: NOW)
    metrics.trouble("store")
    got = read(metrics)
    assert got["revokebot_store_up"] == 0
    assert got["revokebot_errors_total{kind=store}"] == 1
    assert "revokebot_sending_stopped" not in got


def test_an_inbox_that_is_no_longer_watched_has_no_lag(store_url: str) -> None:
    put_inbox(store_url, LORE)
    put_inbox(store_url, NEWS)
    watched = Settings(watch=WatchSettings(inboxes=(LORE, "/srv/new")))
    with Onlooker.open(StoreSettings(store_url)) as onlooker:
        got = read(Metrics(numbers(onlooker, watched), lambda: NOW))
    lags = [name for name in got if name.startswith("revokebot_inbox_lag_seconds")]
    assert lags == [f"revokebot_inbox_lag_seconds{{inbox={LORE}}}"]


def test_who_is_not_asked_loads_no_library() -> None:
    script = (
        "import sys; from bot.watch.metrics import Metrics; m = Metrics(None); m.trouble('x');"
        "m.polled('a', 'ok'); m.reviewed(1.0, 'ok'); sys.exit('prometheus_client' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
