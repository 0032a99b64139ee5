# SPDX-License-Identifier: GPL-2.0-or-later
"""`revokebot serve` as a process, and a watcher's store behind it that a test fills by hand."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.conftest import ROOT

__all__ = ["PATIENCE", "Served", "serving"]

PATIENCE = 60.0
"""Seconds; more than anything here takes."""


class Served:
    """The process, and what it has logged."""

    def __init__(self, folder: Path, store_url: str, *flags: str, **variables: str) -> None:
        self.said: list[dict[str, Any]] = []
        self.other: list[str] = []
        """Lines that are no events."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bot", "serve", "--listen", "127.0.0.1:0", *flags],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(folder),
                "PYTHONPATH": str(ROOT),
                "REVOKEBOT_STORE_URL": store_url,
                "REVOKEBOT_WATCH_LOG": "json",
                **variables,
            },
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def await_(self, event: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait until it has logged that so often; return these events."""
        end = time.monotonic() + PATIENCE
        while len(found := [one for one in self.said if one["event"] == event]) < count:
            assert time.monotonic() < end, (self.said, self.other)
            assert self.process.poll() is None, (self.said, self.other)
            time.sleep(0.02)
        return found

    @property
    def port(self) -> int:
        """Where it answers."""
        port: int = self.await_("listening")[0]["port"]
        return port

    @property
    def url(self) -> str:
        """What `b4.sashiko-url` is set to."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, target: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        """Status, headers and contents of one answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request(method, target)
        answer = connection.getresponse()
        got = answer.status, dict(answer.getheaders()), answer.read()
        connection.close()
        return got

    def status(self, msgid: str) -> int:
        """Status of the answer about a mail."""
        return self.get("/api/patchset?" + urlencode({"id": msgid}))[0]

    def ask(self, msgid: str) -> Any:
        """The answer about a mail, which has to be there."""
        status, headers, contents = self.get("/api/patchset?" + urlencode({"id": msgid}))
        assert (status, headers["Content-Type"]) == (200, "application/json"), contents
        return json.loads(contents)

    def end(self) -> None:
        """Stop it as systemd does."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE) == 0
        self._reader.join(PATIENCE)
        assert self.other == []

    def close(self) -> None:
        """Leave nothing of it, however the test went."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if line.startswith("{"):
                self.said.append(json.loads(line))
            else:
                self.other.append(line)


@contextmanager
def serving(folder: Path, store_url: str, *flags: str, **variables: str) -> Iterator[Served]:
    """A server for the store at `store_url`."""
    served = Served(folder, store_url, *flags, **variables)
    try:
        yield served
    finally:
        served.close()
