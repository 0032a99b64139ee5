# SPDX-License-Identifier: GPL-2.0-or-later
"""Answers on a loopback port how the daemon does: /metrics for Prometheus, /healthz for a probe.

/healthz is about this daemon: 503 means that it does not do its work, and that
starting it anew may help.  A server that it cannot reach does not count;
`revokebot status` and the metrics tell of that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from threading import Lock

from bot import httpd
from bot.config import Settings
from bot.errors import BotError
from bot.httpd import Answer
from bot.outbox.overview import Onlooker
from bot.overview import LATE, MISSED, ago
from bot.render.plain import one_line
from bot.watch import log

__all__ = ["Server", "checks", "loopback"]

CONNECTIONS = 8
"""That are open before the oldest is cut."""
PATIENCE = 5.0
"""Seconds that one waits for another's answer."""
WELL = "ok"
PLAIN = "text/plain; version=0.0.4; charset=utf-8"


def loopback(listen: str) -> tuple[str, int]:
    """The address and port of `watch.listen`.  Raises `UsageError` where others could reach it."""
    return httpd.loopback(listen, "watch.listen", 9464)


def checks(
    onlooker: Onlooker,
    settings: Settings,
    started: datetime,
    now: datetime,
    alive: Callable[[], str],
) -> dict[str, str]:
    """What is looked at for /healthz, each with `ok` or what is wrong.

    Parameters
    ----------
    started, now: aware; what was late before the start is not held against the daemon
    alive: says what is wrong with the daemon's processes and threads, empty for nothing
    """
    found = {"processes": alive() or WELL}
    try:
        onlooker.usable()
        overview = onlooker.look(now)
    except BotError as err:
        return {**found, "store": str(err)}
    late = timedelta(seconds=settings.watch.interval) * MISSED
    polls = [
        f"{one.name} was due {ago(one.due, now)}"
        for one in overview.inboxes
        if one.name in settings.watch.inboxes
        and one.due is not None
        and now - max(one.due, one.held or one.due, started) > late
    ]
    due = overview.oldest_due
    waits = due is not None and now - max(due, started) > LATE
    return {
        **found,
        "store": WELL,
        "polls": "; ".join(polls) or WELL,
        "threads": f"one became due {ago(due, now)}" if due and waits else WELL,
    }


class Server(httpd.Server):
    """The port, open from here to `close`; both pages are asked for one at a time."""

    def __init__(
        self,
        listen: str,
        metrics: Callable[[], bytes],
        health: Callable[[], Mapping[str, str]],
    ) -> None:
        """Open it.  Raises `UsageError` where that can't be, or must not."""
        self._busy = Lock()
        self._pages = {"/metrics": lambda: Answer(200, metrics(), PLAIN), "/healthz": self._healthz}
        self._health = health
        super().__init__(
            loopback(listen), self._page, _broken, name="watch.listen", connections=CONNECTIONS
        )

    def _healthz(self) -> Answer:
        found = self._health()
        well = all(words == WELL for words in found.values())
        answer = {"status": WELL if well else "failing", "checks": dict(found)}
        contents = json.dumps(answer, indent=2).encode()
        return Answer(200 if well else 503, contents, "application/json")

    def _page(self, path: str, query: str) -> Answer:
        page = self._pages.get(path)
        if page is None:
            return Answer(404, b"there are /metrics and /healthz\n")
        if not self._busy.acquire(timeout=PATIENCE):
            return Answer(503, b"another one is being answered; ask again\n")
        try:
            return page()
        finally:
            self._busy.release()


def _broken(path: str, err: Exception) -> None:
    words = one_line(f"{type(err).__name__}: {err}; please report it")
    log.trouble("health", path, words, error=err)
