# SPDX-License-Identifier: GPL-2.0-or-later
"""Lets a process send whenever something is due; a server that refuses is given a rest."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time

from bot.config import Settings
from bot.watch import log
from bot.watch.crew import spawned
from bot.watch.sending import REFUSED

__all__ = ["Courier"]

LONGEST_REST = 120.0
"""Seconds."""
STDERR = 2
"""Where the process's prints go: nobody would read a pipe, and a full one would hold it up."""


class Courier:
    """The process that sends; there is one at most, and none while nothing is due."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._rest_until = 0.0
        self.ran = False
        """Whether it has sent at all."""

    @property
    def busy(self) -> bool:
        """Whether it sends right now."""
        return self._process is not None

    def tick(self, *, due: bool) -> None:
        """Look after the process; start one where something is due."""
        if self._process is not None:
            status = self._process.poll()
            if status is None:
                return
            self._close()
            if status:
                rest = min(self._settings.watch.interval, LONGEST_REST)
                self._rest_until = time.monotonic() + rest
            if status not in (0, REFUSED):
                log.trouble("sending", "queue", f"the process that sends ended with {status}")
        if due and time.monotonic() >= self._rest_until:
            self._process = spawned("bot.watch.sending", self._settings, stdout=STDERR)
            self.ran = True

    def end(self, seconds: float) -> None:
        """End the process: it has so long to give back what it has claimed.

        May be called from another thread than `tick`.
        """
        process = self._process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            # What it had begun is found doubtful, and the archive is asked about it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._close()

    def _close(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            process.stdin.close()
