# SPDX-License-Identifier: GPL-2.0-or-later
"""Callers of an inbox; that of a git inbox keeps the cursor, and what the mails were."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bot.inboxes import Batch, Inbox
from bot.inboxes.git import GitInbox
from bot.settings import WatchSettings
from bot.sources.options import ArchiveOptions
from tests.inboxes.epochs import names

__all__ = ["ARCHIVE", "Looker", "look"]

ARCHIVE = ArchiveOptions(
    contact="https://bot.example.org", connect_timeout=2, read_timeout=2, deadline=4
)


def look(inbox: Inbox, cursor: str) -> tuple[list[bytes], str]:
    """All mails after `cursor`, and the new one."""
    found: list[bytes] = []
    for batch in inbox.batches(cursor):
        found += batch.mails
        cursor = batch.cursor
    return found, cursor


@dataclass
class Looker:
    """Looks at the inbox `name`, whose clones are in `state`."""

    name: str
    state: Path
    backlog: int = 0
    cursor: str = ""
    seen: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.inbox = GitInbox(self.name, WatchSettings(backlog=self.backlog), ARCHIVE, self.state)

    def look(self, most: int | None = None) -> list[int]:
        """Look once; return the numbers of the mails that came.

        After `most` batches the caller dies; of the last one it has kept nothing.
        """
        return names(raw for batch in self.batches(most) for raw in batch.mails)

    def batches(self, most: int | None = None) -> list[Batch]:
        """The same, batch by batch."""
        kept = []
        for number, batch in enumerate(self.inbox.batches(self.cursor)):
            if number == most:
                break
            kept.append(batch)
            self.cursor = batch.cursor
            self.seen.update(names(batch.mails))
        return kept
