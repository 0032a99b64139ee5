# SPDX-License-Identifier: GPL-2.0-or-later
"""An inbox as a group of a news server, over one connection for all groups of that server.

A look at a quiet group is one command.  The cursor is the number of the last
article and its message-id, by which it is found again where the server has
numbered its articles anew.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import unquote, urlsplit

from bot.config import Settings
from bot.errors import ArchiveError, UsageError
from bot.inboxes import Batch, BusyError
from bot.inboxes.kept import Kept
from bot.inboxes.nntp_session import Session
from bot.inboxes.wire import Wire, WireError, authorities, why
from bot.sources.options import ArchiveOptions

__all__ = ["NntpInbox"]

T = TypeVar("T")
PORTS = {"nntp": 119, "nntps": 563}
MOST = 200
"""Articles of a batch."""
SPACE = 8 << 20
"""Bytes after which a batch is full."""
AGAIN = 1000
"""Articles that are read again when it is not known which of them are new."""
GROUP = re.compile(r"[!-)+->@-Z^-~]{1,400}")
"""A group's name (RFC 3977 4.1): no blanks, and nothing that is a pattern."""


class Place(NamedTuple):
    """A server, and how it is reached."""

    host: str
    port: int
    tls: bool
    ca_file: Path | None


class Cursor(NamedTuple):
    """The last article that was read."""

    number: int
    msgid: str
    """Bare message-id; empty where it is not known."""

    def __str__(self) -> str:
        return f"{self.number} {self.msgid}".strip()


class Server:
    """The connection to a server, and how many inboxes share it."""

    def __init__(self, place: Place, options: ArchiveOptions) -> None:
        def connect() -> Wire:
            tls = authorities(place.ca_file) if place.tls else None
            return Wire(place.host, place.port, options, tls)

        self.kept = Kept(connect, Session)
        self.inboxes = 0


_SERVERS: dict[Place, Server] = {}
_GUARD = threading.Lock()


class NntpInbox:
    """Implements `bot.inboxes.Inbox`."""

    def __init__(self, url: str, settings: Settings) -> None:
        """Connect to nothing yet.

        Parameters
        ----------
        url: `nntp://HOST[:PORT]/GROUP`, or `nntps://` for TLS from the first byte (RFC 8143)

        Raises `UsageError` when `url` is none.
        """
        self.name = url
        self._place, self._group = _place_of(url, settings.delivery.ca_file)
        self._backlog = settings.watch.backlog
        self._closed = threading.Event()
        with _GUARD:
            self._server = _SERVERS.get(self._place) or Server(self._place, settings.archive)
            _SERVERS[self._place] = self._server
            self._server.inboxes += 1

    def batches(self, cursor: str) -> Iterator[Batch]:
        """Yield what came after `cursor`; see `bot.inboxes.Inbox`."""
        at = _cursor_of(cursor) if cursor else None
        while (batch := self._use(partial(self._next, at=at))) is not None:
            yield batch
            at = _cursor_of(batch.cursor)

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Return after `seconds`, when `stop` is set, or within a second of `close`."""
        until = time.monotonic() + seconds
        while not self._closed.is_set() and (left := until - time.monotonic()) > 0:
            if stop.wait(min(left, 1.0)):
                return

    def close(self) -> None:
        """Leave the connection; the last one to do so closes it."""
        with _GUARD:
            if self._closed.is_set():
                return
            self._closed.set()
            self._server.inboxes -= 1
            last = not self._server.inboxes
            if last:
                del _SERVERS[self._place]
        self._server.kept.end(self._closed, last)

    def _use(self, do: Callable[[Session], T]) -> T:
        try:
            return self._server.kept.use(do, self._closed)
        except BusyError as error:
            raise BusyError(f"{self.name}: {error}", error.retry_after) from error
        except ArchiveError as error:
            raise ArchiveError(f"{self.name}: {error}") from error
        except (WireError, OSError) as error:
            raise ArchiveError(f"{self.name}: {why(error)}") from error

    def _next(self, session: Session, at: Cursor | None) -> Batch | None:
        """The mails after `at`, as many as go into a batch; None for none."""
        low, high = session.group(self._group)
        if at is None:
            start = Cursor(max(high - self._backlog, low - 1, 0), "")
            if start.number >= high:
                return Batch((), str(Cursor(high, session.stat(high)[1] if high else "")))
            return _read(session, start, low, high) or Batch((), str(start))
        if high == at.number:
            return None
        return _read(session, _found(session, at, high), low, high)


def _read(session: Session, at: Cursor, low: int, high: int) -> Batch | None:
    """The articles after `at`, until the batch is full; None where none is to be had yet.

    The last ones may be missing because the server has counted them and not yet stored them,
    so the cursor goes by those that came.
    """
    first = max(at.number + 1, low)
    last = min(high, first + MOST - 1)
    mails: list[bytes] = []
    size = 0

    def wanted() -> Iterator[int]:
        for number in range(first, last + 1):
            if size < SPACE:
                yield number

    for article in session.articles(wanted()):
        mails.append(article.raw)
        size += len(article.raw)
        at = Cursor(article.number, article.msgid)
    if mails:
        return Batch(tuple(mails), str(at))
    return Batch((), str(Cursor(last, ""))) if last < high else None


def _found(session: Session, at: Cursor, high: int) -> Cursor:
    """Where `at` is now: elsewhere when the server has numbered anew.

    Where its mail is gone and the numbers have gone back, the last mails are
    read again.  That is so when spam is taken away, too, so never all of them.
    """
    there = session.stat(at.number)[1] if at.msgid else ""
    if high > at.number and there in ("", at.msgid):
        return at
    if at.msgid:
        number = session.stat(at.msgid)[0]
        # In a group of another name it may have another number.
        if number and session.stat(number)[1] == at.msgid:
            return Cursor(number, at.msgid)
    return Cursor(max(high - AGAIN, 0), "")


def _cursor_of(text: str) -> Cursor:
    number, _, msgid = text.partition(" ")
    return Cursor(int(number), msgid)


def _place_of(url: str, ca_file: Path | None) -> tuple[Place, str]:
    """The server and the group of a URL; it is not shown where a password may be in it."""
    example = "give nntp://HOST/GROUP or nntps://HOST/GROUP"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"watch.inboxes: not a URL ({error}); {example}") from error
    if parts.username is not None:
        raise UsageError(f"watch.inboxes: news is read without a login; {example}")
    group = unquote(parts.path[1:])
    if parts.scheme not in PORTS or not parts.hostname or not GROUP.fullmatch(group):
        raise UsageError(f"watch.inboxes: {url!r} names no group; {example}")
    if parts.query or parts.fragment:
        raise UsageError(f"watch.inboxes: {url!r} has more than a group in it; {example}")
    tls = parts.scheme == "nntps"
    return Place(parts.hostname, port or PORTS[parts.scheme], tls, ca_file), group
