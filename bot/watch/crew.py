# SPDX-License-Identifier: GPL-2.0-or-later
"""One worker process and the thread that feeds it: what is too much for it is parked.

A process that takes too long is killed, one that dies is made anew; the thread
of mails that it was looking at counts the failure.  When the store fails, no
thread is to blame.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bot.config import Settings
from bot.errors import BotError
from bot.watch import log
from bot.watched import Watched

__all__ = ["Hand", "Worker", "spawned"]

START = 60.0
"""Seconds that a process has to load."""
GRACE = 30.0
"""Seconds that a thread stays claimed beyond its time limit."""
STORE_WAIT = timedelta(seconds=5)
RETRY = timedelta(seconds=30)
"""Before a thread that failed is looked at again."""
IDLE = 300.0
"""Seconds without work after which the process is ended: it holds memory for nothing."""
FATTEST = 84 << 20
"""Bytes of memory; a process that has had more is made anew, since Python gives little back.

Real series take 70 MiB; with the daemon's own 53 it stays under 150 MB.
"""


def spawned(
    module: str, settings: Settings, stdout: int = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    """A child that runs `module`, with the settings, and what they may hide, on its stdin."""
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=stdout,
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        start_new_session=True,
        bufsize=0,
    )
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(pickle.dumps(settings))
    return process


class Worker:
    """The process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._fat = False
        self._rest = b""

    @property
    def pid(self) -> int:
        """Of the process; 0 while there is none."""
        process = self._process
        return process.pid if process is not None else 0

    def work(self, number: int, owner: str) -> dict[str, Any]:
        """Let it look at a thread; the answer's `outcome` is `failed` where it could not."""
        if self._process is None or self._process.poll() is not None:
            self._start()
        line = json.dumps({"thread": number, "owner": owner}).encode() + b"\n"
        answer = self._asked(line, self._settings.watch.time_limit)
        self._fat = answer.get("memory", 0) > FATTEST
        if answer["outcome"] == "failed" or self._fat:
            self.end()
        return answer

    def end(self) -> None:
        """End the process, whatever it does; may be called from another thread."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def _start(self) -> None:
        self.end()
        self._rest = b""
        self._process = spawned("bot.watch.worker", self._settings)
        answer = self._asked(b"", START)
        if answer["outcome"] != "ready":
            self.end()
            raise BotError(f"a worker process could not start: {answer['words']}")

    def _asked(self, line: bytes, seconds: float) -> dict[str, Any]:
        """Write `line`, and read the answer."""
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            return {"outcome": "failed", "words": "its process was ended"}
        end = time.monotonic() + seconds
        try:
            if line:
                process.stdin.write(line)
            while b"\n" not in self._rest:
                left = end - time.monotonic()
                if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
                    words = f"took longer than {seconds:g} s (watch.time_limit)"
                    return {"outcome": "failed", "words": words}
                data = os.read(process.stdout.fileno(), 1 << 16)
                if not data:
                    return {"outcome": "failed", "words": _died(process)}
                self._rest += data
        except (OSError, ValueError):
            return {"outcome": "failed", "words": _died(process)}
        got, _, self._rest = self._rest.partition(b"\n")
        answer: dict[str, Any] = json.loads(got)
        return answer


def _died(process: subprocess.Popen[bytes]) -> str:
    try:
        status = process.wait(1)
    except subprocess.TimeoutExpired:
        return "its process closed its pipe"
    how = f"of signal {-status}" if status < 0 else f"with status {status}"
    return f"its process died {how}, of memory or of a bug"


class Hand:
    """Feeds one worker with what is due."""

    def __init__(
        self, settings: Settings, store: Watched, owner: str, clock: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._store = store
        self._owner = owner
        self._clock = clock
        self.stop = threading.Event()
        """Set when all is to end: a process that was ended with it is nobody's failure."""
        self.worker = Worker(settings)
        self.reviewed: Callable[[float, str], None] = lambda seconds, outcome: None
        """Told of each thread: how many seconds it took; `ok` or `failed`."""

    def run(self, stop: threading.Event, due: threading.Event) -> None:
        """Work until `stop` is set; `due` is set when something may have become due."""
        self.stop = stop
        idle = time.monotonic()
        while not stop.is_set():
            due.clear()
            try:
                while not stop.is_set() and self.run_once():
                    idle = time.monotonic()
            except BotError as err:
                log.trouble("store", "threads", str(err))
                stop.wait(STORE_WAIT.total_seconds())
            if time.monotonic() - idle > IDLE:
                self.worker.end()
            due.wait(1.0)
        self.worker.end()

    def run_once(self) -> bool:
        """Deal with the thread that has been due for longest; False where there is none."""
        watch = self._settings.watch
        now = self._clock()
        if not self._store.ripe(now):
            return False
        lease = timedelta(seconds=watch.time_limit + START + GRACE)
        number = self._store.claim_thread(self._owner, now, lease)
        if number is None:
            return False
        begun = time.monotonic()
        try:
            answer = self.worker.work(number, self._owner)
        except BotError as err:
            answer = {"outcome": "store", "words": str(err)}
        self._note(number, answer, time.monotonic() - begun)
        return True

    def _note(self, number: int, answer: dict[str, Any], seconds: float) -> None:
        outcome, words = answer["outcome"], answer.get("words", "")
        self.reviewed(seconds, "failed" if outcome == "failed" else "ok")
        if self.stop.is_set() and outcome == "failed":
            # It was ended with us; the next one begins anew.
            now = self._clock()
            self._store.give_back(number, self._owner, now, now, "the watcher was stopped")
        elif outcome == "store":
            log.trouble("store", f"thread {number}", words, thread=number)
            now = self._clock()
            self._store.give_back(number, self._owner, now, now + STORE_WAIT, words)
        elif outcome == "failed":
            self._failed(number, words, answer.get("traceback"))
        elif outcome == "waiting":
            log.trouble("archive", f"thread {number}", words, msgid=answer["msgid"], thread=number)
        elif answer.get("reviewed") or answer.get("orders"):
            facts = {key: answer[key] for key in ("msgid", "reviewed", "replies", "orders")}
            log.event("reviewed", thread=number, seconds=round(seconds, 3), **facts)

    def _failed(self, number: int, words: str, traceback: str | None) -> None:
        now = self._clock()
        most = self._settings.watch.attempts
        parked = self._store.failed_thread(number, self._owner, now, now + RETRY, words, most)
        kind = "parked" if parked else "failed"
        place, msgid = f"thread {number}", self._store.oldest(number)
        log.trouble(kind, place, words, msgid=msgid, thread=number, traceback=traceback)
        self._store.note(now, kind, f"{place} of <{msgid}>", words)
