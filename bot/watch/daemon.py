# SPDX-License-Identifier: GPL-2.0-or-later
"""Keeps everything going: a thread an inbox, a thread a worker, a process that sends.

It starts anew what has died, and ends within seconds when it is told to.  What
is done, and in which order, is in the store; so several daemons can share one,
and one that is killed leaves nothing half done.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from bot.config import Settings
from bot.errors import ArchiveError, BotError
from bot.inboxes import Inbox
from bot.outbox.overview import Onlooker
from bot.owner import new_owner
from bot.setup import Setup
from bot.watch import log, notify
from bot.watch.chores import Chores
from bot.watch.courier import Courier
from bot.watch.crew import Hand
from bot.watch.glance import Glancer
from bot.watch.health import Server, checks
from bot.watch.metrics import Metrics, numbers
from bot.watch.poller import Poller
from bot.watched import Watched

__all__ = ["Daemon"]

TICK = 0.5
"""Seconds."""
STORE_WAIT = 5.0
"""Seconds before a store that failed is tried again."""
PATIENCE = 4.0
"""Seconds that all have to end."""
REST = 10.0
"""Seconds before a thread that broke is started again."""


class Daemon:
    """All that runs, and what it works with."""

    def __init__(
        self, settings: Settings, store: Watched, inboxes: Sequence[Inbox], *, send: bool
    ) -> None:
        """`send` is whether replies are sent, too."""
        self.settings, self.store, self.inboxes = settings, store, inboxes
        self.owner = new_owner()
        self._started = _clock()
        self._onlooker = Onlooker.open(settings.store) if settings.watch.listen else None
        self.metrics = Metrics(numbers(self._onlooker, settings)) if self._onlooker else None
        self._stop = threading.Event()
        self._due = threading.Event()
        self._courier = Courier(settings) if send else None
        self._chores = Chores(settings, store, _clock)
        self._hands = [
            Hand(settings, store, self.owner, _clock) for _ in range(settings.watch.workers)
        ]
        for hand in self._hands:
            hand.stop = self._stop
        self._unread: list[str] = []
        self._error: Exception | None = None
        self._running: dict[str, threading.Thread] = {}
        self._broken: dict[str, float] = {}

    def run(self) -> int:
        """Run until SIGTERM or ^C; return the exit status."""
        jobs = self._jobs()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: self._stop.set())
        server = self._listen()
        log.event("started", owner=self.owner, inboxes=len(self.inboxes))
        notify.ready(f"watching {len(self.inboxes)} inboxes")
        told = time.monotonic()
        try:
            while not self._stop.is_set():
                self._look_after(jobs)
                if (every := notify.interval()) and time.monotonic() - told >= every:
                    notify.alive()
                    told = time.monotonic()
                self._stop.wait(TICK)
        finally:
            self._end()
            if server is not None:
                server.close()
            log.event("stopped", owner=self.owner)
        return 0

    def _listen(self) -> Server | None:
        if self._onlooker is None or self.metrics is None:
            return None
        onlooker, settings = self._onlooker, self.settings

        def health() -> dict[str, str]:
            return checks(onlooker, settings, self._started, _clock(), self.wrong)

        for hand in self._hands:
            hand.reviewed = self.metrics.reviewed
        log.on_trouble(self.metrics.trouble)
        return Server(settings.watch.listen, self.metrics.text, health)

    def once(self) -> int:
        """Read every inbox, look at all that is due, send what may go; return the exit status.

        That is 3 where an inbox could not be read.  Raises what the round raises.
        """
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: self._stop.set())
        # In a thread, since a server or a patch may keep it from ending when it is told to.
        round_ = self._running["round"] = threading.Thread(target=self._round, daemon=True)
        round_.start()
        try:
            while round_.is_alive() and not self._stop.is_set():
                round_.join(TICK)
        finally:
            self._end()
        if self._error is not None:
            raise self._error
        return ArchiveError.status if self._unread else 0

    def _round(self) -> None:
        try:
            self._chores.run_now()
            for poller in self._pollers(self._looked_once):
                if not self._stop.is_set():
                    poller.look(self._stop)
            for hand in self._hands[:1]:
                while not self._stop.is_set() and hand.run_once():
                    pass
            while self._courier is not None and not self._stop.is_set():
                self._courier.tick(due=not self._courier.ran and self.store.sendable(_clock()))
                if not self._courier.busy:
                    break
                self._stop.wait(TICK)
        except Exception as err:
            self._error = err

    def _looked_once(self, inbox: str, outcome: str) -> None:
        if outcome != "ok":
            self._unread.append(inbox)

    def wrong(self) -> str:
        """What is wrong with the threads; empty for nothing."""
        dead = [name for name, thread in self._running.items() if not thread.is_alive()]
        return f"not running: {', '.join(dead)}" if dead else ""

    def _pollers(self, polled: Callable[[str, str], None]) -> list[Poller]:
        glance = Glancer(Setup.of(self.settings).scope)
        interval = self.settings.watch.interval
        return [
            Poller(inbox, self.store, glance, self.owner, interval, _clock, self._due.set, polled)
            for inbox in self.inboxes
        ]

    def _jobs(self) -> dict[str, Callable[[], None]]:
        """What the threads do until the end, by their names."""
        polled = self.metrics.polled if self.metrics else _unheard
        runs = {f"inbox {one.inbox.name}": one.run for one in self._pollers(polled)}
        runs["chores"] = self._keep_house
        jobs: dict[str, Callable[[], None]] = {
            name: partial(run, self._stop) for name, run in runs.items()
        }
        for number, hand in enumerate(self._hands, 1):
            jobs[f"worker {number}"] = partial(hand.run, self._stop, self._due)
        return jobs

    def _look_after(self, jobs: Mapping[str, Callable[[], None]]) -> None:
        """Start what is not running; what broke gets a rest first."""
        for name, job in jobs.items():
            thread = self._running.get(name)
            if thread is not None and thread.is_alive():
                continue
            if thread is not None and time.monotonic() < self._broken.setdefault(
                name, time.monotonic() + REST
            ):
                continue
            self._broken.pop(name, None)
            target = partial(_guarded, name, job)
            self._running[name] = threading.Thread(target=target, name=name, daemon=True)
            self._running[name].start()

    def _keep_house(self, stop: threading.Event) -> None:
        """Do the chores, and let what is due be sent; a store that is locked holds up only this."""
        while not stop.wait(TICK):
            try:
                self._chores.tick()
                if self._courier is not None:
                    self._courier.tick(due=self.store.sendable(_clock()))
            except BotError as err:
                log.trouble("store", "daemon", str(err))
                stop.wait(STORE_WAIT)

    def _end(self) -> None:
        """End all that runs, and let others have what it had claimed."""
        notify.stopping()
        self._stop.set()
        self._due.set()
        end = time.monotonic() + PATIENCE
        enders = [threading.Thread(target=inbox.close, daemon=True) for inbox in self.inboxes]
        if self._courier is not None:
            enders.append(threading.Thread(target=self._courier.end, args=(PATIENCE,)))
        enders += [threading.Thread(target=hand.worker.end, daemon=True) for hand in self._hands]
        for thread in enders:
            thread.start()
        for thread in (*enders, *self._running.values()):
            thread.join(max(0.0, end - time.monotonic()))
        last = threading.Thread(target=_let_go, args=(self.store, self.owner), daemon=True)
        last.start()
        last.join(max(0.1, end - time.monotonic()))


def _guarded(name: str, job: Callable[[], None]) -> None:
    try:
        job()
    except Exception as err:
        words = f"{type(err).__name__}: {err}; please report it"
        log.trouble("broken", name, words, error=err)


def _unheard(inbox: str, outcome: str) -> None:
    """Where nobody asks for metrics."""


def _let_go(store: Watched, owner: str) -> None:
    try:
        store.let_go(owner)
    except BotError as err:
        log.trouble("store", "daemon", str(err))


def _clock() -> datetime:
    return datetime.now(UTC)
