# SPDX-License-Identifier: GPL-2.0-or-later
"""Inboxes that are watched: each gives the mails that came after a cursor, in order of arrival.

    https://HOST/LIST/, a folder     bot.inboxes.git
    nntp://, nntps://                bot.inboxes.nntp
    imap://, imaps://                bot.inboxes.imap

An inbox knows nothing of what becomes of its mails and keeps no cursor: the
caller stores it along with what the mails led to.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from bot.errors import ArchiveError

__all__ = ["Batch", "BusyError", "Inbox"]


class BusyError(ArchiveError):
    """The server asks to be left alone for a while (429, 503, or its like)."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds; 0 where the server does not say how long."""


class Batch(NamedTuple):
    """Some mails of an inbox, and the place after them."""

    mails: tuple[bytes, ...]
    """Raw, in order of arrival."""
    cursor: str
    """What to go on from once the mails are stored; its meaning is the inbox's own."""


class Inbox(Protocol):
    """One inbox; used by one thread at a time."""

    name: str
    """As it is configured."""

    def batches(self, cursor: str) -> Iterator[Batch]:
        """Yield what came after `cursor`, at most some hundred mails each; nothing when quiet.

        An empty cursor is the first look: then the mails of the backlog come, and always
        a batch, be it an empty one, that holds where to go on from.
        Raises `ArchiveError`, or `BusyError` with the time that the server asks for.
        """

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Return after `seconds`, earlier when mail is known to be there, or `stop` is set."""

    def close(self) -> None:
        """End connections and children; may be called from another thread."""
