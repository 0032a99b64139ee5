# SPDX-License-Identifier: GPL-2.0-or-later
"""An inbox as a folder on an IMAP server, which tells by itself when mail is there.

It only reads, and leaves no trace on the mails.  The cursor is the folder's
UIDVALIDITY and the UID of the last mail.

public-inbox-imapd shows a list as folders of fifty thousand mails, NAME.0,
NAME.1 and so on, whose UIDs go on from one to the next.  Any of them stands
for the list here.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple, TypeVar

from bot.config import Settings
from bot.delivery.attempt import ConfigError
from bot.delivery.imap_password import password_of
from bot.delivery.imap_url import place_of
from bot.errors import ArchiveError
from bot.hiding import without
from bot.inboxes import Batch, BusyError
from bot.inboxes.imap_session import Folder, Session, readable
from bot.inboxes.kept import Kept
from bot.inboxes.wire import Closed, Wire, WireError, authorities, why
from bot.sources.mail import MAIL_CAP

__all__ = ["ImapInbox"]

T = TypeVar("T")
MOST = 200
"""Mails of a batch."""
SPACE = 8 << 20
"""Bytes of a batch."""
AGAIN = 1000
"""UIDs that are read again when the folder was made anew."""
SLICE = 50_000
"""Mails of a folder of public-inbox-imapd."""
CALM = 0.5
"""Seconds between two waits that end because of mail."""


class Cursor(NamedTuple):
    """The last mail that was read."""

    validity: int
    uid: int

    def __str__(self) -> str:
        return f"{self.validity} {self.uid}"


class Plan(NamedTuple):
    """What is to be read of a folder."""

    folder: str
    validity: int
    sizes: list[tuple[int, int]]
    """UID and size in bytes of each mail."""
    last: int
    """UID up to which that is all."""
    more: bool
    """There is a further slice."""


class ImapInbox:
    """Implements `bot.inboxes.Inbox`."""

    def __init__(self, url: str, settings: Settings) -> None:
        """Connect to nothing yet.

        Parameters
        ----------
        url: `imaps://USER@HOST[:PORT]/FOLDER`, or `imap://` for STARTTLS

        Raises `UsageError` when `url` is none.
        """
        self.name = url
        place = self._place = place_of(url, "watch.inboxes")
        self._backlog = settings.watch.backlog
        self._closed = threading.Event()
        self._told = 0.0
        self._secrets: tuple[str, ...] = ()
        """What a server may repeat of a login: it is in no error."""

        def password() -> str:
            found = password_of(place, settings.watch.password_file, "watch.password_file")
            self._secrets = (found, f"\0{place.user}\0{found}")
            return found

        tls = partial(authorities, settings.delivery.ca_file)

        def connect() -> Wire:
            context = tls() if place.scheme == "imaps" else None
            return Wire(place.host, place.port, settings.archive, context)

        self._kept = Kept(connect, lambda wire: Session(wire, place, password, tls))

    def batches(self, cursor: str) -> Iterator[Batch]:
        """Yield what came after `cursor`; see `bot.inboxes.Inbox`."""
        stored = at = Cursor(*map(int, cursor.split())) if cursor else None
        while True:
            plan = self._use(partial(self._plan, at=at))
            for uids in _parts(plan.sizes):
                mails = self._use(partial(_mails, plan=plan, uids=uids))
                stored = Cursor(plan.validity, uids[-1])
                yield Batch(tuple(mails), str(stored))
            at = Cursor(plan.validity, plan.last)
            if not plan.more:
                break
        if stored is None or stored.validity != at.validity:
            yield Batch((), str(at))

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Return after `seconds`, when mail is there, or when `stop` is set or `close` called."""
        until = time.monotonic() + seconds
        if stop.wait(min(seconds, max(self._told + CALM - time.monotonic(), 0.0))):
            return
        with suppress(ArchiveError):  # the next look meets it, too, and says so
            idle = partial(Session.idle, until=until, stop=stop)
            if self._told_of(partial(self._kept.use_open, idle, self._closed)):
                self._told = time.monotonic()
                return
        while not self._closed.is_set() and (left := until - time.monotonic()) > 0:
            if stop.wait(min(left, 1.0)):
                return

    def close(self) -> None:
        """Close the connection; may be called from another thread."""
        self._closed.set()
        self._kept.end(self._closed, last=True)

    def _use(self, do: Callable[[Session], T]) -> T:
        return self._told_of(partial(self._kept.use, partial(_readably, do), self._closed))

    def _told_of(self, act: Callable[[], T]) -> T:
        """Have what goes wrong told as our errors."""
        try:
            return act()
        except Exception as error:  # imaplib has none of its own for garbage
            told = readable(error)
            known = isinstance(told, ArchiveError | ConfigError)
            words = without(f"{self.name}: {told if known else why(told)}", self._secrets)
            if isinstance(told, BusyError):
                raise BusyError(words, told.retry_after) from error
            raise ArchiveError(words) from error

    def _plan(self, session: Session, at: Cursor | None) -> Plan:
        """What came after `at` in its folder."""
        uid = at.uid if at else 0
        name, folder = self._open(session, uid)
        if at is None or at.validity != folder.validity:
            uid = max(folder.following - 1 - (AGAIN if at else self._backlog), 0)
            if self._slice(session, uid) != name:
                name, folder = self._open(session, uid)
        last = folder.following - 1
        more = session.sliced and last > (end := (uid // SLICE + 1) * SLICE)
        last = end if more else last
        sizes = session.sizes(uid + 1, last) if uid < last else []
        return Plan(name, folder.validity, sizes, max(uid, last), more)

    def _open(self, session: Session, uid: int) -> tuple[str, Folder]:
        """Open the folder of the mail after `uid`; its name, and what the server says of it."""
        name = self._slice(session, uid)
        try:
            return name, session.examine(name)
        except ArchiveError:
            first = self._slice(session, 0)
            if name == first:
                raise
            return first, session.examine(first)  # the list was made anew and is shorter

    def _slice(self, session: Session, uid: int) -> str:
        folder = self._place.folder
        return f"{re.sub(r'[.][0-9]+$', '', folder)}.{uid // SLICE}" if session.sliced else folder


def _readably(do: Callable[[Session], T], session: Session) -> T:
    """Let a connection that imaplib finds closed be known as one."""
    try:
        return do(session)
    except Exception as error:
        told = readable(error)
        if isinstance(told, Closed):
            raise told from error
        raise


def _mails(session: Session, plan: Plan, uids: Sequence[int]) -> list[bytes]:
    if session.selected != plan.folder and session.examine(plan.folder).validity != plan.validity:
        raise WireError("the folder was made anew meanwhile; the next look begins again")
    return session.mails(uids)


def _parts(sizes: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """The UIDs in parts that make a batch each."""
    part: list[int] = []
    space = 0
    for uid, size in sizes:
        kept = min(size, MAIL_CAP)
        if part and (len(part) == MOST or space + kept > SPACE):
            yield part
            part, space = [], 0
        part.append(uid)
        space += kept
    if part:
        yield part
