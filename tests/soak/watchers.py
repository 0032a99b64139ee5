# SPDX-License-Identifier: GPL-2.0-or-later
"""Watchers as processes: each with a folder of state of its own, killed and started again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

__all__ = ["Watcher"]


class Watcher:
    """One `revokebot watch`."""

    def __init__(self, folder: Path, config: Path, git_config: Path, *flags: str) -> None:
        """`folder` is its home, the file `log` in there is what it logs."""
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "log"
        self._command = [sys.executable, "-m", "bot", "watch", "--config", str(config), *flags]
        self._env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "XDG_STATE_HOME": str(folder / "state"),
            "GIT_CONFIG_GLOBAL": str(git_config),
            "GIT_CONFIG_NOSYSTEM": "1",
            "PYTHONPATH": str(ROOT),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self.restarts = 0

    @property
    def pid(self) -> int:
        """0 where it does not run."""
        return self._process.pid if self._process is not None else 0

    def start(self) -> None:
        """Start it."""
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._env, stdout=log, stderr=log, cwd="/"
            )

    def kill(self) -> None:
        """Kill it, with SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self.restarts += 1

    def ended(self) -> int | None:
        """Its exit status, where it has ended by itself."""
        return self._process.poll() if self._process is not None else None

    def stop(self) -> int:
        """End it as systemd does; return the exit status."""
        if self._process is None:
            return 0
        self._process.terminate()
        status = self._process.wait(20)
        self._process = None
        return status
