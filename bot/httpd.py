# SPDX-License-Identifier: GPL-2.0-or-later
"""A small HTTP server on a loopback port, for pages that are read: GET and HEAD, nothing else.

Connections are few, and the oldest makes room for the newest: who asks slowly
holds nobody up.  What is on a page, and what is logged, is the caller's
business.  It has no TLS and knows no users: a proxy before it has.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from threading import Lock, Thread
from typing import Any, NamedTuple

from bot.errors import UsageError

__all__ = ["SILENT", "Answer", "Handler", "Server", "loopback"]

SILENT = 5.0
"""Seconds that a client may say nothing."""
PLAIN = "text/plain; charset=utf-8"


class Answer(NamedTuple):
    """What a request gets."""

    status: int
    contents: bytes
    kind: str = PLAIN
    """Its media type."""
    headers: tuple[tuple[str, str], ...] = ()
    """Further ones."""


Page = Callable[[str, str], Answer]
"""Answers for a path and the query behind it, both as they were sent."""


def loopback(listen: str, name: str, port: int) -> tuple[str, int]:
    """The address and port of `listen`.

    Parameters
    ----------
    listen: `ADDRESS:PORT`
    name: the setting or flag that it is of
    port: one to propose

    Raises `UsageError` where others could reach it.
    """
    address, _, digits = listen.rpartition(":")
    address = address.removeprefix("[").removesuffix("]")
    hint = f"write 127.0.0.1:{port} or [::1]:{port}"
    try:
        known = ipaddress.ip_address(address)
        number = int(digits) if digits.isascii() and digits.isdecimal() else -1
    except ValueError:
        raise UsageError(f"{name}: {listen} names no address and port; {hint}") from None
    if not 0 <= number < 1 << 16:
        raise UsageError(f"{name}: {listen} names no port; {hint}")
    if not known.is_loopback:
        words = "can be reached from elsewhere; put a proxy before it where you want that"
        raise UsageError(f"{name}: {listen} {words}; {hint}")
    return str(known), number


class Server:
    """The port, open from here to `close`."""

    def __init__(
        self,
        place: tuple[str, int],
        page: Page,
        broken: Callable[[str, Exception], None],
        *,
        name: str,
        connections: int,
    ) -> None:
        """Open it.  Raises `UsageError` where that can't be.

        Parameters
        ----------
        place: as `loopback` has it
        broken: hears the path and the error of a page that raised
        name: the setting or flag that the place is of
        connections: that are open before the oldest is cut
        """
        try:
            self._server = _Server(place, page, broken, connections)
        except OSError as err:
            listen = f"[{place[0]}]:{place[1]}" if ":" in place[0] else f"{place[0]}:{place[1]}"
            raise UsageError(
                f"{name}: {listen}: {err.strerror}; name a free port of this machine"
            ) from err
        self._thread = Thread(target=self._server.serve_forever, name="httpd", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens, also when 0 was asked for."""
        port: int = self._server.server_address[1]
        return port

    def close(self) -> None:
        """Close it; answers that are on their way may be cut."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingMixIn, TCPServer):
    allow_reuse_address = True
    request_queue_size = 64
    daemon_threads = True
    block_on_close = False

    def __init__(
        self,
        place: tuple[str, int],
        page: Page,
        broken: Callable[[str, Exception], None],
        connections: int,
    ) -> None:
        self.page = page
        self.broken = broken
        self._most = connections
        self._lock = Lock()
        self._open: dict[Any, bool] = {}
        """Connections that have a thread, the oldest first, and whether they were cut."""
        if ":" in place[0]:
            self.address_family = socket.AF_INET6
        super().__init__(place, Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give it a thread; where there are many the oldest is cut, or at worst this one."""
        with self._lock:
            whole = [old for old, cut in self._open.items() if not cut]
            crowded = len(self._open) >= 2 * self._most
            if len(whole) >= self._most:
                self._open[whole[0]] = True
                with contextlib.suppress(OSError):
                    whole[0].shutdown(socket.SHUT_RDWR)
            self._open[request] = False
        if crowded:
            self.shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Its thread is done with it."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is nobody's trouble."""


class Handler(BaseHTTPRequestHandler):
    """One request, and the end of its connection."""

    timeout = SILENT
    server: _Server

    def do_GET(self) -> None:
        """Answer it, whatever goes wrong; a client sees no traceback."""
        path, _, query = self.path.partition("?")
        try:
            answer = self.server.page(path, query)
        except Exception as err:
            self.server.broken(path, err)
            answer = Answer(500, b"that went wrong; the log tells why\n")
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.contents)))
        for name, value in answer.headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.contents)

    do_HEAD = do_GET

    def version_string(self) -> str:
        """What `Server` says: not which Python there is."""
        return "revokebot"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """What is worth a line, the page knows."""
