# SPDX-License-Identifier: GPL-2.0-or-later
"""A reader's session with an IMAP server (RFC 3501, RFC 2177): folders, mails by UID, IDLE.

Folders are opened with EXAMINE and mails fetched with BODY.PEEK, so no mail
becomes `\\Seen`.  What the server can make it hold and wait for is bounded by
`Wire`, which imaplib reads from.
"""

from __future__ import annotations

import imaplib
import re
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bot.delivery.imap_folder import PASSING, Refused, login, names, said
from bot.delivery.imap_url import Place, quoted, utf7
from bot.delivery.servers import loopback, shortened
from bot.errors import ArchiveError
from bot.inboxes import BusyError
from bot.inboxes.wire import MAIL_ROOM, Closed, Wire
from bot.sources.mail import MAIL_CAP

__all__ = ["Folder", "Session", "readable"]

LINE = 1 << 16
"""Bytes of a line; what is asked for has short ones."""
RENEW = 25 * 60.0
"""Seconds after which IDLE is said anew; servers hang up after 30 min (RFC 2177 3)."""
STEP = 0.5
"""Seconds between two looks at `stop`."""

_SIZE = re.compile(rb"\d+ \((?=.*\bUID (\d+))(?=.*\bRFC822\.SIZE (\d+))", re.I)
_UID = re.compile(rb"\bUID (\d+)", re.I)
_NEWS = re.compile(rb"\* \d+ (?:EXISTS|RECENT)\b", re.I)


class Folder(NamedTuple):
    """What a server says of a folder."""

    validity: int
    """UIDs mean the same mails as long as this is the same."""
    following: int
    """The least UID that a mail which comes later can have."""


class _Box(imaplib.IMAP4):
    """imaplib over a `Wire`, by the methods that it leaves open for that."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        super().__init__(wire.host)

    def open(self, host: str = "", port: int = 0, timeout: float | None = None) -> None:
        """It is connected."""
        self.host = host

    def read(self, size: int) -> bytes:
        return self._wire.exactly(size, MAIL_ROOM)

    def readline(self) -> bytes:
        return self._wire.line(LINE)

    def send(self, data: bytes) -> None:  # type: ignore[override]
        self._wire.begin()
        self._wire.send(data)

    def shutdown(self) -> None:
        """The wire is closed by whoever opened it."""


class Session:
    """Raises what `readable` makes errors of, and what `Wire` raises."""

    def __init__(
        self,
        wire: Wire,
        place: Place,
        password: Callable[[], str],
        tls: Callable[[], ssl.SSLContext],
    ) -> None:
        """Secure the connection and log in.

        Parameters
        ----------
        password: called when one is needed
        tls: called where the server offers STARTTLS
        """
        self.selected = ""
        """The folder that is open."""
        self._wire = wire
        self._box = _Box(wire)
        self.sliced = b"public-inbox" in self._box.welcome
        """Its folders are slices of a list (`bot.inboxes.imap`)."""
        if place.scheme == "imap":
            self._secure(tls)
        if self._box.state == "AUTH":
            return
        if place.user == "anonymous" and "AUTH=ANONYMOUS" in self._box.capabilities:
            self._box.authenticate("ANONYMOUS", lambda _challenge: b"revokebot")  # RFC 4505
        else:
            login(self._box, place.user, password())
        self._learn()

    def examine(self, folder: str) -> Folder:
        """Open a folder, for reading only."""
        self.selected = ""
        answer, data = self._box.select(quoted(utf7(folder)), readonly=True)
        if answer != "OK":
            known = ", ".join(names(self._box)) or "none"
            raise ArchiveError(f"{_words(data)}; the folders that there are: {known}")
        numbers = []
        for code in ("UIDVALIDITY", "UIDNEXT"):
            value = self._box.response(code)[1][0]
            if value is None or not value.isdigit():
                raise ArchiveError(f"the server tells no {code}; use another server")
            numbers.append(int(value))
        self.selected = folder
        return Folder(*numbers)

    def sizes(self, first: int, last: int) -> list[tuple[int, int]]:
        """UID and size in bytes of each mail from UID `first` to `last`, in the order of UIDs."""
        data = self._fetch(f"{first}:{last}", "(UID RFC822.SIZE)")
        found = [_SIZE.match(line) for line in data if isinstance(line, bytes)]
        pairs = {int(match[1]): int(match[2]) for match in found if match}
        return sorted((uid, size) for uid, size in pairs.items() if first <= uid <= last)

    def mails(self, uids: Sequence[int]) -> list[bytes]:
        """The mails that are still there, in the order of `uids`; line ends are LF."""
        data = self._fetch(",".join(map(str, uids)), "(UID BODY.PEEK[])")
        found: dict[int, bytes] = {}
        for number, part in enumerate(data):
            if isinstance(part, tuple):
                # The UID comes before the mail, or after it.
                after = data[number + 1] if number + 1 < len(data) else b""
                uid = _UID.search(part[0]) or _UID.search(
                    after if isinstance(after, bytes) else b""
                )
                if uid:
                    found[int(uid[1])] = part[1].replace(b"\r\n", b"\n")[: MAIL_CAP + 1]
        return [found[uid] for uid in uids if uid in found]

    def idle(self, until: float, stop: threading.Event) -> bool:
        """Wait for mail in the open folder; whether some has come.

        Parameters
        ----------
        until: of the monotonic clock, in seconds
        stop: ends the wait soon after it is set

        Where nothing would be told it returns at once.
        """
        told = False
        known = bool(self.selected) and "IDLE" in self._box.capabilities
        while known and not told and not stop.is_set():
            renewal = min(until, time.monotonic() + RENEW)
            if renewal <= time.monotonic():
                break
            told = self._idle(renewal, stop)
        return told

    def _idle(self, until: float, stop: threading.Event) -> bool:
        self._box.send(b"IDLE IDLE\r\n")
        told, line = self._heard(b"+")
        if not line.startswith(b"+"):
            raise ArchiveError(f"the server takes no IDLE: {shortened(line.decode('latin-1'))}")
        while not told and not stop.is_set() and (left := until - time.monotonic()) > 0:
            if self._wire.ready(min(left, STEP)):
                self._wire.begin()
                told = bool(_NEWS.match(self._wire.line(LINE)))
        self._box.send(b"DONE\r\n")
        return self._heard(b"IDLE ")[0] or told

    def _heard(self, start: bytes) -> tuple[bool, bytes]:
        """The next line with `start`, or one that ends the command, and whether mail has come."""
        told = False
        while not (line := self._wire.line(LINE)).startswith((start, b"IDLE ")):
            told = told or bool(_NEWS.match(line))
            if line[:5].upper() == b"* BYE":
                raise Closed
        return told, line

    def _secure(self, tls: Callable[[], ssl.SSLContext]) -> None:
        if "STARTTLS" in self._box.capabilities:
            answer, data = self._box.xatom("STARTTLS")
            if answer != "OK":
                raise ArchiveError(f"STARTTLS failed: {_words(data)}; use imaps://")
            self._wire.secure(tls())
            self._learn()
        elif not loopback(self._wire.host):
            raise ArchiveError("the server offers no STARTTLS; use imaps://")

    def _learn(self) -> None:
        """What the server can do is another thing after each step (RFC 3501 6.2.1)."""
        _answer, data = self._box.capability()
        words = (data[-1] or b"").decode("ascii", "replace")
        self._box.capabilities = tuple(words.upper().split())

    def _fetch(self, uids: str, what: str) -> Sequence[bytes | tuple[bytes, bytes] | None]:
        answer, data = self._box.uid("FETCH", uids, what)
        if answer != "OK":
            raise ArchiveError(f"{_words(data)}; try again later")
        return data


def readable(error: Exception) -> Exception:
    """What an error of imaplib is to us; one of ours, or of the connection, stays what it is."""
    words = shortened(said(error))
    if isinstance(error, Refused):
        return ArchiveError(f"{words}; check the user and the password")
    if not isinstance(error, imaplib.IMAP4.error):
        return error
    if PASSING.search(words) or words.startswith("* BYE"):
        return BusyError(f"{words}; try again later", 0.0)
    if isinstance(error, imaplib.IMAP4.abort):
        return Closed(f"{words}; try again later")
    return ArchiveError(f"{words}; is it an IMAP server?")


def _words(data: Sequence[object]) -> str:
    return shortened(
        b" ".join(part for part in data if isinstance(part, bytes)).decode("utf-8", "replace")
    )
