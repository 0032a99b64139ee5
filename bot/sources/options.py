# SPDX-License-Identifier: GPL-2.0-or-later
"""What a caller may ask of a source, and the limits that every source keeps."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from bot import __version__

__all__ = ["ArchiveOptions", "SourceOptions"]


class ArchiveOptions(NamedTuple):
    """How to talk to a public-inbox server."""

    url: str = "https://lore.kernel.org/all"
    """Base URL of an inbox; `URL/MSGID/t.mbox.gz` is a thread of it."""
    contact: str = ""
    """Address or URL of the operator, put into the User-Agent."""
    connect_timeout: float = 5.0
    """Seconds."""
    read_timeout: float = 20.0
    """Seconds without a byte."""
    deadline: float = 60.0
    """Seconds for one request in all, also while the server drips; the child has as much again."""
    retries: int = 3
    """Attempts after the first, for what a retry can mend (connection, 429, 5xx)."""
    max_bytes: int = 64 << 20
    """Bytes of one answer after inflating."""
    memory: int = 1 << 30
    """Bytes of address space of the child."""

    @property
    def user_agent(self) -> str:
        """Who we say we are, and whom to write to about it."""
        contact = f" (+{self.contact})" if self.contact else ""
        return f"revokebot/{__version__}{contact}"


class SourceOptions(NamedTuple):
    """How to read a source."""

    revision: int | None = None
    """Take this revision of a thread; None takes the newest."""
    newer: bool = True
    """Ask the archive for revisions newer than those of the thread named."""
    older: bool = False
    """Ask it for the older ones too, with what was said of them."""
    tree: Path | None = None
    """Git tree of `A..B` ranges; None is the working directory."""
    every: bool = False
    """Yield all series found, as for an archive; otherwise only the newest revision of each."""
    archive: ArchiveOptions = ArchiveOptions()
