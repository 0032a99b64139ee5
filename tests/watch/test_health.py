# SPDX-License-Identifier: GPL-2.0-or-later
"""The loopback port: who may ask what, that nobody holds it up, and when it says that all is not well."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.config import Settings
from bot.errors import UsageError
from bot.outbox.overview import Onlooker
from bot.settings import WatchSettings
from bot.watch.health import CONNECTIONS, Server, checks, loopback
from tests.store.outbox import NOW, settings
from tests.store.watched import HOUR, LORE, put_inbox, put_thread

WELL = {"store": "ok", "polls": "ok", "threads": "ok", "processes": "ok"}
SETTINGS = Settings(watch=WatchSettings(inboxes=(LORE,), interval=60))
LONG_AGO = NOW - timedelta(days=9)


@pytest.mark.parametrize(
    ("listen", "place"),
    [("127.0.0.1:9464", ("127.0.0.1", 9464)), ("[::1]:0", ("::1", 0)), ("127.9.9.9:1", ("127.9.9.9", 1))],
)  # fmt: skip
def test_a_loopback_address_is_taken(listen: str, place: tuple[str, int]) -> None:
    assert loopback(listen) == place


@pytest.mark.parametrize(
    "listen",
    ["0.0.0.0:9464", "[::]:9464", "192.0.2.1:9464", ":9464", "9464", "localhost:9464",
     "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1", "[::1]"],
)  # fmt: skip
def test_any_other_is_refused(listen: str) -> None:
    with pytest.raises(UsageError, match=r"^watch\.listen: .*; write 127\.0\.0\.1:9464"):
        loopback(listen)


class Asked:
    """A server whose answers a test sets."""

    def __init__(self) -> None:
        self.health = dict(WELL)
        self.go_on = threading.Event()
        self.go_on.set()
        self.server = Server("127.0.0.1:0", self.metrics, lambda: self.health)

    def metrics(self) -> bytes:
        self.go_on.wait(20)
        return b"x 1\n"

    def ask(self, path: str, method: str = "GET") -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        connection.request(method, path)
        answer = connection.getresponse()
        got = answer.status, answer.read()
        connection.close()
        return got

    def ask_again(self, path: str) -> tuple[int, bytes]:
        """Ask until there is an answer."""
        for _try in range(100):
            with contextlib.suppress(http.client.RemoteDisconnected, ConnectionError):
                return self.ask(path)
            time.sleep(0.05)
        raise AssertionError(f"{path} is never answered")


@pytest.fixture
def asked() -> Iterator[Asked]:
    made = Asked()
    yield made
    made.go_on.set()
    made.server.close()


def test_both_pages(asked: Asked) -> None:
    assert asked.ask("/metrics") == (200, b"x 1\n")
    assert asked.ask("/metrics?x=1", "HEAD") == (200, b"")
    status, body = asked.ask("/healthz")
    assert (status, json.loads(body)) == (200, {"status": "ok", "checks": WELL})
    asked.health["store"] = "away; see to it"
    status, body = asked.ask("/healthz")
    assert (status, json.loads(body)["status"]) == (503, "failing")
    assert json.loads(body)["checks"]["store"] == "away; see to it"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/metrics/../x", 404), ("POST", "/metrics", 501),
     ("DELETE", "/healthz", 501), ("GET", "http://elsewhere/metrics", 404)],
)  # fmt: skip
def test_nothing_else_is_there(asked: Asked, method: str, path: str, status: int) -> None:
    assert asked.ask(path, method)[0] == status


def test_a_page_that_fails_is_told(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    asked.health = None  # type: ignore[assignment]
    status, body = asked.ask("/healthz")
    assert (status, body) == (500, b"that went wrong; the log tells why\n")
    assert asked.ask("/metrics")[0] == 200


@pytest.mark.parametrize("first", [b"", b"GET /metrics HT", b"GET /metrics HTTP/1.1\r\nX: y\r\n"])
def test_slow_clients_make_room(
    asked: Asked, first: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.httpd.Handler.timeout", 60)  # none goes away by itself
    slow = [socket.create_connection(("127.0.0.1", asked.server.port)) for _ in range(40)]
    for one in slow:
        with contextlib.suppress(OSError):  # it may be cut already
            one.send(first)
    # One that comes before those that were cut are gone may be sent away.
    assert asked.ask_again("/metrics") == (200, b"x 1\n")
    assert asked.ask_again("/healthz")[0] == 200
    for one in slow:
        one.close()


def test_an_answer_that_takes_long_keeps_few_threads(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.watch.health.PATIENCE", 0.05)
    asked.go_on.clear()
    before = threading.active_count()
    waiting = [socket.create_connection(("127.0.0.1", asked.server.port)) for _ in range(60)]
    for one in waiting:
        with contextlib.suppress(OSError):
            one.send(b"GET /metrics HTTP/1.0\r\n\r\n")
    assert threading.active_count() - before <= 2 * CONNECTIONS
    for one in waiting:
        one.close()
    assert asked.ask_again("/healthz")[0] == 503


def test_a_port_that_is_taken_is_named(asked: Asked) -> None:
    listen = f"127.0.0.1:{asked.server.port}"
    with pytest.raises(UsageError, match=f"{listen}: Address already in use; name a free port"):
        Server(listen, lambda: b"", dict)


def test_a_closed_port_is_free(asked: Asked) -> None:
    other = Server("[::1]:0", lambda: b"", dict)
    port = other.port
    other.close()
    Server(f"[::1]:{port}", lambda: b"", dict).close()


@pytest.fixture
def onlooker(tmp_path: Path) -> Iterator[Onlooker]:
    with Onlooker.open(settings(tmp_path)) as opened:
        yield opened


def test_a_daemon_that_works_is_well(tmp_path: Path, onlooker: Onlooker) -> None:
    put_inbox(settings(tmp_path).url, failures=9, error="the server is away")
    put_thread(settings(tmp_path).url, 1, "due", NOW - HOUR)
    assert checks(onlooker, SETTINGS, LONG_AGO, NOW, lambda: "") == WELL


def test_a_daemon_that_hangs_is_not(tmp_path: Path, onlooker: Onlooker) -> None:
    put_inbox(settings(tmp_path).url)  # due in five minutes
    put_inbox(settings(tmp_path).url, "/srv/not-ours")
    put_thread(settings(tmp_path).url, 1, "due", NOW - HOUR)
    later = NOW + timedelta(minutes=9)
    assert checks(onlooker, SETTINGS, LONG_AGO, later, lambda: "worker 1 died") == {
        "processes": "worker 1 died",
        "store": "ok",
        "polls": f"{LORE} was due 4 minutes ago",
        "threads": "one became due 69 minutes ago",
    }
    just_started = later - timedelta(minutes=1)
    assert checks(onlooker, SETTINGS, just_started, later, lambda: "") == WELL


def test_a_store_that_is_away_is_told(onlooker: Onlooker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.outbox.overview.LEAST", 1 << 60)
    got = checks(onlooker, SETTINGS, LONG_AGO, NOW, lambda: "")
    assert got.keys() == {"processes", "store"}
    assert "the disk is full" in got["store"]
