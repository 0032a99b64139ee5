# SPDX-License-Identifier: GPL-2.0-or-later
"""What is done now and then: free what dead daemons had claimed, prune, write to the operator."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from bot.config import Settings
from bot.orders.digest import digest_due
from bot.outbox.pruning import Pruner
from bot.owner import is_dead
from bot.watch import log
from bot.watched import Watched

__all__ = ["Chores"]

MINUTE = 60.0
DAY = 86_400.0


class Chores:
    """When each was done last, by a clock that no one sets."""

    def __init__(self, settings: Settings, store: Watched, clock: Callable[[], datetime]) -> None:
        self._settings, self._store, self._clock = settings, store, clock
        self._minute = self._day = float("-inf")

    def tick(self) -> None:
        """Do what is due.  Raises BotError where the store can't be used."""
        now = time.monotonic()
        if now - self._minute >= MINUTE:
            self._free_dead()
            if digest_due(self._store, self._settings, self._clock()):
                log.event("digest")
            self._minute = now
        if now - self._day >= DAY:
            self._prune()
            self._day = now

    def run_now(self) -> None:
        """Do all of it."""
        self._minute = self._day = float("-inf")
        self.tick()

    def _prune(self) -> None:
        with Pruner.open(self._settings.store) as store:
            pruned = store.prune(self._clock(), self._settings.watch)
        if any(pruned):
            log.event("pruned", **pruned._asdict())

    def _free_dead(self) -> None:
        """Bury owners of this machine that run no more; those of others have their leases."""
        for owner in filter(is_dead, self._store.owners()):
            self._store.bury(owner, self._clock())
            log.event("freed", owner=owner)
