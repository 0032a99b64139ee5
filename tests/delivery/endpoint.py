# SPDX-License-Identifier: GPL-2.0-or-later
"""A web endpoint on loopback that checks what b4's misc/send-receive.py checks, with real patatt.

It keeps what it would send.  On request it takes patches only, as that one
does, or misbehaves.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
from email import message_from_bytes
from email.utils import getaddresses, parseaddr
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import patatt

__all__ = ["Endpoint"]


class Endpoint(ThreadingHTTPServer):
    """`how` it behaves: `well`, `patches` for patches only, `hang`, `drop`, `trickle` or
    `STATUS BODY`; `mute` reads no request at all."""

    daemon_threads = True

    def __init__(
        self, identity: str, public: bytes, how: str = "well", tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        # As in `Scripted`.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.identity, self.public, self.how = identity, public, how
        self.sent: list[tuple[bytes, list[str]]] = []
        """Each mail that was taken, and to whom it goes."""
        self.requests = 0
        self.end = threading.Event()
        self.scheme = "https" if tls else "http"
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}/_b4_submit"

    def __enter__(self) -> Endpoint:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end.set()
        self.shutdown()
        self._thread.join(10)
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what is being tested."""

    def receive(self, raw: bytes) -> str:
        """Take a mail; what is wrong with it, or empty."""
        signed = patatt.PatattMessage(raw)
        try:
            if not signed.get_sigs():
                return "Message is not signed"
            signed.validate(self.identity, self.public)
        except patatt.ValidationError as error:
            return f"Signature validation failed: {error}"
        mail = message_from_bytes(raw)
        if self.how == "patches" and not re.match(r"(\[[^]]+\])*\[PATCH", mail["Subject"]):
            return "This service only accepts patches"
        if parseaddr(mail["From"])[1] != self.identity:
            return f"From header invalid for identity {self.identity}"
        recipients = getaddresses([*mail.get_all("To", []), *mail.get_all("Cc", [])])
        self.sent.append((raw, [address for _name, address in recipients]))
        return ""


class Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        server = self.server
        server.requests += 1
        if server.how == "mute":
            server.end.wait(10)
            return
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert request["action"] == "receive"
        wrong = [server.receive(raw.encode()) for raw in request["messages"]]
        if server.how == "hang":
            server.end.wait(10)
        elif server.how == "trickle":
            self._trickle()
        elif server.how[0].isdigit():
            status, _, body = server.how.partition(" ")
            self._say(int(status), body)
        elif server.how != "drop":
            error = next(filter(None, wrong), "")
            told = {"result": "error" if error else "success", "message": error or "Sent 1"}
            self._say(500 if error else 200, json.dumps(told))

    def _say(self, status: int, body: str) -> None:
        self.send_response(status)
        if status // 100 == 3:
            self.send_header("Location", self.server.url)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def _trickle(self) -> None:
        self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n")
        while not self.server.end.wait(0.1):
            self.wfile.write(b" ")

    def log_message(self, *_: object) -> None:
        """Silence."""
