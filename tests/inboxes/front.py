# SPDX-License-Identifier: GPL-2.0-or-later
"""A web server with real git behind it (git-http-backend(1)), which misbehaves when it is told to.

It shows one inbox at `/toy/`, as public-inbox-httpd does.  Sockets, threads
and packs are real; only the manners are made up.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

__all__ = ["Front", "Handler", "fronting"]

HALF = 300
"""Bytes of an answer that is cut or stalls."""


class Front(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.asked: list[str] = []
        """What was asked for: `manifest`, `head`, `refs` (by git itself) or `pack`."""
        self.agents: set[str] = set()
        self.connections = 0
        self.manners: dict[str, Callable[[Handler], None]] = {}
        """By what is asked for, how it is answered instead."""
        self.validators = False
        """Whether it sends an ETag, and 304 to who has it."""
        self.unchanged = 0
        """Answers with 304 to a question for the head."""
        self.moved: Callable[[Handler], None] | None = None
        """How what is below `/old/` is answered."""
        self.stopping = threading.Event()
        self.stalled = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/toy/"

    def cut_once(self) -> None:
        """Hang up in the middle of the next pack."""

        def cut(handler: Handler) -> None:
            self.manners.pop("pack", None)
            handler.half(stall=False)

        self.manners["pack"] = cut

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up on us is what is being tested."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Front

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_GET(self) -> None:
        self.path, _, self.query = self.path.partition("?")
        agent = self.headers["User-Agent"]
        self.server.agents.add(agent)
        if self.path.endswith("/manifest.js.gz"):
            kind = "manifest"
        elif self.command == "POST":
            kind = "pack"
        else:
            # Git itself asks with the version of its protocol.
            kind = "refs" if "Git-Protocol" in self.headers else "head"
        self.server.asked.append(kind)
        manner = self.server.manners.get(kind)
        if self.path.startswith("/old/"):
            manner = self.server.moved
        if manner:
            manner(self)
        elif kind == "manifest":
            self.give(200, self.manifest())
        else:
            self.give(200, self.backend())

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def give(self, status: int, body: bytes, **headers: str) -> None:
        """Answer with `body`; header names have `_` for `-`."""
        if self.server.validators:
            tag = f'"{hash(body)}"'
            headers["ETag"] = tag
            if self.headers["If-None-Match"] == tag:
                status, body = 304, b""
                self.server.unchanged += 1
        self.start(status, b"" if status == 304 else body, **headers)
        self.wfile.write(body)

    def start(self, status: int, body: bytes, **headers: str) -> None:
        """Send what stands above `body`."""
        kind = "result" if self.command == "POST" else "advertisement"
        usual = {
            "Content_Type": f"application/x-git-upload-pack-{kind}",
            "Content_Length": str(len(body)),
        }
        self.send_response(status)
        for name, value in {**usual, **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def manifest(self) -> bytes:
        epochs = sorted(self.server.folder.glob("git/*.git"))
        return gzip.compress(
            json.dumps({f"/toy/git/{epoch.name}": {} for epoch in epochs}).encode()
        )

    def backend(self) -> bytes:
        """What git answers; empty where it has nothing."""
        _, _, epoch, rest = self.path.split("/", 3)
        length = int(self.headers["Content-Length"] or 0)
        env = {
            "PATH": os.environ["PATH"],
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_PROJECT_ROOT": str(self.server.folder / "git"),
            "PATH_INFO": f"/{epoch}.git/{rest}",
            "QUERY_STRING": self.query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers["Content-Type"] or "",
            "CONTENT_LENGTH": str(length),
            "HTTP_CONTENT_ENCODING": self.headers["Content-Encoding"] or "",
            "GIT_PROTOCOL": self.headers["Git-Protocol"] or "",
        }
        run = subprocess.run(
            ["git", "http-backend"],
            env=env,
            input=self.rfile.read(length),
            capture_output=True,
            check=False,
        )
        head, _, body = run.stdout.partition(b"\r\n\r\n")
        return b"" if head.startswith(b"Status:") else body

    def half(self, *, stall: bool) -> None:
        """Send the first bytes of the right answer, then hang up, or say nothing more."""
        body = self.backend()
        self.start(200, body)
        self.wfile.write(body[:HALF])
        self.wfile.flush()
        self.server.stalled.set()
        if stall:
            self.server.stopping.wait(60)
        self.close_connection = True

    def drip(self) -> None:
        """Send the right answer, a byte every third of a second."""
        body = self.backend()
        self.start(200, body)
        for byte in body:
            self.wfile.write(bytes([byte]))
            if self.server.stopping.wait(0.3):
                return


@contextmanager
def fronting(folder: Path) -> Iterator[Front]:
    """A running server of the inbox in `folder`; it and its threads are gone afterwards."""
    with Front(folder) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.stopping.set()
            server.shutdown()
            thread.join()
