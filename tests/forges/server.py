# SPDX-License-Identifier: GPL-2.0-or-later
"""A forge on a loopback port that keeps state, checks all that it is asked, and has faults on demand.

What a forge knows and answers is in a subclass; here is what all have in
common.  A wrong request is answered with 500 and kept in `wrong`, which the
fixture looks at in the end, lest a client get away with it.
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Barrier, BrokenBarrierError, RLock, Thread
from typing import Any, NamedTuple

from tests.forges.described import Answer, Asked, Described

__all__ = ["Fault", "Server", "Together", "serving"]

Route = tuple[str, str, Callable[..., Answer]]
"""Method, pattern of the path, and what answers: it is given the request and the groups."""


class Fault(NamedTuple):
    """Something that goes wrong once, at the next request that fits."""

    method: str
    """A pattern."""
    path: str
    """A pattern that is searched for."""
    answer: Answer | None = None
    """Instead of what would be answered; None cuts the connection.

    One whose headers have a `Content-Length` that is too long is cut behind its body.
    """
    after: bool = False
    """Whether the request is obeyed first: only its answer is lost."""
    silent: float = 0.0
    """Seconds to say nothing before."""
    times: int = 1


class Server:
    """A forge.  A subclass gives `description` and `routes`."""

    description: Path
    nullable: Sequence[tuple[str, str]] = ()

    def __init__(self) -> None:
        self.described = _described(self.description, tuple(self.nullable))
        self.lock = RLock()
        self.wrong: list[str] = []
        """What was wrong with requests, and with our own answers."""
        self.asked: list[Asked] = []
        """All that came, in order."""
        self.faults: list[Fault] = []
        self.gate: Callable[[Asked], object] = lambda asked: None
        """Called before a request is obeyed, without the lock: where a test waits, or kills."""
        self.url = ""

    def routes(self) -> Sequence[Route]:
        """What it answers, and by what."""
        raise NotImplementedError

    def allowed(self, asked: Asked) -> Answer | None:
        """Why the request is refused; None where it is not."""
        return None

    @property
    def writes(self) -> list[str]:
        """Method and path of all that asked for a change."""
        return [f"{one.method} {one.path}" for one in self.asked if one.method != "GET"]

    def answer(self, asked: Asked) -> tuple[Answer | None, float]:
        """What goes back, None for a cut connection, and after how many seconds of silence."""
        self.gate(asked)
        with self.lock:
            self.asked.append(asked)
            fault = self._fault(asked)
            if fault and not fault.after:
                return fault.answer, fault.silent
            answer = self._obey(asked)
            if fault:
                return fault.answer, fault.silent
            # As it is now: what it is made of may be changed by the next request.
            return answer._replace(raw=answer.body), 0.0

    def _fault(self, asked: Asked) -> Fault | None:
        for at, fault in enumerate(self.faults):
            if re.fullmatch(fault.method, asked.method) and re.search(fault.path, asked.target):
                self.faults[at : at + 1] = (
                    [fault._replace(times=fault.times - 1)] if fault.times > 1 else []
                )
                return fault
        return None

    def _obey(self, asked: Asked) -> Answer:
        wrong = list(self.described.wrong_request(asked))
        if wrong:
            self.wrong += wrong
            return Answer(500, {"message": "; ".join(wrong)})
        answer = self.allowed(asked) or self._routed(asked)
        self.wrong += self.described.wrong_answer(asked, answer)
        return answer

    def _routed(self, asked: Asked) -> Answer:
        for method, pattern, function in self.routes():
            found = re.fullmatch(pattern, asked.path)
            if found and method == asked.method:
                return function(asked, *found.groups())
        return Answer(404, {"message": "Not Found"})

    def page(self, asked: Asked, items: Sequence[Any], most: int = 100) -> Answer:
        """The part of `items` that is asked for, with the way to the next (RFC 8288)."""
        size = min(int(asked.query.get("per_page", "30")), most)
        number = int(asked.query.get("page", "1"))
        part = list(items[(number - 1) * size : number * size])
        headers = {}
        if number * size < len(items):
            more = {**asked.query, "page": str(number + 1)}
            query = "&".join(f"{key}={value}" for key, value in more.items())
            headers["Link"] = f'<{self.url}{asked.path}?{query}>; rel="next"'
        return Answer(200, part, headers)


@cache
def _described(path: Path, nullable: tuple[tuple[str, str], ...]) -> Described:
    """Read once: it takes longer than most tests."""
    return Described(path, nullable)


class Together:
    """A gate that lets the first POST of each of `parties` runs through once all have come.

    So all have looked before any of them writes.
    """

    def __init__(self, parties: int) -> None:
        self.met = False
        """Whether they have; to be held by the test, which else has tried nothing."""
        self._barrier = Barrier(parties, self._meet)

    def _meet(self) -> None:
        self.met = True

    def __call__(self, asked: Asked) -> None:
        if asked.method == "POST" and not self._barrier.broken:
            with suppress(BrokenBarrierError):
                self._barrier.wait(timeout=60)
                self._barrier.abort()


@contextmanager
def serving(server: Server, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Let `server` answer on a port until the end; it must have been asked nothing wrong."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(server)) as http:
        http.daemon_threads = True
        server.url = f"http{'s' if tls else ''}://127.0.0.1:{http.server_address[1]}"
        if tls:
            http.socket = tls.wrap_socket(
                http.socket, server_side=True, do_handshake_on_connect=False
            )
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
    assert not server.wrong, "\n".join(server.wrong)


def _send(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    handler.send_response(answer.status)
    for name, value in answer.headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Type", "application/json")
    if "Content-Length" in answer.headers:
        handler.close_connection = True
    elif answer.status != 204:
        handler.send_header("Content-Length", str(len(answer.body)))
    handler.end_headers()
    handler.wfile.write(answer.body)
    handler.wfile.flush()


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        """Head and body leave together: else each answer waits 40 ms for the client's ACK."""

        def _any(self) -> None:
            size = int(self.headers.get("Content-Length", "0"))
            asked = Asked(
                self.command, self.path, dict(self.headers.items()), self.rfile.read(size)
            )
            answer, silent = server.answer(asked)
            time.sleep(silent)
            if answer is None:
                self.close_connection = True
                self.connection.close()
                return
            _send(self, answer)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any

        def handle(self) -> None:
            # A client may have gone, and a connection been cut on purpose.
            with suppress(OSError, ValueError):
                super().handle()

        def finish(self) -> None:
            with suppress(OSError, ValueError):
                super().finish()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Requests are in `Server.asked`."""

    return Handler
