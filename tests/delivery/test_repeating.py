# SPDX-License-Identifier: GPL-2.0-or-later
"""A server that repeats the login in what it says: the password reaches neither outbox nor log."""

from __future__ import annotations

import base64
import socket
from pathlib import Path

import pytest

from bot.delivery import deliver
from bot.outgoing import Outcome
from tests.delivery.conftest import ENVELOPE, SETTINGS, Configure
from tests.delivery.listener import Listener

PASSWORD = "s3cret-password"
TOKEN = f"user=bot\x01auth=Bearer {PASSWORD}\x01\x01"


class Repeating(Listener):
    """Refuses every login with the words that it was given."""

    def __init__(self, protocol: str, offered: str = "") -> None:
        self.protocol, self.offered = protocol, offered
        self.heard = b""
        super().__init__()

    def _client(self, peer: socket.socket) -> None:
        peer.settimeout(10)
        smtp = self.protocol == "smtp"
        peer.sendall(
            b"220 localhost ESMTP\r\n" if smtp else b"* OK [CAPABILITY IMAP4rev1] hello\r\n"
        )
        for line in peer.makefile("rb"):
            self.heard += line
            peer.sendall(self._smtp(line) if smtp else self._imap(line))

    def _smtp(self, line: bytes) -> bytes:
        if line.upper().startswith(b"EHLO"):
            return f"250-localhost\r\n250 AUTH {self.offered}\r\n".encode()
        if line.startswith(b"AUTH LOGIN"):  # with the name; what is asked for is the password
            return b"334 UGFzc3dvcmQ6\r\n"
        return b"535 5.7.8 refused: " + line.strip() + b"\r\n"

    def _imap(self, line: bytes) -> bytes:
        tag, _, words = line.strip().partition(b" ")
        if words.startswith(b"CAPABILITY"):
            return b"* CAPABILITY IMAP4rev1\r\n" + tag + b" OK done\r\n"
        return tag + b" NO refused: " + words + b"\r\n"


def check(outcome: Outcome, server: Repeating, *sent: str) -> None:
    """The server has got a secret, and its words come without one."""
    assert any(word.encode() in server.heard for word in sent), server.heard
    assert "refused" in outcome.words
    assert "***" in outcome.words
    for word in (PASSWORD, *sent):
        assert word not in outcome.words


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("offered", "auth", "sent"),
    [("PLAIN", "", f"\0bot\0{PASSWORD}"), ("LOGIN", "", PASSWORD), ("XOAUTH2", "XOAUTH2", TOKEN)],
)
def test_smtp(configure: Configure, offered: str, auth: str, sent: str) -> None:
    with Repeating("smtp", offered) as server:
        account = {"smtpserver": "127.0.0.1", "smtpserverport": server.port}
        configure(**account, smtpuser="bot", smtppass=PASSWORD, smtpauth=auth)
        outcome = deliver(ENVELOPE, SETTINGS)
    check(outcome, server, encoded(sent))


def test_imap(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    with Repeating("imap") as server:
        url = f"imap://bot@127.0.0.1:{server.port}/Drafts"
        settings = SETTINGS._replace(via="imap", imap_url=url, password_file=tmp_path / "password")
        outcome = deliver(ENVELOPE, settings)
    check(outcome, server, PASSWORD)
