# SPDX-License-Identifier: GPL-2.0-or-later
"""What Prometheus is told: the store's numbers at the time of asking, and what this process counts.

What is in the store is the same wherever it is asked, so several watchers
need not be added up.  Labels take few values: configured inboxes, states,
kinds of errors.  The library that writes the text is loaded when somebody
asks, since it costs memory.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any

from bot import __version__
from bot.errors import BotError
from bot.overview import Overview

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from bot.config import Settings
    from bot.outbox.overview import Onlooker

__all__ = ["Metrics", "numbers"]

BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""Seconds that a review takes; upper ends of the classes, Prometheus' `le`."""
MOST = 50
"""Different kinds of errors that are told apart; a bug must not make series without end."""
SELDOM = timedelta(minutes=10)
"""Between two countings of the rules' records, which take longer than the rest."""
KIND = re.compile(r"[a-z][a-z0-9_-]{0,40}")


def numbers(onlooker: Onlooker, settings: Settings) -> Callable[[datetime], Overview]:
    """What `Metrics` asks for the store's numbers; used by one thread at a time.

    An inbox that is not watched from here is left out: its lag grows for ever.
    """
    muted: Mapping[str, str] = {}
    counted: datetime | None = None

    def look(now: datetime) -> Overview:
        nonlocal muted, counted
        if counted is None or now - counted >= SELDOM:
            muted, counted = onlooker.muted(settings.policy, now), now
        seen = onlooker.look(now)
        watched = tuple(one for one in seen.inboxes if one.name in settings.watch.inboxes)
        return seen._replace(muted=muted, inboxes=watched)

    return look


class Metrics:
    """Counts of this process; every method may be called from any thread."""

    def __init__(
        self,
        look: Callable[[datetime], Overview],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`look` takes the time of `clock`, gives the store's numbers, or raises `BotError`."""
        self._look, self._clock = look, clock
        self._lock = Lock()
        self._polls: Counter[tuple[str, str]] = Counter()
        self._kinds: Counter[str] = Counter()
        self._reviews: Counter[str] = Counter()
        self._classes = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0

    def polled(self, inbox: str, outcome: str) -> None:
        """An inbox was looked at; `outcome` is `ok`, `failed` or `busy`."""
        with self._lock:
            self._polls[inbox, outcome] += 1

    def reviewed(self, seconds: float, outcome: str) -> None:
        """A worker was done with a thread; `outcome` is `ok` or `failed`."""
        with self._lock:
            self._reviews[outcome] += 1
            self._classes[bisect_left(BOUNDS, seconds)] += 1
            self._seconds += seconds

    def trouble(self, kind: str) -> None:
        """Something went wrong; `kind` as in the log."""
        kind = kind if KIND.fullmatch(kind) else "other"
        with self._lock:
            known = kind in self._kinds or len(self._kinds) < MOST
            self._kinds[kind if known else "other"] += 1

    def text(self) -> bytes:
        """All of it, in Prometheus' text format 0.0.4."""
        from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterator[Metric]:
        """Yield every metric but those of the process, as the library wants them."""
        now = self._clock()
        yield _metric(
            "gauge", "build_info", "Version of revokebot.", {(__version__,): 1}, "version"
        )
        yield from self._own()
        try:
            overview = self._look(now)
        except BotError:
            yield _metric("gauge", "store_up", "Whether the store can be read.", {(): 0})
            return
        yield _metric("gauge", "store_up", "Whether the store can be read.", {(): 1})
        yield from _inboxes(overview, now)
        yield from _work(overview, now)

    def _own(self) -> Iterator[Metric]:
        from prometheus_client.metrics_core import HistogramMetricFamily

        with self._lock:
            polls, kinds, reviews = dict(self._polls), dict(self._kinds), dict(self._reviews)
            classes, seconds = list(self._classes), self._seconds
        yield _metric("counter", "polls", "Looks at an inbox.", polls, "inbox", "outcome")
        yield _metric("counter", "errors", "What went wrong.", _keyed(kinds), "kind")
        yield _metric("counter", "reviews", "Threads reviewed.", _keyed(reviews), "outcome")
        ends = [*map(str, BOUNDS), "+Inf"]
        sums = [sum(classes[: n + 1]) for n in range(len(classes))]
        took = HistogramMetricFamily("revokebot_review_seconds", "Time to review a thread.")
        took.add_metric([], list(zip(ends, sums, strict=True)), seconds)
        yield took


def _inboxes(overview: Overview, now: datetime) -> Iterator[Metric]:
    lag = {(one.name,): _since(one.looked, now) for one in overview.inboxes if one.looked}
    mails = {(one.name,): one.mails for one in overview.inboxes}
    failures = {(one.name,): one.failures for one in overview.inboxes}
    yield _metric("counter", "mails", "Mails read, by all watchers.", mails, "inbox")
    words = "Seconds since an inbox could be read."
    yield _metric("gauge", "inbox_lag_seconds", words, lag, "inbox")
    words = "Looks at an inbox in a row that failed."
    yield _metric("gauge", "inbox_failures", words, failures, "inbox")


def _work(overview: Overview, now: datetime) -> Iterator[Metric]:
    yield _metric("gauge", "threads", "Threads by state.", _keyed(overview.threads), "state")
    yield _metric("gauge", "series", "Series by fate.", _keyed(overview.series), "fate")
    yield _metric("gauge", "replies", "Replies by state.", _keyed(overview.replies), "state")
    yield _metric("counter", "orders", "Orders by mail.", _keyed(overview.orders), "outcome")
    for name, moment, words in (
        ("oldest_due_seconds", overview.oldest_due, "a thread waits for a worker."),
        ("oldest_unsent_seconds", overview.oldest_unsent, "a reply that may go waits."),
    ):
        yield _metric("gauge", name, f"Seconds that {words}", {(): _since(moment, now)})
    stopped = {(): int(overview.stopped is not None)}
    yield _metric("gauge", "sending_stopped", "Whether all sending is stopped.", stopped)
    muted = {(rule,): 1 for rule in overview.muted}
    yield _metric("gauge", "rule_muted", "Rules that are muted.", muted, "rule")


def _since(moment: datetime | None, now: datetime) -> float:
    return max(0.0, (now - moment).total_seconds()) if moment else 0.0


def _keyed(counts: Any) -> dict[tuple[str, ...], int]:
    return {(name,): number for name, number in counts.items()}


def _metric(kind: str, name: str, words: str, values: Any, *labels: str) -> Metric:
    """One metric with its values, by their labels."""
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

    family = CounterMetricFamily if kind == "counter" else GaugeMetricFamily
    metric = family(f"revokebot_{name}", words, labels=labels)
    for key, value in values.items():
        metric.add_metric(list(key), value)
    return metric
