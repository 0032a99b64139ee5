# SPDX-License-Identifier: GPL-2.0-or-later
"""A public-inbox v2 that tests grow, purge, edit and roll over, by git alone.

What public-inbox's own tools write is compared in test_git_served.py; this is
quicker, and can be cut in the middle.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["START", "Epochs", "mail", "names"]

START = 1_790_000_000
"""When the first mail is received, in seconds since 1970; each later one a minute after."""
MINUTE = 60


def mail(number: int, text: str = "") -> bytes:
    """A mail that says its number."""
    return (
        f"From: A U Thor <author@example.org>\nSubject: mail {number}\n"
        f"Date: Mon, 02 Nov 2026 09:00:00 +0000\nMessage-ID: <{number}@example.org>\n\n{text}\n"
    ).encode()


def names(mails: Iterable[bytes]) -> list[int]:
    """The numbers of mails made by `mail`."""
    return [int(raw.partition(b"Message-ID: <")[2].partition(b"@")[0]) for raw in mails]


@dataclass
class Epochs:
    """A folder with `git/N.git`; `entries` are what the newest epoch's commits say."""

    folder: Path
    entries: list[tuple[int, str, bytes]] = field(default_factory=list)
    """Time, file and contents of each commit of the newest epoch."""
    epoch: int = 0
    clock: int = START

    def __post_init__(self) -> None:
        self._init()

    @property
    def repository(self) -> Path:
        return self.folder / f"git/{self.epoch}.git"

    def add(self, *mails: bytes) -> None:
        """Let mails arrive."""
        self._commit([self._entry("m", raw) for raw in mails])

    def delete(self, raw: bytes) -> None:
        """Let a mail be deleted, as public-inbox does: by a commit with a file `d`."""
        self._commit([self._entry("d", raw)])

    def roll(self) -> None:
        """Begin a new epoch."""
        self.epoch += 1
        self.entries = []
        self._init()

    def purge(self, *raws: bytes) -> None:
        """Rewrite the history so that some mails were never there."""
        self.rewrite([entry for entry in self.entries if entry[2] not in raws])

    def edit(self, raw: bytes, new: bytes) -> None:
        """Rewrite the history so that a mail was another one."""
        self.rewrite([(t, name, new if body == raw else body) for t, name, body in self.entries])

    def rewrite(self, entries: Sequence[tuple[int, str, bytes]]) -> None:
        """Write the newest epoch anew, and drop what it was."""
        self.entries = []
        self.git("update-ref", "-d", "refs/heads/master")
        self._commit(entries)
        self.git("reflog", "expire", "--expire=now", "--all")
        self.git("gc", "-q", "--prune=now")

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run git on the newest epoch."""
        return subprocess.run(
            ["git", f"--git-dir={self.repository}", *arguments],
            input=stdin,
            check=True,
            capture_output=True,
        ).stdout.decode()

    def _entry(self, name: str, raw: bytes) -> tuple[int, str, bytes]:
        self.clock += MINUTE
        return self.clock, name, raw

    def _init(self) -> None:
        # all.git sees the objects of every epoch; by that its server notices a new one.
        alternates = self.folder / "all.git/objects/info/alternates"
        alternates.parent.mkdir(parents=True, exist_ok=True)
        numbers = range(self.epoch + 1)
        alternates.write_text("".join(f"../../git/{n}.git/objects\n" for n in numbers))
        if not self.repository.is_dir():
            self.repository.mkdir(parents=True)
            self.git("init", "-q", "--bare", "-b", "master")

    def _commit(self, entries: Sequence[tuple[int, str, bytes]]) -> None:
        start = b"reset refs/heads/master\nfrom refs/heads/master^0\n\n" if self.entries else b""
        stream = start + b"".join(
            b"commit refs/heads/master\ncommitter Toy <toy@example.org> %d +0000\ndata 0\n\n"
            b"deleteall\nM 100644 inline %b\ndata %d\n%b\n" % (time, name.encode(), len(raw), raw)
            for time, name, raw in entries
        )
        if entries:
            self.git("fast-import", "--quiet", "--force", stdin=stream)
        self.entries += entries
