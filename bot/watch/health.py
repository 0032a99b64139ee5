# SPDX-License-Identifier: GPL-2.0-or-later
"""Answers on a loopback port how the daemon does: /metrics for Prometheus, /healthz for a probe.

/healthz is about this daemon: 503 means that it does not do its work, and that
starting it anew may help.  A server that it cannot reach does not count;
`revokebot status` and the metrics tell of that.  Connections are few, and the
oldest makes room for the newest: who asks slowly holds nobody up.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import socket
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from threading import Lock, Thread
from typing import Any

from bot.config import Settings
from bot.errors import BotError, UsageError
from bot.outbox.overview import Onlooker
from bot.overview import LATE, MISSED, ago
from bot.render.plain import one_line
from bot.watch import log

__all__ = ["Server", "checks", "loopback"]

CONNECTIONS = 8
"""That are open before the oldest is cut."""
SILENT = 5.0
"""Seconds that a client may say nothing, and that one waits for another's answer."""
WELL = "ok"
PLAIN = "text/plain; version=0.0.4; charset=utf-8"


def loopback(listen: str) -> tuple[str, int]:
    """The address and port of `watch.listen`.  Raises `UsageError` where others could reach it."""
    address, _, port = listen.rpartition(":")
    address = address.removeprefix("[").removesuffix("]")
    try:
        known = ipaddress.ip_address(address)
        number = int(port) if port.isascii() and port.isdecimal() else -1
    except ValueError:
        raise _wrong(listen, "names no address and port") from None
    if not 0 <= number < 1 << 16:
        raise _wrong(listen, "names no port")
    if not known.is_loopback:
        raise _wrong(listen, "can be reached from elsewhere; put a proxy before it where you want")
    return str(known), number


def _wrong(listen: str, words: str) -> UsageError:
    return UsageError(f"watch.listen: {listen} {words}; write 127.0.0.1:9464 or [::1]:9464")


def checks(
    onlooker: Onlooker,
    settings: Settings,
    started: datetime,
    now: datetime,
    alive: Callable[[], str],
) -> dict[str, str]:
    """What is looked at for /healthz, each with `ok` or what is wrong.

    Parameters
    ----------
    started, now: aware; what was late before the start is not held against the daemon
    alive: says what is wrong with the daemon's processes and threads, empty for nothing
    """
    found = {"processes": alive() or WELL}
    try:
        onlooker.usable()
        overview = onlooker.look(now)
    except BotError as err:
        return {**found, "store": str(err)}
    late = timedelta(seconds=settings.watch.interval) * MISSED
    polls = [
        f"{one.name} was due {ago(one.due, now)}"
        for one in overview.inboxes
        if one.name in settings.watch.inboxes
        and one.due is not None
        and now - max(one.due, one.held or one.due, started) > late
    ]
    due = overview.oldest_due
    waits = due is not None and now - max(due, started) > LATE
    return {
        **found,
        "store": WELL,
        "polls": "; ".join(polls) or WELL,
        "threads": f"one became due {ago(due, now)}" if due and waits else WELL,
    }


class Server:
    """The port, open from here to `close`; both pages are asked for one at a time."""

    def __init__(
        self,
        listen: str,
        metrics: Callable[[], bytes],
        health: Callable[[], Mapping[str, str]],
    ) -> None:
        """Open it.  Raises `UsageError` where that can't be, or must not."""
        self._busy = Lock()
        self._pages = {"/metrics": lambda: (200, PLAIN, metrics()), "/healthz": self._healthz}
        self._health = health
        try:
            self._server = _Server(loopback(listen), self._page)
        except OSError as err:
            raise UsageError(
                f"watch.listen: {listen}: {err.strerror}; name a free port of this machine"
            ) from err
        self._thread = Thread(target=self._server.serve_forever, name="health", daemon=True)
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

    def _healthz(self) -> tuple[int, str, bytes]:
        found = self._health()
        well = all(words == WELL for words in found.values())
        answer = {"status": WELL if well else "failing", "checks": dict(found)}
        return 200 if well else 503, "application/json", json.dumps(answer, indent=2).encode()

    def _page(self, path: str) -> tuple[int, str, bytes]:
        """Status, type and contents of what is at `path`."""
        page = self._pages.get(path)
        if page is None:
            return 404, PLAIN, b"there are /metrics and /healthz\n"
        if not self._busy.acquire(timeout=SILENT):
            return 503, PLAIN, b"another one is being answered; ask again\n"
        try:
            return page()
        except Exception as err:
            words = one_line(f"{type(err).__name__}: {err}; please report it")
            log.trouble("health", path, words, error=err)
            return 500, PLAIN, b"that went wrong; the log tells why\n"
        finally:
            self._busy.release()


class _Server(ThreadingMixIn, TCPServer):
    allow_reuse_address = True
    request_queue_size = 64
    daemon_threads = True
    block_on_close = False

    def __init__(
        self, address: tuple[str, int], page: Callable[[str], tuple[int, str, bytes]]
    ) -> None:
        self.page = page
        self._lock = Lock()
        self._open: dict[Any, bool] = {}
        """Connections that have a thread, the oldest first, and whether they were cut."""
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give it a thread; where there are many the oldest is cut, or at worst this one."""
        with self._lock:
            whole = [old for old, cut in self._open.items() if not cut]
            crowded = len(self._open) >= 2 * CONNECTIONS
            if len(whole) >= CONNECTIONS:
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


class _Handler(BaseHTTPRequestHandler):
    timeout = SILENT
    server: _Server
    server_version = "revokebot"
    sys_version = ""

    def do_GET(self) -> None:
        status, kind, contents = self.server.page(self.path.partition("?")[0])
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(contents)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(contents)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Who asks how it does is no event."""
