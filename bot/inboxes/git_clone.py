# SPDX-License-Identifier: GPL-2.0-or-later
"""The shallow bare clones of one inbox's epochs: fetched into, kept small, made anew.

A clone is only a cache of what the server has.  Whatever is wrong with one,
it is removed, and the next look makes another; how far the inbox has been
read is not known here.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from bot.errors import ArchiveError
from bot.inboxes.git_process import Git

__all__ = ["ALL", "Clones"]

ALL = (1 << 31) - 1
"""Depth that means the whole history, as git has it."""
FETCH_LIMIT = 1800.0
"""Seconds for one fetch; a whole epoch is about 1 GB."""
PACKS = 50
"""Fetches after which what they brought becomes one pack, and what is too old is dropped."""
STRIKES = 2
"""Failed fetches in a row that cost a clone its life: it may be what is broken."""
PATIENCE = 5.0
"""Seconds for a git that outlived its watcher to come to its end."""


class Clones:
    """The folder of one inbox, with `N.git` for epoch N; only one watcher may use it at a time."""

    def __init__(self, folder: Path, git: Git) -> None:
        self._folder = folder
        self._git = git
        self._strikes = 0

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Hold the folder; it is made, for the owner alone, where it is not there.

        Raises:
            ArchiveError: somebody else holds it, or it cannot be made.
        """
        with self._told():
            self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder.mkdir(mode=0o700, exist_ok=True)
            lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._take(lock)
            # Its gits hold the lock, too: one that outlives us still writes.
            self._git.inherited = (lock,)
            yield
        finally:
            self._git.inherited = ()
            os.close(lock)

    def path(self, epoch: int) -> Path:
        """Where the clone of an epoch is, or will be."""
        return self._folder / f"{epoch}.git"

    def fetch(self, epoch: int, url: str, depth: int, options: Sequence[str]) -> None:
        """Bring the last `depth` commits of an epoch here.

        `options` are git's own, from `-c` on.  Raises `ArchiveError`.
        """
        clone = self.path(epoch)
        where = (f"--git-dir={clone}", *_SETTINGS, *options)
        words = ("fetch", "-q", "--no-tags", "--no-write-fetch-head", f"--depth={depth}", url)
        with self._told():
            self._prepare(clone)
            status, _, said = self._git.run(
                where, *words, "+HEAD:refs/heads/master", limit=FETCH_LIMIT
            )
            if status:
                self._strike(clone)
                raise ArchiveError(f"{url}: git fetch failed ({said}); it is tried again")
            self._strikes = 0
            self._tidy(clone, where)

    def remove(self, epoch: int) -> None:
        """Drop the clone of an epoch."""
        shutil.rmtree(self.path(epoch), ignore_errors=True)

    def forget_before(self, epoch: int) -> None:
        """Drop the clones of older epochs."""
        for entry in self._folder.glob("*.git"):
            number = entry.name.removesuffix(".git")
            if number.isdigit() and int(number) < epoch:
                shutil.rmtree(entry, ignore_errors=True)

    def _take(self, lock: int) -> None:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > until:
                    raise ArchiveError(
                        f"{self._folder}: another watcher uses it;"
                        " give each of them its own XDG_STATE_HOME"
                    ) from None
            time.sleep(0.05)

    def _prepare(self, clone: Path) -> None:
        """Make the clone where there is none, and clear away what a killed git left."""
        if not (clone / "HEAD").is_file():
            shutil.rmtree(clone, ignore_errors=True)
            status, _, words = self._git.run(
                (f"--git-dir={clone}",), "init", "-q", "--bare", "-b", "master", "--template="
            )
            if status:
                raise ArchiveError(f"{clone}: cannot be made ({words}); see that there is room")
        _sweep(clone)

    def _strike(self, clone: Path) -> None:
        self._strikes += 1
        if self._strikes >= STRIKES:
            shutil.rmtree(clone, ignore_errors=True)
        else:
            _sweep(clone)

    def _tidy(self, clone: Path, where: Sequence[str]) -> None:
        if sum(1 for _ in clone.glob("objects/pack/*.pack")) < PACKS:
            return
        status, _, words = self._git.run(where, "repack", "-a", "-d", "-q", limit=FETCH_LIMIT)
        if status:
            shutil.rmtree(clone, ignore_errors=True)
            raise ArchiveError(f"{clone}: cannot be repacked ({words}); it is made anew")

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ArchiveError(
                f"{self._folder}: cannot be written ({error.strerror});"
                " see that there is room, and that it belongs to this user"
            ) from error


_SETTINGS = (
    "-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "fetch.unpackLimit=1",
    "-c", "pack.threads=1", "-c", "repack.writeBitmaps=false", "-c", "credential.helper=",
)  # fmt: skip
"""One pack a fetch, and nothing that goes on behind our back."""


def _sweep(clone: Path) -> None:
    """Nobody else is at work here, as we hold the lock: a git that was killed left these."""
    for left in (*clone.glob("*.lock"), *clone.glob("refs/**/*.lock"), *_half(clone)):
        with suppress(FileNotFoundError):
            left.unlink()


def _half(clone: Path) -> Iterator[Path]:
    yield from clone.glob("objects/pack/tmp_*")
    yield from clone.glob("objects/tmp_*")
