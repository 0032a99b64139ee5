# SPDX-License-Identifier: GPL-2.0-or-later
"""Both ends of the pipe to a short-lived child process, in which an outside library may run.

The parent's end starts it in an empty folder and leaves nothing of it alive;
the child's end speaks in frames (a letter, eight bytes of length, the
payload) and dies with its parent.  It knows neither what is asked nor what an
answer means, and sets no environment by itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

__all__ = ["HEADER", "Out", "child", "die_with_parent", "last_words", "start", "take"]

HEADER = 9
"""Bytes before a frame's payload: its letter and its length."""


def start(module: str) -> str:
    """Python in isolated mode finds an installed bot by itself, a checkout with this."""
    return (
        "import sys; sys.path.count(sys.argv[1]) or sys.path.insert(0, sys.argv[1]);"
        f" from {module} import main; main()"
    )


@contextmanager
def child(script: str, home: str, env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A child of its own process group, of which nothing is left on leaving.

    It works in an empty folder of `home`; its stderr is the file `stderr` there.
    """
    work = Path(home, "work")
    work.mkdir()
    root = str(Path(__file__).resolve().parents[1])
    with (
        open(Path(home, "stderr"), "wb") as stderr,
        subprocess.Popen(
            [sys.executable, "-I", "-c", script, root],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd=work,
            env=env,
            start_new_session=True,
            bufsize=0,
        ) as process,
    ):
        try:
            yield process
        finally:
            # Also when it ended by itself: what it started may live on.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def take(buffer: bytearray, kinds: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Take whole frames, letter and payload, off the front of `buffer`.

    Raises:
        ValueError: what is there is no frame of one of `kinds`.
    """
    while len(buffer) >= HEADER:
        kind, size = bytes(buffer[:1]), int.from_bytes(buffer[1:HEADER], "big")
        if kind not in kinds:
            raise ValueError("not a frame")
        if len(buffer) < HEADER + size:
            return
        payload = bytes(buffer[HEADER : HEADER + size])
        del buffer[: HEADER + size]
        yield kind, payload


def last_words(stderr: Path) -> str:
    """The last line that the child wrote to `stderr`, fit to be printed."""
    lines = stderr.read_text("utf-8", "replace").strip().splitlines() or ["it said nothing"]
    return "".join(char if char.isprintable() else "?" for char in lines[-1])[:200]


class Out:
    """In the child: the pipe to the parent; prints of libraries go to stderr."""

    def __init__(self) -> None:
        self._pipe: IO[bytes] = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)

    def send(self, kind: bytes, payload: bytes) -> None:
        self._pipe.write(kind + len(payload).to_bytes(8, "big") + payload)

    def line(self, line: bytes) -> None:
        """Send a line by itself, to a parent who reads lines."""
        self._pipe.write(line + b"\n")
        self._pipe.flush()

    def mails(self, mails: Iterable[bytes]) -> None:
        for mail in mails:
            self.send(b"M", mail)

    def stage(self, stage: str, **facts: object) -> None:
        """Say that `stage` has come to its end."""
        self.send(b"J", json.dumps({"stage": stage, **facts}).encode())
        self._pipe.flush()


def die_with_parent() -> None:
    """In the child: wait for the parent's end, as it holds stdin open and writes no more to it."""
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)
