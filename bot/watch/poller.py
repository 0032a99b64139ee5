# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads one inbox, look after look: from its mails to the store, cursor along with them.

What goes wrong is told, and tried again later; only the settings can be wrong
for good.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

from bot.errors import ArchiveError, BotError, UnfitError
from bot.inboxes import Batch, BusyError, Inbox
from bot.inboxes.pace import pause, polite
from bot.incoming import Glance, Lease, Taken
from bot.watch import log
from bot.watched import Watched

__all__ = ["Poller"]

SLACK = 120.0
"""Seconds that a look may take beyond twice the interval, before another watcher takes over."""
BUGS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What code raises that did not foresee a mail."""
STORE_WAIT = 5.0
"""Seconds before the store is tried again."""


class Poller(NamedTuple):
    """All that reading an inbox needs."""

    inbox: Inbox
    store: Watched
    glance: Callable[[bytes], Glance]
    """What a mail is (`bot.watch.glance`)."""
    owner: str
    interval: float
    """Seconds."""
    clock: Callable[[], datetime]
    """Gives aware times."""
    due: Callable[[], None]
    """Told when a thread is to be looked at."""
    polled: Callable[[str, str], None]
    """Told of each look: the inbox, and `ok`, `failed` or `busy`."""

    def run(self, stop: threading.Event) -> None:
        """Read the inbox until `stop` is set."""
        while not stop.is_set():
            seconds = self.look(stop)
            if not stop.is_set():
                self.inbox.wait(seconds, stop)

    def look(self, stop: threading.Event) -> float:
        """Take all that has come; return how many seconds later to look again."""
        name = self.inbox.name
        try:
            held = self.store.lease(name, self.owner, self.clock(), self._lease)
            if held is None:
                return self._interval
            return self._take_all(held, stop)
        except BotError as err:
            # The store: whatever was not stored will come again.
            log.trouble("store", name, str(err), inbox=name)
            self.polled(name, "failed")
            return STORE_WAIT

    @property
    def _interval(self) -> float:
        return polite(self.inbox.name, self.interval)

    @property
    def _lease(self) -> timedelta:
        return timedelta(seconds=2 * self._interval + SLACK)

    def _take_all(self, held: Lease, stop: threading.Event) -> float:
        retry_after = None
        error, outcome = "", "ok"
        try:
            mails = 0
            for batch in self.inbox.batches(held.cursor):
                if not self._take(held, batch) or stop.is_set():
                    return self._interval
                held = held._replace(cursor=batch.cursor)
                mails += len(batch.mails)
            if mails:
                log.event("read", inbox=held.name, mails=mails)
        except ArchiveError as err:
            error, outcome = str(err), "failed"
            if isinstance(err, BusyError):
                outcome, retry_after = "busy", err.retry_after
        failures = held.failures + 1 if error else 0
        seconds = pause(self._interval, random.random(), failures, retry_after)
        if error and not stop.is_set():
            log.trouble("inbox", held.name, error, inbox=held.name, again_in=round(seconds))
            self.store.note(self.clock(), "inbox", held.name, error)
        self.polled(held.name, outcome)
        now = self.clock()
        self.store.looked(held, now, now + timedelta(seconds=seconds), error)
        return seconds

    def _take(self, held: Lease, batch: Batch) -> bool:
        """Store a batch; False where another watcher reads this inbox now.

        A mail that can't be stored is left out: else it would be the last of its inbox.
        """
        try:
            taken = self._store(held, batch.mails, batch.cursor)
        except UnfitError:
            for raw in batch.mails:
                self._store_or_leave(held, raw)
            taken = self._store(held, (), batch.cursor)
            self.due()
        if taken is None:
            log.event("lost", inbox=held.name)
            return False
        if taken.due:
            self.due()
        return True

    def _store_or_leave(self, held: Lease, raw: bytes) -> None:
        try:
            self._store(held, (raw,), held.cursor)
        except UnfitError as err:
            name = f"mail {sha256(raw).hexdigest()[:16]} ({len(raw)} bytes)"
            log.trouble("unfit", name, f"left out: {err}", inbox=held.name, error=err)
            self.store.note(self.clock(), "unfit", held.name, f"{name} was left out: {err}")

    def _store(self, held: Lease, mails: Sequence[bytes], cursor: str) -> Taken | None:
        """Store mails; raises UnfitError where it is one of them that can't be."""
        try:
            glanced = [(self.glance(raw), raw) for raw in mails]
            return self.store.take(held, glanced, cursor, self.clock(), self._lease)
        except BUGS as err:
            raise UnfitError(f"{type(err).__name__}: {err}; please report it") from err
