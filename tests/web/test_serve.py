# SPDX-License-Identifier: GPL-2.0-or-later
"""`revokebot serve` as a process: what it answers to whom, and that nobody and nothing brings it down."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.cli import main
from bot.commands.serve import CONNECTIONS, LONGEST
from bot.outbox.database import connect
from bot.outgoing import Entry, Status
from bot.settings import StoreSettings
from bot.store import Store
from tests.conftest import ROOT
from tests.render.reviews import COVER, FIRST, SECOND, review
from tests.store.outbox import DRAFT, NOW, written
from tests.web.serving import PATIENCE, Served, serving

if TYPE_CHECKING:
    from tests.postgres import Postgres

REVIEW = review()._replace(errors=())
ASK = f"/api/patchset?id={COVER}"
WRITER = """
import sys
from bot.settings import StoreSettings
from bot.store import Store
from tests.web.test_serve import record
with Store.open(StoreSettings(sys.argv[1])) as store:
    print("ready", flush=True)
    while True:
        record(store)
"""


def record(store: Store) -> None:
    """Keep the review."""
    lines = [Entry(found, Status.NEW, "new") for found in REVIEW.findings]
    store.record(REVIEW, lines, written(DRAFT), NOW)


def filled(folder: Path) -> str:
    """URL of a SQLite store with the review in it."""
    url = f"sqlite:///{folder}/state/outbox.db"
    with Store.open(StoreSettings(url)) as store:
        record(store)
    return url


@pytest.fixture
def url(tmp_path: Path) -> str:
    return filled(tmp_path)


@pytest.fixture
def served(tmp_path: Path, url: str) -> Iterator[Served]:
    with serving(tmp_path, url, REVOKEBOT_REPLY_OPERATOR="A <U> Thor") as made:
        yield made


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One that has to go on answering through all tests that ask it."""
    folder = tmp_path_factory.mktemp("lasting")
    with serving(folder, filled(folder)) as made:
        yield made
        made.end()
        assert [one for one in made.said if one["event"] == "trouble"] == []


def raw(served: Served, request: bytes) -> bytes:
    """What comes back for bytes that need not be a request."""
    with socket.create_connection(("127.0.0.1", served.port), PATIENCE) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while part := connection.recv(1 << 16):
                answer += part
        return answer


def test_an_answer_and_its_headers(served: Served) -> None:
    status, headers, contents = served.get(ASK)
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-cache"
    assert headers["Server"] == "revokebot"
    got = json.loads(contents)
    assert (got["status"], len(got["reviews"])) == ("Reviewed", 2)
    assert served.ask(FIRST) == served.ask(f" <{SECOND}>") == got
    status, headers, contents = served.get(ASK, "HEAD")
    assert (status, int(headers["Content-Length"]) > 100, contents) == (200, True, b"")
    logged = served.await_("asked", 4)
    assert [(one["msgid"], one["status"]) for one in logged] == [
        (COVER, 200), (FIRST, 200), (SECOND, 200), (COVER, 200),
    ]  # fmt: skip
    served.end()
    assert [one["event"] for one in served.said if one["event"] != "asked"] == [
        "listening",
        "stopped",
    ]


def test_the_page_is_harmless_html(served: Served) -> None:
    status, headers, contents = served.get("/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert b"A &lt;U&gt; Thor" in contents
    assert b"<script" not in contents


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/api/patchset?id=nobody@example.org", 404),
        ("/api/patchset?id=%f0%9f%90%a7@example.org", 404),
        ("/api/patchset?id=a'%20OR%20'1'='1", 400),
        ("/api/patchset?id=';DROP/**/TABLE/**/review;--", 404),
        ("/api/patchset", 400),
        ("/api/patchset?id=", 400),
        ("/api/patchset?id=%3C%3E", 400),
        ("/api/patchset?x=1", 400),
        ("/api/patchset?id=a@b&id=c@d", 400),
        ("/api/patchset?id=%ff%fe", 400),
        ("/api/patchset?id=a%00b", 400),
        ("/api/patchset?id=a%0d%0aX:%20y", 400),
        ("/api/patchset?id=%3Cscript%3Ex", 400),
        ("/api/patchset?id=" + "a" * 999, 400),
        ("/api/patchset?id=" + "a" * LONGEST, 400),
        ("/api/patchset?" + "&".join("abcdefghij"), 400),
        ("/api/patchset/", 404),
        ("/api/../etc/passwd", 404),
        ("/#/patchset/1", 404),
        ("/" + "a" * 70_000, 414),
    ],
)
def test_questions_that_have_no_answer(lasting: Served, target: str, status: int) -> None:
    got, headers, contents = lasting.get(target)
    assert got == status
    assert "Traceback" not in contents.decode()
    assert "X" not in headers
    # What comes back of a question is text, whatever a browser would like to see in it.
    if got != 414:
        assert headers["Content-Type"] == "text/plain; charset=utf-8"
        assert contents.count(b"\n") == 1
    assert lasting.status(COVER) == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(lasting: Served, method: str) -> None:
    assert lasting.get(ASK, method)[0] == 501


@pytest.mark.parametrize(
    "request_",
    [b"", b"\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET\r\n\r\n",
     b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 500 + b"\r\n",
     b"\xff" * 100_000, b"GET " + ASK.encode() + b" HTTP/1.1\r\nX: \xff\xfe\r\n\r\n"],
)  # fmt: skip
def test_garbage_brings_nothing_down(lasting: Served, request_: bytes) -> None:
    answer = raw(lasting, request_)
    assert b"Traceback" not in answer
    assert lasting.status(COVER) == 200


@pytest.mark.integration
def test_many_ask_at_once(tmp_path: Path, store_url: str) -> None:
    with Store.open(StoreSettings(store_url)) as store:
        record(store)
    with serving(tmp_path, store_url) as served:
        with ThreadPoolExecutor(CONNECTIONS // 2) as pool:
            asked = list(pool.map(served.ask, [COVER, FIRST, SECOND] * 50))
        assert all(one == asked[0] for one in asked)
        served.end()


def test_slow_clients_hold_nobody_up(served: Served) -> None:
    slow = []
    for _ in range(CONNECTIONS * 3):
        one = socket.create_connection(("127.0.0.1", served.port), PATIENCE)
        with contextlib.suppress(OSError):  # it may be cut already
            one.send(b"GET /api/patch")
        slow.append(one)
    for _try in range(100):
        # One that comes before those that were cut are gone may be sent away.
        with contextlib.suppress(http.client.HTTPException, ConnectionError):
            assert served.status(COVER) == 200
            break
    else:
        raise AssertionError("nobody gets an answer")
    for one in slow:
        one.close()
    served.end()


@pytest.mark.integration
def test_a_store_that_others_write(tmp_path: Path, store_url: str) -> None:
    with Store.open(StoreSettings(store_url)) as store:
        record(store)
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, store_url], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        with serving(tmp_path, store_url) as served:
            first = served.ask(COVER)
            assert all(served.ask(COVER) == first for _ in range(30))
            assert writer.poll() is None
            served.end()
    finally:
        writer.kill()
        writer.communicate()


def test_a_store_that_breaks_is_told_in_the_log_alone(served: Served, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "state/outbox.db")) as other:
        other.execute("ALTER TABLE review RENAME TO gone")
        status, _headers, contents = served.get(ASK)
        assert (status, contents) == (503, b"the store can't be read now; the log tells why\n")
        (line,) = served.await_("trouble")
        assert (line["kind"], line["place"]) == ("store", "serve")
        assert "no such table: review" in line["words"]
        other.execute("ALTER TABLE gone RENAME TO review")
    assert served.status(COVER) == 200
    assert served.get("/")[0] == 200
    served.end()


@pytest.mark.integration
def test_a_server_that_goes_and_comes(tmp_path: Path, postgres: Postgres) -> None:
    url = postgres.new()
    with Store.open(StoreSettings(url)) as store:
        record(store)
    with serving(tmp_path, url) as served:
        before = served.ask(COVER)
        postgres.stop()
        try:
            assert served.status(COVER) == 503
        finally:
            postgres.start()
        assert served.ask(COVER) == before
        served.end()


def test_an_empty_store(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state/outbox.db"
    connect(StoreSettings(url)).dispose()
    with serving(tmp_path, url) as served:
        assert served.status(COVER) == 404
        served.end()


def test_a_store_of_an_older_version_is_brought_to_this_one(tmp_path: Path, url: str) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "state/outbox.db")) as other, other:
        # As revision 0004 had it.
        other.execute("DROP TABLE heard")
        other.execute("DROP TABLE leave")
        other.execute("ALTER TABLE review DROP COLUMN files")
        other.execute("ALTER TABLE reply DROP COLUMN kind")
        other.execute("ALTER TABLE dismissal DROP COLUMN who")
        other.execute("UPDATE alembic_version SET version_num = '0004'")
    with serving(tmp_path, url) as served:
        assert served.status(COVER) == 200
        served.end()


def refused(capsys: pytest.CaptureFixture[str], *flags: str) -> str:
    """What `revokebot serve` says when it does not start."""
    assert main(["serve", *flags]) == 2
    said = capsys.readouterr().err
    assert said.startswith("revokebot: ")
    assert said.count("\n") == 1
    return said


def test_a_store_of_a_newer_version_is_refused(
    tmp_path: Path,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("REVOKEBOT_STORE_URL", url)
    with contextlib.closing(sqlite3.connect(tmp_path / "state/outbox.db")) as other, other:
        other.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "was written by a newer revokebot: update this one" in refused(capsys)


def test_no_store_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REVOKEBOT_STORE_URL", f"sqlite:///{tmp_path}/state/outbox.db")
    assert "there is no store yet; `revokebot watch` makes it" in refused(capsys)
    assert not (tmp_path / "state").exists()


def test_a_place_that_others_can_reach_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "--listen", "0.0.0.0:9465")
    assert "--listen: 0.0.0.0:9465 can be reached from elsewhere; put a proxy before it" in said
    assert "write 127.0.0.1:9465 or [::1]:9465" in said


def test_a_port_that_is_taken_is_refused(
    served: Served, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REVOKEBOT_STORE_URL", url)
    monkeypatch.setattr("bot.watch.log.set_up", lambda *_: None)  # the log of this very process
    place = f"127.0.0.1:{served.port}"
    said = refused(capsys, "--listen", place)
    assert f"--listen: {place}: Address already in use; name a free port" in said
