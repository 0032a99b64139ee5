# SPDX-License-Identifier: GPL-2.0-or-later
"""A public-inbox that is filled while it is served, and whose server can be killed."""

from __future__ import annotations

import random
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.public_inbox import add, environment, needed, run

__all__ = ["NAME", "Archive"]

NAME = "soak"


def _lasting_port() -> int:
    """A port that stays free while the server is down: no connection goes out from one like it."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for port in random.sample(range(10_000, min(lowest, 32_768)), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


class Archive:
    """The inbox in a folder, and its server."""

    def __init__(self, folder: Path) -> None:
        needed()
        self._env = environment(folder)
        self._port = _lasting_port()
        self._log = folder / "httpd.log"
        self._lock = threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None
        self._answers = False
        self.folder = folder / NAME
        command = ["public-inbox-init", "-V2", "-L", "full", NAME, str(self.folder)]
        run([*command, self.url, "soak@example.org"], self._env)

    @property
    def url(self) -> str:
        """Base URL, as for `ArchiveOptions.url`."""
        return f"http://127.0.0.1:{self._port}/{NAME}"

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        command = ["public-inbox-httpd", "-W0", "-l", f"127.0.0.1:{self._port}"]
        with open(self._log, "ab") as log:
            self._server = subprocess.Popen(command, env=self._env, stdout=log, stderr=log)
        for _try in range(1200):
            with (
                suppress(urllib.error.URLError, ConnectionError, TimeoutError),
                urllib.request.urlopen(f"{self.url}/_/text/help/raw", timeout=5),
            ):
                break
            time.sleep(0.05)
        else:
            raise AssertionError(f"public-inbox-httpd does not answer at {self.url}")
        with self._lock:
            self._answers = True
            self._look_again()  # at what has come meanwhile

    def kill(self) -> None:
        """Kill the server in the middle of whatever it does."""
        self._answers = False
        if self._server is not None:
            self._server.kill()
            self._server.wait()

    def inject(self, raw: bytes) -> None:
        """Put one mail into it."""
        self.feed([raw])

    def feed(self, mails: Sequence[bytes]) -> None:
        """Put mails into it, in this order; they can be searched from now on."""
        with self._lock:
            add(self.folder, self._env, mails)
            self._look_again()

    def _look_again(self) -> None:
        """Make the server search what is new, too; it searches what it opened first otherwise.

        One that is still starting would end by the signal: it does not know it yet.
        """
        if self._answers and self._server is not None:
            self._server.send_signal(signal.SIGHUP)

    def head(self) -> str:
        """The newest commit."""
        epoch = str(self.folder / "git/0.git")
        command = ["git", "-C", epoch, "rev-parse", "refs/heads/master"]
        done = subprocess.run(command, env=self._env, capture_output=True, text=True, check=True)
        return done.stdout.strip()
