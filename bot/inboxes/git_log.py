# SPDX-License-Identifier: GPL-2.0-or-later
"""Read an epoch of a public-inbox: its mails between two commits, and where to go on.

In public-inbox-v2-format(5) each commit is one mail, in the file `m`, or the
deletion of one, in the file `d`; the history is one line in order of arrival.
Nothing here fetches or writes.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from bot.errors import ArchiveError
from bot.inboxes.git_process import Git
from bot.sources.gitcmd import explain
from bot.sources.mail import MAIL_CAP

__all__ = ["Commit", "DamageError", "Log", "resume"]

MARGIN = 100
"""Commits that are read again before the place that the dates tell (`resume`)."""
CHUNK = 1 << 20


class DamageError(Exception):
    """The repository does not hold what its history promises; the message says what."""


class Commit(NamedTuple):
    """One commit of an epoch."""

    id: str
    time: int
    """Committer's, seconds since 1970: when the list's server had received the mail."""
    mail: bytes | None = None
    """Raw; None for a deletion, and where one was purged."""


def resume(newest_first: Sequence[Commit], since: float, complete: bool) -> str | None:
    """Where to go on in a history that does not have the commit that was read last.

    What is new was received after `since` (seconds since 1970) and stands behind the
    first commit of that age; some more are taken for servers whose clock was wrong.
    Returns the commit after which to read, "" for the start of the epoch, and None
    when the history at hand, if it is not `complete`, does not reach back far enough.
    """
    before = len(newest_first)
    for index, commit in enumerate(newest_first):
        if commit.time >= since:
            before = len(newest_first) - index - 1
    start = before - MARGIN
    if start > 0:
        return newest_first[len(newest_first) - start].id
    return "" if complete else None


class Log:
    """The history of epochs, read by the gits of one inbox."""

    def __init__(self, git: Git) -> None:
        self._git = git

    def head(self, repository: Path) -> str:
        """The newest commit, or "" where there is none yet.

        Raises:
            ArchiveError: it is no repository that we may read, or an unfinished mirror.
        """
        where = (f"--git-dir={repository}",)
        status, out, words = self._git.run(where, "rev-parse", "-q", "--verify", "HEAD")
        if status > 1:
            raise ArchiveError(str(explain(repository, words)))
        if not out and self._git.run(where, "for-each-ref", "--count=1", "refs/heads/")[1]:
            raise ArchiveError(
                f"{repository}: its HEAD names no branch;"
                " run `git symbolic-ref HEAD refs/heads/master` there"
            )
        return out.decode().strip()

    def holds(self, repository: Path, old: str, new: str) -> bool:
        """Whether `old` is `new`, or in its history; also False when either is not there."""
        where = (f"--git-dir={repository}",)
        return self._git.run(where, "merge-base", "--is-ancestor", old, new)[0] == 0

    def newest(self, repository: Path, count: int) -> list[Commit]:
        """The last `count` commits, the newest first; fewer where there are no more.

        Raises:
            DamageError: the history cannot be read.
        """
        where = (f"--git-dir={repository}",)
        status, out, words = self._git.run(
            where, "log", f"--max-count={count}", "--format=%H %ct", "HEAD", "--"
        )
        if status:
            raise DamageError(words)
        rows = (line.split() for line in out.decode().splitlines())
        return [Commit(name, int(time)) for name, time in rows]

    def between(self, repository: Path, old: str, new: str) -> Iterator[Commit]:
        """Yield the commits after `old` up to `new`, each with its mail, in order of arrival.

        An empty `old` is the start.  A mail over 4 MiB is cut right behind that, so that
        who parses it can tell.

        Raises:
            DamageError: something of it is missing.
        """
        where = (f"--git-dir={repository}",)
        span = f"{old}..{new}" if old else new
        shape = ("--no-commit-header", "--format=%H:m %H %ct")
        with self._git.start(where, "rev-list", "--reverse", *shape, span, "--") as lister:
            assert lister.stdout is not None
            cat = "--batch=%(objecttype) %(objectsize) %(rest)"
            source = lister.stdout.fileno()
            with self._git.start(where, "cat-file", cat, "--buffer", stdin=source) as reader:
                lister.stdout.close()
                assert reader.stdout is not None
                last = old
                for commit in self._read(reader.stdout, repository):
                    yield commit
                    last = commit.id
            if last != new:
                raise DamageError(f"commit {new} could not be reached, only {last or 'nothing'}")
            _checked(lister)

    def _read(self, out: IO[bytes], repository: Path) -> Iterator[Commit]:
        time = 0
        while header := out.readline():
            words = header.split()
            if words[-1] == b"missing":
                name = words[0].decode().removesuffix(":m")
                self._see_deletion(repository, name)
                yield Commit(name, time)
                continue
            size = int(words[1])
            mail = out.read(min(size, MAIL_CAP + 1))
            left = size + 1 - len(mail)
            while left > 0 and (piece := out.read(min(left, CHUNK))):
                left -= len(piece)
            name, time = words[2].decode(), int(words[3])
            if left or words[0] != b"blob":
                raise DamageError(f"the mail of commit {name} could not be read")
            # What was purged leaves an empty file.
            yield Commit(name, time, mail or None)

    def _see_deletion(self, repository: Path, commit: str) -> None:
        """A mail is also missing when git has lost it; that must not pass for a deletion."""
        where = (f"--git-dir={repository}",)
        status, out, words = self._git.run(where, "ls-tree", "--name-only", commit)
        if status or b"m" in out.split():
            raise DamageError(f"the mail of commit {commit} is not there ({words})")


def _checked(lister: subprocess.Popen[bytes]) -> None:
    if lister.wait():
        raise DamageError("git rev-list did not come to its end")
