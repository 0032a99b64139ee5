# SPDX-License-Identifier: GPL-2.0-or-later
"""A real public-inbox-netd on loopback: its inboxes by HTTP, NNTP and IMAP, with and without TLS.

It can be killed and started again at the same ports.
"""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.delivery.tls import certificate
from tests.public_inbox import add, environment, needed, run

__all__ = ["TRICKY", "Netd", "mail", "running"]

PROTOCOLS = ("nntp", "nntps", "imap", "imaps", "http")


def mail(number: int, body: str = "Text.\n") -> bytes:
    """A mail of a list."""
    return (
        f"From: A U Thor <author@example.org>\nTo: list@example.org\nSubject: [PATCH] toy: {number}\n"
        f"Date: Mon, 02 Nov 2026 09:00:00 +0000\nMessage-ID: <{number}@example.org>\n\n{body}"
    ).encode()


TRICKY = (
    mail(1, ".\n..\n.one dot\n\n.\n"),
    mail(2, "no end"),
    mail(3, "gr\u00fc\u00dfe \u2028 \x0c\x00\nXref: toy\nPath: of a text\n"),
    mail(4, "x" * 70_000 + "\n"),
    mail(5, "\n"),
    mail(6).replace(
        b"\nTo:", b"\nReferences: <a@example.org>\n\t<b@example.org>\nX-Path: mine\nTo:"
    ),
    mail(7, "\n\n\nblank lines\n\n\n"),
    b"Pathfinder: x\n" + mail(8),
)


class Netd:
    """The server and its inboxes, which are called `toy.0` and so on as news groups."""

    def __init__(self, folder: Path, inboxes: int) -> None:
        self.folder, self.env = folder, environment(folder)
        self.ports = {protocol: free_port() for protocol in PROTOCOLS}
        self.pem, _context = certificate(folder, "127.0.0.1")
        for number in range(inboxes):
            name, address = f"i{number}", f"list{number}@example.org"
            command = ["public-inbox-init", "-V2", "-L", "basic", "--ng", f"toy.n{number}", name]
            run([*command, str(folder / name), f"http://localhost/{name}", address], self.env)
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, protocol: str, number: int = 0) -> str:
        """As of `watch.inboxes`."""
        if protocol == "http":
            return f"http://127.0.0.1:{self.ports['http']}/i{number}/"
        user, folder = ("anonymous@", ".0") if protocol.startswith("imap") else ("", "")
        port = self.ports[protocol]
        return f"{protocol}://{user}127.0.0.1:{port}/toy.n{number}{folder}"

    def add(self, mails: Iterable[bytes], number: int = 0) -> None:
        """Put mails into an inbox, which a running server shows from then on."""
        add(self.folder / f"i{number}", self.env, mails)

    def remove(self, raw: bytes) -> None:
        """Take a mail out of all inboxes, as spam is taken out."""
        run(["public-inbox-learn", "rm", "--all"], self.env, raw)

    def start(self) -> None:
        """Serve, and return once all ports are open."""
        tls = f"cert={self.pem},key={self.pem.with_suffix('.key')}"
        listen = [
            f"-l{name}://127.0.0.1:{port}/" + (f"?{tls}" if name != "http" else "")
            for name, port in self.ports.items()
        ]
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                ["public-inbox-netd", "-W0", *listen], env=self.env, stdout=log, stderr=log
            )
        for port in self.ports.values():
            self._await(port)

    @property
    def pid(self) -> int:
        """Of the running server, which is one process."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """As the power failing would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _await(self, port: int) -> None:
        for _try in range(200):
            try:
                with socket.create_connection(("127.0.0.1", port), 5):
                    return
            except OSError:
                time.sleep(0.05)
        pytest.fail(f"public-inbox-netd: {(self.folder / 'log').read_text()}")


@contextmanager
def running(inboxes: int = 1) -> Iterator[Netd]:
    """A server with empty inboxes."""
    needed()
    with tempfile.TemporaryDirectory(prefix="netd-") as name:
        netd = Netd(Path(name), inboxes)
        try:
            netd.start()
            yield netd
        finally:
            netd.kill()
