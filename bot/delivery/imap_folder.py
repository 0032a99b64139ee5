# SPDX-License-Identifier: GPL-2.0-or-later
"""An IMAP folder that a mail is put into once, over a connection that verifies and has time limits.

A mail that is there already, by its Message-ID, is left alone with its flags.
No folder is created and nothing that is there is changed.  Refuses to log in
where others could listen.
"""

from __future__ import annotations

import imaplib
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.parser import BytesHeaderParser
from email.utils import parsedate_to_datetime

from bot.delivery.attempt import ConfigError
from bot.delivery.imap_url import Place, from_utf7, quoted, utf7
from bot.delivery.servers import broken_tls, loopback, verified
from bot.outgoing import Envelope, Outcome, Result

__all__ = ["PASSING", "Folder", "Refused", "connect", "login", "names", "put", "said", "why"]

FAREWELL = 2.0
"""Seconds that the server has to answer LOGOUT."""
NAMED = 20
"""Folders that are named where the one asked for is missing."""
PASSING = re.compile(r"\[(UNAVAILABLE|INUSE|SERVERBUG)\]", re.IGNORECASE)
"""Why a login is refused for the time being (RFC 5530)."""
FOR_GOOD = re.compile(r"\[(NOPERM|CANNOT|TOOBIG)\b", re.IGNORECASE)
"""Why a mail is never taken (RFC 5530, RFC 7889)."""
BAD = "command error: BAD"
"""How imaplib tells an answer that is neither OK nor NO."""


class Refused(Exception):
    """Trying again cannot help."""


class Folder(imaplib.IMAP4):
    """A connection that tells before the mail can be in anybody's hands."""

    stage: Callable[[str], None]
    mail: bytes | None = None
    """The bytes of the mail, once it is about to be handed over."""
    begun = False
    """The server may have the mail."""

    def send(self, data: bytes) -> None:  # type: ignore[override]
        if data == self.mail:
            self.begun = True
            self.stage("dot")
        super().send(data)

    def farewell(self) -> None:
        """Close the session."""
        self.sock.settimeout(FAREWELL)
        self.logout()


class TlsFolder(Folder, imaplib.IMAP4_SSL):
    """The same with TLS from the first byte."""


def connect(
    place: Place, password: str, ca: str | None, timeout: float, stage: Callable[[str], None]
) -> Folder:
    """Open the connection, secure it and log in.

    Parameters
    ----------
    ca: file or folder of authorities; None for the system's
    timeout: seconds that the server may be silent

    Raises what `why` can tell of.
    """
    context = verified(ca)
    folder: Folder
    if place.scheme == "imaps":
        folder = TlsFolder(place.host, place.port, ssl_context=context, timeout=timeout)
    else:
        folder = Folder(place.host, place.port, timeout)
    folder.stage = stage
    try:
        stage("connected")
        if place.scheme == "imap":
            if "STARTTLS" in folder.capabilities:
                folder.starttls(context)
            elif not loopback(place.host):
                raise Refused("the server offers no STARTTLS; use imaps://")
        login(folder, place.user, password)
        stage("ready")
    except Exception:
        with suppress(OSError):
            folder.shutdown()
        raise
    return folder


def login(folder: imaplib.IMAP4, user: str, password: str) -> None:
    """Log in, by a way that the server takes.

    Raises `Refused` when it does not let us, and imaplib's errors.
    """
    try:
        if "AUTH=PLAIN" in folder.capabilities:
            answer = f"\0{user}\0{password}".encode()
            folder.authenticate("PLAIN", lambda _challenge: answer)
        elif (user + password).isascii():
            folder.login(quoted(user), password)
        else:
            raise Refused("user or password is not ASCII, and the server has no AUTH=PLAIN")
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as error:
        words = said(error)
        if PASSING.search(words):
            raise
        raise Refused(f"login refused: {words}") from error


def put(folder: Folder, place: Place, envelope: Envelope) -> Outcome:
    """Put `envelope` there as a draft, unless it is there.

    Raises what `why` can tell of.
    """
    name = quoted(utf7(place.folder))
    data: Sequence[bytes | None]
    answer, data = folder.select(name, readonly=True)
    if answer != "OK":
        raise ConfigError(
            f"{_words(data)}; create the folder, or name one of {', '.join(names(folder))}"
        )
    wanted = quoted(f"<{envelope.msgid}>")
    answer, data = folder.search(None, "HEADER", "Message-ID", wanted)
    if answer != "OK":
        return Outcome(Result.LATER, f"{place} cannot be searched: {_words(data)}")
    if any(data):
        return Outcome(Result.SENT, f"{place}: it is there already")
    folder.mail = envelope.raw.replace(b"\n", b"\r\n")
    answer, data = folder.append(name, r"(\Draft \Seen)", _date(envelope.raw), folder.mail)
    if answer == "OK":
        return Outcome(Result.SENT, f"draft in {place}")
    words = _words(data)
    result = Result.REFUSED if FOR_GOOD.search(words) else Result.LATER
    return Outcome(result, f"{place}: {words}")


def why(error: Exception, place: Place, folder: Folder | None) -> Outcome:
    """What an error means for the mail.

    Parameters
    ----------
    folder: the connection, as far as it came to one
    """
    words = f"{place}: {said(error)}"
    if folder is not None and folder.begun and BAD not in words:
        return Outcome(Result.UNKNOWN, f"no answer to the mail: {words}")
    if broken_tls(error) or BAD in words or isinstance(error, Refused):
        return Outcome(Result.REFUSED, words)
    return Outcome(Result.LATER, words)


def names(folder: imaplib.IMAP4) -> list[str]:
    """The folders that can be selected, in the user's spelling."""
    _answer, lines = folder.list()
    names = []
    for line in lines:
        # A name with odd characters comes in two parts, the second being the name.
        head, name = line if isinstance(line, tuple) else (line or b"", b"")
        found = re.match(rb'\(([^)]*)\) (?:"(?:[^"\\]|\\.)*"|NIL) (.*)', head)
        if found and b"\\noselect" not in found[1].lower():
            plain = re.sub(rb"\\(.)", rb"\1", found[2].removeprefix(b'"').removesuffix(b'"'))
            names.append(from_utf7((name or plain).decode("ascii", "replace")))
    more = ["..."] if len(names) > NAMED else []
    return sorted(names)[:NAMED] + more


def _date(raw: bytes) -> datetime:
    """When the mail says that it was written, for the folder to be sorted by; else now."""
    try:
        date = parsedate_to_datetime(str(BytesHeaderParser().parsebytes(raw)["Date"]))
    except ValueError:
        return datetime.now(UTC)
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _words(data: Sequence[bytes | None]) -> str:
    return b" ".join(part for part in data if part).decode("utf-8", "replace")


def said(error: Exception) -> str:
    """imaplib's errors hold bytes, or text, or nothing."""
    said = error.args[0] if isinstance(error, imaplib.IMAP4.error) and error.args else str(error)
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return text or type(error).__name__
