# SPDX-License-Identifier: GPL-2.0-or-later
"""A public-inbox v2 as an inbox: the commits of its epochs, one after the other.

The cursor names an epoch and the last commit of it that was given, "" for none,
and when that was.  History that was rewritten meanwhile (public-inbox-purge,
public-inbox-edit) no longer has that commit; then mails are given again rather
than left out, from a place that the commits' dates tell (`git_log.resume`).
Where the epochs are, and what it takes to read them, is not known here.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, Protocol

from bot.errors import ArchiveError
from bot.inboxes import Batch
from bot.inboxes.git_clone import ALL
from bot.inboxes.git_local import LocalEpochs
from bot.inboxes.git_log import DamageError, Log, resume
from bot.inboxes.git_process import Git, own_world
from bot.inboxes.git_remote import RemoteEpochs
from bot.settings import WatchSettings
from bot.sources.options import ArchiveOptions

__all__ = ["GitInbox"]

MAILS = 200
"""Mails of a batch, at most."""
SIZE = 8 << 20
"""Bytes after which a batch is given."""
DEPTHS = (50, 500, 5000, 50_000, ALL)
"""Commits that are fetched, until they reach back to the cursor: a busy list has 50 in an hour."""
WEEK = 7 * 24 * 3600.0
"""Seconds that a mail may seem to have been received before it came into the inbox."""


class Place(NamedTuple):
    """How far an inbox has been read."""

    epoch: int
    commit: str
    """The last one that was given; empty at the start of an epoch."""
    time: float
    """Seconds since 1970: what came later was received later, or little before."""

    @property
    def cursor(self) -> str:
        return json.dumps({"epoch": self.epoch, "commit": self.commit, "time": int(self.time)})


class Epochs(Protocol):
    """Where the epochs are: `LocalEpochs`, `RemoteEpochs`."""

    def opened(self) -> AbstractContextManager[None]: ...
    def numbers(self, quiet: bool) -> tuple[int, ...]: ...
    def head(self, epoch: int) -> str: ...
    def repository(self, epoch: int) -> Path: ...
    def fetch(self, epoch: int, depth: int) -> None: ...
    def damaged(self, epoch: int, what: str) -> ArchiveError: ...
    def forget_before(self, epoch: int) -> None: ...
    def close(self) -> None: ...


class GitInbox:
    """The inbox at an http(s) URL, or in a folder."""

    def __init__(
        self, name: str, settings: WatchSettings, archive: ArchiveOptions, state: Path
    ) -> None:
        """Parameters: URL or path; how far back to begin; how to talk to servers;
        and the folder that the clones of all inboxes live in, made when it is needed."""
        self.name = name
        self._backlog = settings.backlog
        self._quiet = False
        scheme = name.partition("://")[0] if "://" in name else ""
        self._git = Git(own_world(str(state), scheme) if scheme else None)
        self._log = Log(self._git)
        self._epochs: Epochs = (
            RemoteEpochs(name, archive, state, self._git)
            if scheme
            else LocalEpochs(Path(name), self._git)
        )

    def batches(self, cursor: str) -> Iterator[Batch]:
        """See `bot.inboxes.Inbox`."""
        with self._epochs.opened():
            if cursor:
                place = _place(cursor, self.name)
                self._epochs.forget_before(place.epoch)
            else:
                place = self._beginning()
                yield Batch((), place.cursor)
            count = 0
            for batch in self._from(place):
                count += len(batch.mails)
                yield batch
            self._quiet = not count

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """See `bot.inboxes.Inbox`; git tells nobody that mail is there."""
        stop.wait(seconds)

    def close(self) -> None:
        """Kill a git that runs, and end the kept connection."""
        self._git.close()
        self._epochs.close()

    def _from(self, place: Place) -> Iterator[Batch]:
        """Read the epoch of `place` to its end, and each later one."""
        while True:
            # Asked before the head: an epoch that is followed by another gets no more mail.
            later = [number for number in self._epochs.numbers(self._quiet) if number > place.epoch]
            head = self._epochs.head(place.epoch)
            if place.commit and not head:
                raise ArchiveError(
                    f"{self.name}: epoch {place.epoch} has no commit any more;"
                    " see whether the archive is being restored"
                )
            if head != place.commit:
                try:
                    yield from self._epoch(place, head)
                except DamageError as error:
                    raise self._epochs.damaged(place.epoch, str(error)) from error
            if not later:
                return
            place = Place(later[0], "", time.time())
            yield Batch((), place.cursor)

    def _epoch(self, place: Place, head: str) -> Iterator[Batch]:
        """What an epoch with that head has after `place`."""
        repository = self._epochs.repository(place.epoch)
        if place.commit and self._log.holds(repository, head, place.commit):
            return  # a mirror that lags behind the one that was asked before
        start = self._reach(place)
        newest = self._log.head(repository)
        given, mails = place, list[bytes]()
        for commit in self._log.between(repository, start, newest):
            received = min(commit.time or place.time, time.time())
            place = Place(place.epoch, commit.id, received)
            if commit.mail is not None:
                mails.append(commit.mail)
            if len(mails) == MAILS or sum(map(len, mails)) >= SIZE:
                yield Batch(tuple(mails), place.cursor)
                given, mails = place, []
        if place != given:
            yield Batch(tuple(mails), place.cursor)

    def _reach(self, place: Place) -> str:
        """Fetch until the place is there, or one that is surely before; return its commit."""
        repository = self._epochs.repository(place.epoch)
        for depth in DEPTHS if place.commit else (ALL,):
            self._epochs.fetch(place.epoch, depth)
            if not place.commit:
                return ""
            if self._log.holds(repository, place.commit, "HEAD"):
                return place.commit
            commits = self._log.newest(repository, depth)
            start = resume(commits, place.time - WEEK, complete=len(commits) < depth)
            if start is not None:
                return start
        raise DamageError("its history has no beginning")

    def _beginning(self) -> Place:
        """The place at which the first look begins: the present end, less the backlog."""
        left = self._backlog
        epochs = self._epochs.numbers(quiet=False)
        for epoch in reversed(epochs):
            if not self._epochs.head(epoch):
                continue
            self._epochs.fetch(epoch, left + 1)
            try:
                commits = self._log.newest(self._epochs.repository(epoch), left + 1)
            except DamageError as error:
                raise self._epochs.damaged(epoch, str(error)) from error
            if len(commits) > left:
                return Place(epoch, commits[-1].id, min(commits[-1].time, time.time()))
            left -= len(commits)
        return Place(epochs[0], "", time.time())


def _place(cursor: str, name: str) -> Place:
    try:
        known = json.loads(cursor)
        return Place(int(known["epoch"]), str(known["commit"]), float(known["time"]))
    except (ValueError, TypeError, KeyError) as error:
        raise ArchiveError(
            f"{name}: the cursor is not one of git; give a changed inbox a name of its own"
        ) from error
