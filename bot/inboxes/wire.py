# SPDX-License-Identifier: GPL-2.0-or-later
"""A connection to a server that is not trusted: in lines and blocks, each under limits.

It knows no protocol.  What a server can make it hold is a line, or a block
that is cut; what it can make it wait is `archive.read_timeout` for a byte and
`archive.deadline` for an answer.  TLS is verified, by name and authority.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import time

from bot.delivery.servers import shortened, verified
from bot.sources.mail import MAIL_CAP
from bot.sources.options import ArchiveOptions

__all__ = ["MAIL_ROOM", "Closed", "Wire", "WireError", "authorities", "why"]

CHUNK = 1 << 16
"""Bytes that are read at a time."""
QUIET = 60
"""Seconds after which a quiet connection is probed, so that nobody on the way forgets it."""
MAIL_ROOM = 2 * MAIL_CAP + (64 << 10)
"""Bytes that are kept of a mail: with CRLF, dots and what servers add, it is at most that much
longer than `MAIL_CAP`, so that one over that is known to be."""


class WireError(Exception):
    """The server went beyond a limit; the words say which, and what to do."""


class Closed(WireError):
    """The server hung up, which a kept connection has to expect."""

    def __init__(self, words: str = "the server closed the connection; try again later") -> None:
        super().__init__(words)


class Wire:
    """A connection; used by one thread at a time, but for `end`."""

    def __init__(
        self, host: str, port: int, options: ArchiveOptions, tls: ssl.SSLContext | None = None
    ) -> None:
        """Connect, with TLS from the first byte where there is a context for it.

        Raises `OSError`, or `WireError` where `host` can be no name.
        """
        self.host = host
        self._options = options
        self._buffer = bytearray()
        self._kept = 0
        self.begin()
        try:
            self._socket = socket.create_connection((host, port), options.connect_timeout)
        except UnicodeError as error:
            raise WireError(
                f"no host is called {shortened(host)!r}; check watch.inboxes"
            ) from error
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, True)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, QUIET)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        if tls is not None:
            try:
                self.secure(tls)
            except BaseException:
                self.close()
                raise

    def secure(self, tls: ssl.SSLContext) -> None:
        """Go on with TLS.  What came before it is no part of what comes now (CVE-2011-0411)."""
        if self._buffer:
            raise WireError("the server spoke before TLS was there; use TLS from the first byte")
        self._socket.settimeout(min(self._options.read_timeout, self._left()))
        self._socket = tls.wrap_socket(self._socket, server_hostname=self.host)

    def begin(self) -> None:
        """From now on the time and the space count that one answer may take."""
        self._due = time.monotonic() + self._options.deadline
        self._kept = 0

    def send(self, data: bytes) -> None:
        """Hand over all of `data`."""
        self._socket.settimeout(min(self._options.read_timeout, self._left()))
        try:
            self._socket.sendall(data)
        except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
            raise Closed from error

    def line(self, most: int) -> bytes:
        """The next line, with its end; of at most `most` bytes."""
        seen = 0
        while (end := self._buffer.find(b"\n", seen, most)) < 0:
            seen = len(self._buffer)
            if seen >= most:
                raise WireError(f"a line of over {most} bytes; is this the right server?")
            self._more()
        return self._keep(end + 1)

    def exactly(self, size: int, most: int) -> bytes:
        """The next `size` bytes; those beyond the first `most` are read and thrown away."""
        while len(self._buffer) < min(size, most):
            self._more()
        data = self._keep(min(size, most))
        rest = size - len(data)
        while rest:
            if not self._buffer:
                self._more()
            rest -= self._drop(min(rest, len(self._buffer)))
        return data

    def until(self, end: bytes, most: int) -> bytes:
        """What comes before `end`, which is taken away, too; cut to `most` bytes."""
        kept = bytearray()
        seen = 0
        while (found := self._buffer.find(end, seen)) < 0:
            ready = len(self._buffer) - len(end) + 1
            if ready > CHUNK:
                kept += self._buffer[: min(ready, most - len(kept))]
                self._drop(ready)
            seen = max(len(self._buffer) - len(end) + 1, 0)
            self._more()
        kept += self._buffer[: min(found, most - len(kept))]
        self._drop(found + len(end))
        return bytes(kept)

    def starts_with(self, start: bytes) -> bool:
        """Whether `start` comes next; it stays where it is."""
        while len(self._buffer) < len(start) and start.startswith(self._buffer):
            self._more()
        return self._buffer.startswith(start)

    def ready(self, seconds: float) -> bool:
        """Whether there is something to read, within `seconds`; also when the server hung up."""
        if self._buffer or (isinstance(self._socket, ssl.SSLSocket) and self._socket.pending()):
            return True
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def end(self) -> None:
        """Wake up the thread that uses the connection; for other threads."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _left(self) -> float:
        left = self._due - time.monotonic()
        if left <= 0:
            raise WireError(
                f"no whole answer within {self._options.deadline:g} s;"
                " try again later, or raise archive.deadline"
            )
        return left

    def _more(self) -> None:
        """Read what is there, and wait for something where nothing is."""
        self._socket.settimeout(min(self._options.read_timeout, self._left()))
        try:
            piece = self._socket.recv(CHUNK)
        except TimeoutError:
            self._left()
            raise
        except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
            raise Closed from error
        if not piece:
            raise Closed
        self._buffer += piece

    def _keep(self, size: int) -> bytes:
        self._kept += size
        if self._kept > self._options.max_bytes:
            raise WireError(
                f"the answer is larger than {self._options.max_bytes} bytes;"
                " raise archive.max_bytes if it is real"
            )
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _drop(self, size: int) -> int:
        del self._buffer[:size]
        return size


def authorities(ca: os.PathLike[str] | None) -> ssl.SSLContext:
    """TLS that verifies by `delivery.ca_file`, or by the system's authorities.

    Raises `WireError` where the file is none.
    """
    try:
        return verified(str(ca) if ca else None)
    except OSError as error:
        raise WireError(f"{ca}: {error.strerror or error}; mend delivery.ca_file") from error


def why(error: Exception) -> str:
    """What an error of a connection means, and what to do, in one line."""
    if isinstance(error, WireError):
        return str(error)
    if isinstance(error, TimeoutError):
        return "the server is silent; try again later"
    if isinstance(error, ssl.SSLError):
        words = getattr(error, "verify_message", "") or error.reason or error
        return (
            f"TLS failed ({shortened(str(words))}); an authority of yours goes to delivery.ca_file"
        )
    if isinstance(error, socket.gaierror):
        return f"no such host ({error.strerror}); check watch.inboxes"
    if isinstance(error, OSError):
        return (
            f"cannot be reached ({shortened(error.strerror or str(error))});"
            " check watch.inboxes and the network"
        )
    return f"{shortened(str(error)) or type(error).__name__}; check watch.inboxes"
