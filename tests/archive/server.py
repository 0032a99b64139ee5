# SPDX-License-Identifier: GPL-2.0-or-later
"""A web server on loopback that misbehaves as its first path segment says.

`http://127.0.0.1:PORT/drip` is the base URL of an "archive" that drips.  The
sockets, threads and bytes are real; only the manners are made up.
"""

from __future__ import annotations

import gzip
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["MBOX", "Server", "mbox", "serving"]

MSGID = "one@example.org"
MAIL = (
    b"From: A <a@example.org>\nSubject: [PATCH] toy: one\nDate: Mon, 02 Nov 2026 09:00:00 +0000\n"
    b"Message-ID: <one@example.org>\n\nOne.\n"
)


def mbox(*mails: bytes) -> bytes:
    """Gzip of an mboxrd; the mails must have no `From ` lines."""
    return gzip.compress(
        b"".join(b"From mboxrd@z Thu Jan  1 00:00:00 1970\n" + m + b"\n" for m in mails)
    )


MBOX = mbox(MAIL)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.hits: Counter[str] = Counter()
        """Requests for mail, by behaviour."""
        self.agents: set[str] = set()
        self.stopping = threading.Event()
        self.archives: dict[str, tuple[bytes, str]] = {}
        """Archives that give a thread: its mbox, and how they behave when searched."""

    def url(self, behaviour: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{behaviour}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up on us is what is being tested."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        behaviour = self.path.split("/")[1]
        if self.command == "HEAD":
            self.send_error(404)
            return
        self.server.agents.add(self.headers["User-Agent"])
        self.server.hits[behaviour] += 1
        if behaviour in self.server.archives:
            body, behaviour = self.server.archives[behaviour]
            if self.command == "GET":
                self.give(body)
                return
        if behaviour in BEHAVIOURS:
            BEHAVIOURS[behaviour](self)
        else:
            self.send_error(404)

    do_HEAD = do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def give(self, body: bytes, status: int = 200, **headers: str) -> None:
        """Answer with `body`; header names have `_` for `-`."""
        self.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def first(self) -> bool:
        return self.server.hits[self.path.split("/")[1]] == 1


def _bomb(handler: Handler) -> None:
    """400 MB of blanks, in 400 KB."""
    start = gzip.compress(b"From mboxrd@z x\nSubject: x\n\n")
    handler.give(start + gzip.compress(b" " * (4 << 20)) * 100)


def _drip(handler: Handler, status: int = 200) -> None:
    handler.send_response(status)
    handler.send_header("Location", handler.server.url("good"))
    handler.send_header("Content-Length", str(len(MBOX)))
    handler.end_headers()
    for byte in MBOX:
        handler.wfile.write(bytes([byte]))
        if handler.server.stopping.wait(0.3):
            return


def _silent(handler: Handler) -> None:
    handler.server.stopping.wait(10)


def _drip_head(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.0 200 OK\r\nX-Slow: ")
    while not handler.server.stopping.wait(0.3):
        handler.wfile.write(b"x")


def _once(status: int, **headers: str) -> Callable[[Handler], None]:
    def behave(handler: Handler) -> None:
        if handler.first():
            handler.give(b"busy\n", status, **headers)
        else:
            handler.give(MBOX)

    return behave


def _short(handler: Handler) -> None:
    handler.give(MBOX[:20], Content_Length=str(len(MBOX)))


def _loop(handler: Handler) -> None:
    handler.give(b"", 302, Location=handler.path)


BEHAVIOURS: dict[str, Callable[[Handler], None]] = {
    "good": lambda handler: handler.give(MBOX),
    "labelled": lambda handler: handler.give(MBOX, Content_Encoding="gzip"),
    "moved": lambda handler: handler.give(b"", 301, Location=handler.path.replace("moved", "good")),
    "no-result": lambda handler: handler.give(b"No results found\n", 404),
    "denied": lambda handler: handler.give(b"no\n", 401),
    "limited-once": _once(429, Retry_After="1"),
    "limited-long": lambda handler: handler.give(b"", 429, Retry_After="3600"),
    "fault-once": _once(500),
    "fault": lambda handler: handler.give(b"", 503),
    "unable": lambda handler: handler.give(b"", 501),
    "silent": _silent,
    "drip": _drip,
    "drip-moved": lambda handler: _drip(handler, 302),
    "drip-head": _drip_head,
    "bomb": _bomb,
    "wire": lambda handler: handler.give(b"\x1f\x8b" + b"x" * (9 << 20)),
    "truncated": lambda handler: handler.give(MBOX[:-12]),
    "wall": lambda handler: handler.give(b"<!doctype html><title>Are you a robot?</title>"),
    "loop": _loop,
    "to-file": lambda handler: handler.give(b"", 302, Location="file:///etc/hostname"),
    "to-login": lambda handler: handler.give(b"", 302, Location=handler.server.url("wall")),
    "to-nowhere": lambda handler: handler.give(b"", 302, Location="http://[half"),
    "short": _short,
    "empty": lambda handler: handler.give(gzip.compress(b"")),
    "nothing": lambda handler: handler.give(b""),
    "garbage": lambda handler: handler.give(gzip.compress(b"no mail at all\n")),
    "noise": lambda handler: handler.give(b"\x1f\x8b\x08\x00" + b"noise" * 9),
}


@contextmanager
def serving() -> Iterator[Server]:
    """A running server; it and its threads are gone afterwards."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.stopping.set()
            server.shutdown()
            thread.join()
