# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon as a process, with an inbox that holds the example series, for tests that look at it."""

from __future__ import annotations

import mailbox
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

from tests.inboxes.epochs import Epochs

__all__ = ["World"]

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples/revocable-helper.mbox"
PATIENCE = 60.0
"""Seconds; more than anything here takes."""


class World:
    """A user with an inbox and settings of their own, and the daemon, which logs in JSON."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.said: list[str] = []
        inbox = Epochs(folder / "inbox")
        with closing(mailbox.mbox(EXAMPLE)) as mails:
            inbox.add(*map(bytes, mails))
        self.variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(ROOT),
            "STATE_DIRECTORY": str(folder / "state"),
            "REVOKEBOT_ARCHIVE_URL": "http://127.0.0.1:1/all",
            "REVOKEBOT_ARCHIVE_RETRIES": "0",
            "REVOKEBOT_REPLY_ADDRESS": "bot@example.org",
            "REVOKEBOT_REPLY_OPERATOR": "A U Thor <author@example.org>",
            "REVOKEBOT_POLICY_MAX_AGE_DAYS": "36500",
            "REVOKEBOT_WATCH_INBOXES": str(folder / "inbox"),
            "REVOKEBOT_WATCH_BACKLOG": "100",
            "REVOKEBOT_WATCH_LOG": "json",
            **variables,
        }
        self.daemon = self._start("watch")
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def run(self, *words: str, **variables: str) -> str:
        """What a command says, on both of its streams."""
        process = self._start(*words, **variables)
        out, err = process.communicate(timeout=PATIENCE)
        return out + err

    def await_(self, pattern: str) -> None:
        """Wait until the daemon has logged it."""
        end = time.monotonic() + PATIENCE
        while not any(re.search(pattern, line) for line in self.said):
            assert time.monotonic() < end, self.said
            assert self.daemon.poll() is None, self.said
            time.sleep(0.05)

    def processes(self) -> list[int]:
        """The daemon and all that it has started."""
        parents = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it has ended
                number, _, rest = stat.read_text().partition(" ")
                parents[int(number)] = int(rest.rpartition(") ")[2].split()[1])
        found = [self.daemon.pid]
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return found

    def end(self) -> None:
        self.daemon.send_signal(signal.SIGTERM)
        assert self.daemon.wait(PATIENCE) == 0
        self.close_reader()
        assert self.daemon.stdout is not None
        self.said.append(self.daemon.stdout.read())

    def close_reader(self) -> None:
        """Wait until all that an ended daemon has logged is read."""
        self._reader.join(PATIENCE)

    def close(self) -> None:
        """Leave nothing of it, however the test went."""
        self.daemon.kill()
        self.daemon.wait()
        self._reader.join()
        for stream in (self.daemon.stdout, self.daemon.stderr):
            if stream is not None:
                stream.close()

    def _start(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "bot", *words], env={**self.variables, **variables}, cwd="/",
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def _read(self) -> None:
        assert self.daemon.stderr is not None
        self.said.extend(self.daemon.stderr)
