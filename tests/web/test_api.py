# SPDX-License-Identifier: GPL-2.0-or-later
"""Requests to a forge that is slow, busy, broken or false, over a real connection."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import Any, NamedTuple

import pytest

from bot.errors import DeniedError, ForgeError, GoneError, InvalidError, UnsureError
from bot.web import api as module
from bot.web.api import Api, Server

pytestmark = pytest.mark.integration
TOKEN = "s3cret"


class Answer(NamedTuple):
    """What the server says next."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    silent: float = 0.0
    short: bool = False
    """Whether the body ends before it should."""


class Peer:
    """A server that gives `answers` in turn, and the last one for ever."""

    def __init__(self) -> None:
        self.answers: list[Answer] = [Answer()]
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.url = ""

    def next(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def serving(context: SSLContext | None = None) -> Iterator[Peer]:
    """A server on the loopback, with TLS where `context` is given."""
    peer = Peer()

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            peer.asked.append((self.command, self.path, dict(self.headers.items())))
            answer = peer.next()
            time.sleep(answer.silent)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value.replace("HERE", peer.url))
            self.send_header("Content-Length", str(len(answer.body) + answer.short))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST = do_PATCH = do_DELETE = _any

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Requests are in `Peer.asked`."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that goes is part of the test."""

    with Quiet(("127.0.0.1", 0), Handler) as http:
        if context is not None:
            http.socket = context.wrap_socket(http.socket, server_side=True)
        scheme = "https" if context else "http"
        peer.url = f"{scheme}://127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield peer
        finally:
            http.shutdown()
            thread.join()


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Peer]:
    """A server, and a client that counts no long seconds where only it waits."""
    monkeypatch.setattr("bot.sources.bounded_http.FIRST_PAUSE", 0.01)
    with serving() as peer:
        yield peer


def client(peer: Peer, **changes: Any) -> Api:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    server = Server(peer.url, headers, "$TOKEN", "permission to write", timeout=5.0, deadline=20.0)
    return Api(server._replace(**changes))


def test_the_token_and_who_asks_go_along(peer: Peer) -> None:
    assert client(peer).get("/x", {"a": 1}) == {}
    ((method, target, headers),) = peer.asked
    assert (method, target) == ("GET", "/x?a=1")
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["User-Agent"].startswith("revokebot/")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, InvalidError), (401, DeniedError), (403, DeniedError), (404, GoneError),
        (409, GoneError), (410, GoneError), (412, GoneError), (418, ForgeError), (422, InvalidError),
    ],
)  # fmt: skip
def test_a_no_is_an_error_of_its_kind_and_asked_once(
    peer: Peer, status: int, error: type[ForgeError]
) -> None:
    peer.answers = [Answer(status, b'{"message": "no such \\u001b[31mluck"}')]
    with pytest.raises(error) as caught:
        client(peer).send("POST", "/x", {"a": 1})
    assert type(caught.value) is error
    assert "no such \\x1b[31mluck" in str(caught.value)
    assert f"HTTP {status}" in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert len(peer.asked) == 1


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_what_may_be_repeated_is(peer: Peer, method: str, status: int) -> None:
    peer.answers = [Answer(status), Answer(status), Answer(200, b'{"a": 1}')]
    assert client(peer).send(method, "/x") == {"a": 1}
    assert len(peer.asked) == 3


def test_a_server_that_stays_down_is_given_up(peer: Peer) -> None:
    peer.answers = [Answer(503, b"<html>")]
    with pytest.raises(ForgeError, match="try again later"):
        client(peer).get("/x")
    assert len(peer.asked) == 1 + module.RETRIES


def test_a_post_is_not_repeated_and_what_was_asked_is_passed_on(peer: Peer) -> None:
    peer.answers = [Answer(503, headers={"Retry-After": "7"})]
    with pytest.raises(UnsureError) as caught:
        client(peer).send("POST", "/x", {})
    assert caught.value.wait == 7.0
    assert len(peer.asked) == 1


@pytest.mark.parametrize("answer", [Answer(silent=3.0), Answer(body=b'{"a": 1', short=True)])
def test_an_answer_that_does_not_come_is_not_known(peer: Peer, answer: Answer) -> None:
    peer.answers = [answer]
    with pytest.raises(UnsureError):
        client(peer, timeout=1.0).send("POST", "/x", {})
    assert len(peer.asked) == 1
    peer.answers = [answer, Answer(200, b'{"a": 1}')]
    assert client(peer, timeout=1.0).get("/x") == {"a": 1}


def test_the_deadline_is_for_all_attempts(peer: Peer) -> None:
    peer.answers = [Answer(silent=30.0)]
    before = time.monotonic()
    with pytest.raises(ForgeError):
        client(peer, timeout=1.0, deadline=2.0).get("/x")
    assert time.monotonic() - before < 20.0, "the server's silence was waited for"


BUSY = [
    (403, b'{"message": "You have exceeded a secondary rate limit"}', {"Retry-After": "1"}),
    (429, b"{}", {"Retry-After": formatdate(0, usegmt=True)}),
    (429, b"{}", {"Retry-After": "0"}),
    (403, b"{}", {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}),
    (429, b"{}", {"RateLimit-Remaining": "0", "RateLimit-Reset": "1"}),
]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("status", "body", "headers"), BUSY)
def test_a_server_that_has_too_many_of_ours_is_asked_again(
    peer: Peer, method: str, status: int, body: bytes, headers: dict[str, str]
) -> None:
    busy = Answer(status, body, headers)
    peer.answers = [busy, Answer(200, b'{"a": 1}')]
    assert client(peer).send(method, "/x") == {"a": 1}
    assert len(peer.asked) == 2


def test_a_limit_without_a_time_is_waited_for_a_while(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer.answers = [Answer(403, b'{"message": "secondary rate limit"}')]
    with pytest.raises(ForgeError, match=r"60 s, longer than ci\.deadline"):
        client(peer).get("/x")
    monkeypatch.setattr(module, "BUSY", 0.1)
    peer.answers = [Answer(403, b'{"message": "secondary rate limit"}'), Answer()]
    assert client(peer).get("/x") == {}


def test_a_server_that_never_has_time_is_not_hammered(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.sources.bounded_http.FIRST_PAUSE", 0.1)
    peer.answers = [Answer(429, headers={"Retry-After": "0"})]
    with pytest.raises(ForgeError, match=r"longer than ci\.deadline"):
        client(peer, deadline=3.0).get("/x")
    assert len(peer.asked) <= 7, "each pause is twice as long as the one before"


def test_pages_are_followed_to_their_end(peer: Peer) -> None:
    following = Answer(200, b"[1, 2]", {"Link": '<HERE/x?page=2>; rel="next"'})
    peer.answers = [following, Answer(200, b"[3]")]
    assert list(client(peer).pages("/x")) == [1, 2, 3]
    assert [target for _, target, _ in peer.asked] == ["/x?per_page=100", "/x?page=2"]


def test_pages_without_end_are_not(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PAGES", 3)
    peer.answers = [Answer(200, b"[1]", {"Link": '<HERE/x>; rel="next"'})]
    with pytest.raises(ForgeError, match="more than 3 pages"):
        list(client(peer).pages("/x"))


def test_the_token_goes_to_no_other_server(peer: Peer) -> None:
    with serving() as other:
        peer.answers = [Answer(200, b"[1]", {"Link": f'<{other.url}/x>; rel="next"'})]
        with pytest.raises(ForgeError, match="another server"):
            list(client(peer).pages("/x"))
        peer.answers = [Answer(302, headers={"Location": f"{other.url}/x"})]
        with pytest.raises(ForgeError, match="another server"):
            client(peer).get("/x")
        assert other.asked == []


def test_a_move_on_the_same_server_is_followed_once(peer: Peer) -> None:
    peer.answers = [Answer(301, headers={"Location": "/y"}), Answer(200, b'{"a": 1}')]
    assert client(peer).get("/x") == {"a": 1}
    peer.answers = [Answer(301, headers={"Location": "/y"})]
    with pytest.raises(ForgeError, match="has moved to /y"):
        client(peer).send("POST", "/x", {})
    peer.answers = [Answer(307, headers={"Location": "/y"}), Answer(201, b"{}")]
    assert client(peer).send("POST", "/x", {"a": 1}) == {}
    assert [method for method, _, _ in peer.asked[-2:]] == ["POST", "POST"]


@pytest.mark.parametrize("body", [b"<html>log in</html>", b"", b"{", b"\xff\xfe"])
def test_what_is_no_json_is_no_answer(peer: Peer, body: bytes) -> None:
    peer.answers = [Answer(200, body)]
    with pytest.raises(ForgeError, match="no JSON"):
        client(peer).get("/x")
    with pytest.raises(ForgeError, match="no JSON"):
        list(client(peer).pages("/x"))


def test_what_is_no_list_has_no_pages(peer: Peer) -> None:
    with pytest.raises(ForgeError, match="no list"):
        list(client(peer).pages("/x"))


def test_what_is_too_large_is_not_read(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    peer.answers = [Answer(200, b'"' + b"x" * 5000 + b'"')]
    with pytest.raises(ForgeError, match="larger than 1000 bytes; is it the URL"):
        client(peer).get("/x")


def test_no_proxy_and_proxies_are_those_of_the_environment(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        client(peer).get("/x")
        assert [target for _, target, _ in proxy.asked] == [f"{peer.url}/x"]
        assert peer.asked == []
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        client(peer).get("/x")
        assert len(peer.asked) == len(proxy.asked) == 1


def test_a_netrc_takes_no_token_s_place(
    peer: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    client(peer).get("/x")
    assert peer.asked[0][2]["Authorization"] == f"Bearer {TOKEN}"


def test_tls_is_verified_by_the_authorities_that_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.sources.bounded_http.FIRST_PAUSE", 0.01)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=tea",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    context = SSLContext(PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with serving(context) as peer:
        with pytest.raises(ForgeError, match="TLS failed"):
            client(peer).get("/x")
        assert peer.asked == []
        assert client(peer, ca_file=tmp_path / "cert.pem").get("/x") == {}


def test_a_dry_run_reads_and_tells_and_changes_nothing(peer: Peer) -> None:
    told: list[str] = []
    server = Server(peer.url, {"Authorization": TOKEN}, "$TOKEN", "permission")
    dry = Api(server, told.append)
    assert dry.get("/x") == {}
    assert dry.send("POST", "/y", {"a": "b\n"}) is None
    assert told == [f'POST {peer.url}/y {{"a": "b\\n"}}']
    assert [method for method, _, _ in peer.asked] == ["GET"]
