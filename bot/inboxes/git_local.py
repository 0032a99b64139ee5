# SPDX-License-Identifier: GPL-2.0-or-later
"""The epochs of a public-inbox v2 in a folder of this machine, read where they are.

Nothing is copied or written; that the folder is kept up to date is the
business of whoever mirrors it (public-inbox-fetch, grokmirror, the list's own
public-inbox-watch).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.errors import ArchiveError
from bot.inboxes.git_log import Log
from bot.inboxes.git_process import Git
from bot.sources.git import find_epochs

__all__ = ["LocalEpochs"]


class LocalEpochs:
    """A folder with `git/N.git`, or `N.git`, or one bare repository."""

    def __init__(self, folder: Path, git: Git) -> None:
        self._folder = folder
        self._log = Log(git)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Nothing needs to be held while it is read."""
        yield

    def numbers(self, quiet: bool) -> tuple[int, ...]:
        """The numbers of the epochs, lowest first, as they are now.

        Raises:
            ArchiveError: there is none.
        """
        return tuple(self._found())

    def head(self, epoch: int) -> str:
        """The newest commit of an epoch, or "" where there is none yet."""
        return self._log.head(self.repository(epoch))

    def repository(self, epoch: int) -> Path:
        """Where an epoch is read."""
        try:
            return self._found()[epoch]
        except KeyError:
            raise ArchiveError(
                f"{self._folder}: epoch {epoch} is not there any more; complete the mirror"
            ) from None

    def fetch(self, epoch: int, depth: int) -> None:
        """All of the history is there."""

    def damaged(self, epoch: int, what: str) -> ArchiveError:
        """The error for a repository that cannot be read; mending it is its owner's business."""
        return ArchiveError(f"{self.repository(epoch)}: {what}; run `git fsck` there")

    def forget_before(self, epoch: int) -> None:
        """There is nothing of ours to be removed."""

    def close(self) -> None:
        """There is nothing of ours to be closed."""

    def _found(self) -> dict[int, Path]:
        try:
            found = find_epochs(self._folder)
        except OSError as error:
            raise ArchiveError(
                f"{self._folder}: cannot be read ({error.strerror}); check its permissions"
            ) from error
        if not found:
            raise ArchiveError(
                f"{self._folder}: has no epochs; give the folder of a public-inbox v2,"
                " which holds git/0.git"
            )
        if found == [self._folder]:
            return {0: self._folder}
        return {int(epoch.name.removesuffix(".git")): epoch for epoch in found}
