# SPDX-License-Identifier: GPL-2.0-or-later
"""A real name server on loopback that knows a few DKIM keys, and one that never answers.

Needs Debian's `dnsmasq-base`.  Where it is missing the tests are skipped with
a line that names the package; under CI=true that is a failure.
"""

from __future__ import annotations

import os
import select
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import dns.exception
import dns.message
import dns.query
import pytest

from tests.conftest import absent

__all__ = ["Silent", "serving", "silent"]

PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"
ZONES = ("example.org", "example.net")
"""What is not there in these does not exist; about others the server refuses to speak."""


@contextmanager
def serving(folder: Path, records: Mapping[str, bytes]) -> Iterator[str]:
    """ADDRESS:PORT of a server with these TXT records, by name."""
    program = shutil.which("dnsmasq", path=PATH)
    if program is None:
        absent("dnsmasq not found: apt-get install dnsmasq-base")
    port = _free_port()
    command = [
        program, "-k", "-C", "/dev/null", f"--port={port}", "--listen-address=127.0.0.1",
        "--bind-interfaces", "--no-resolv", "--no-hosts", "--pid-file=",
        *(f"--local=/{zone}/" for zone in ZONES),
        *(f"--txt-record={name},{_strings(value)}" for name, value in records.items()),
    ]  # fmt: skip
    with (
        open(folder / "dnsmasq.log", "wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as server,
    ):
        try:
            _await(port, next(iter(records)), folder / "dnsmasq.log")
            yield f"127.0.0.1:{port}"
        finally:
            server.kill()


class Silent(NamedTuple):
    """A server that takes questions and never answers."""

    socket: socket.socket

    @property
    def address(self) -> str:
        """ADDRESS:PORT."""
        return f"127.0.0.1:{self.socket.getsockname()[1]}"

    @property
    def asked(self) -> bool:
        """Whether somebody has asked it since the last look."""
        return bool(select.select([self.socket], [], [], 0)[0] and self.socket.recv(4096))


@contextmanager
def silent() -> Iterator[Silent]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        yield Silent(server)


def _strings(value: bytes) -> str:
    """A TXT record is made of strings of 255 bytes at most."""
    pieces = [value[start : start + 250].decode() for start in range(0, len(value), 250)]
    return ",".join(pieces)


def _free_port() -> int:
    """A port that is free for both protocols, as far as one can tell."""
    with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        stream.bind(("127.0.0.1", 0))
        port: int = stream.getsockname()[1]
        datagrams.bind(("127.0.0.1", port))
        return port


def _await(port: int, name: str, log: Path) -> None:
    question = dns.message.make_query(name, "TXT")
    for _try in range(100):
        try:
            dns.query.udp(question, "127.0.0.1", timeout=0.1, port=port)
        except (dns.exception.Timeout, OSError):
            continue
        return
    pytest.fail(f"dnsmasq does not answer: {log.read_text()}")
