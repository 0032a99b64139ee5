# SPDX-License-Identifier: GPL-2.0-or-later
"""Run git in process groups of its own, each of which another thread can end at once.

It knows nothing of inboxes; what git says comes back as words, and only a git
that cannot run, or not in time, is an error here.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from bot.errors import ArchiveError
from bot.sources.gitcmd import command, environment

__all__ = ["Git", "own_world"]

KEPT = ("PATH", "TZ")
"""What a git that talks to a server sees of our environment."""
LIMIT = 120.0
"""Seconds for a command that works on a repository of this machine."""
PIPE = 1 << 20
"""Bytes between git and us."""
ERRORS = ("error: ", "fatal: ")
WORDS = 200
"""Characters of a complaint that are passed on."""


def own_world(home: str, scheme: str) -> dict[str, str]:
    """The environment for fetching: no settings of the user, no proxy, one protocol."""
    known = environment()
    ours = {name: value for name, value in known.items() if name in KEPT or name[:4] == "GIT_"}
    return ours | {
        "LC_ALL": "C",
        "HOME": home,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ALLOW_PROTOCOL": scheme,
    }


class Git:
    """The gits of one inbox."""

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        self._env = dict(env) if env is not None else environment()
        self._mutex = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._closed = False
        self.inherited: tuple[int, ...] = ()
        """File descriptors that its processes share, and so keep open beyond our own death."""

    @contextmanager
    def start(
        self,
        where: Sequence[str],
        *arguments: str,
        stdin: int = subprocess.DEVNULL,
        stderr: int = subprocess.DEVNULL,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Git with a pipe for its output; nothing of it lives on afterwards.

        Raises:
            ArchiveError: there is no git, or `close` was called.
        """
        with self._mutex:
            if self._closed:
                raise ArchiveError("git: the inbox is closed; open it again")
            process = self._popen(command(where, *arguments), stdin, stderr)
            self._running.add(process)
        try:
            yield process
        finally:
            with self._mutex:
                _kill(process)
                self._running.discard(process)
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()

    def run(
        self, where: Sequence[str], *arguments: str, limit: float = LIMIT
    ) -> tuple[int, bytes, str]:
        """Run git; return its exit status, its output, and its complaint in one line.

        Raises:
            ArchiveError: there is no git, `limit` seconds were over, or `close` was called.
        """
        with self.start(where, *arguments, stderr=subprocess.PIPE) as process:
            try:
                out, complaint = process.communicate(timeout=limit)
            except subprocess.TimeoutExpired as error:
                raise ArchiveError(
                    f"git {_verb(arguments)}: not done in {limit:.0f} s; try again later"
                ) from error
            if self._closed:
                raise ArchiveError(f"git {_verb(arguments)}: stopped, since the inbox was closed")
            return process.returncode, out, _words(complaint)

    def close(self) -> None:
        """Kill what runs; nothing can be started any more."""
        with self._mutex:
            self._closed = True
            for process in self._running:
                _signal(process)

    def _popen(self, argv: Sequence[str], stdin: int, stderr: int) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                argv,
                bufsize=PIPE,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=self._env,
                pass_fds=self.inherited,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise ArchiveError("git: not found; install git to watch inboxes over it") from error
        except OSError as error:
            raise ArchiveError(
                f"git: cannot be started ({error.strerror}); free some memory or processes"
            ) from error


def _verb(arguments: Sequence[str]) -> str:
    return next((word for word in arguments if word.isalpha()), "")


def _words(complaint: bytes) -> str:
    """The line of a complaint that says most: the first error, else the last line."""
    lines = complaint.decode("utf-8", "replace").strip().splitlines() or ["git said nothing"]
    said = next((line for line in lines if line.startswith(ERRORS)), lines[-1])
    plain = "".join(char if char.isprintable() else " " for char in said)
    return plain.removeprefix("fatal: ").removeprefix("error: ")[:WORDS]


def _signal(process: subprocess.Popen[bytes]) -> None:
    """Also when it ended by itself: what it started may live on."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        _signal(process)
    process.wait()
