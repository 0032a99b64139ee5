# SPDX-License-Identifier: GPL-2.0-or-later
"""An SMTP server on a plain socket that misbehaves where it is told to.

It counts the mails whose final dot it has seen, which is what a mail handed
over means.  It is no model of a good server: aiosmtpd is that.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from typing import BinaryIO

from tests.delivery.listener import Listener

GREETING = "greeting"
DOT = "dot"
GOOD = {
    GREETING: "220 localhost ESMTP",
    "EHLO": "250-localhost\r\n250-8BITMIME\r\n250 SIZE 1000000",
    "MAIL": "250 ok",
    "RCPT": "250 ok",
    "DATA": "354 go on",
    DOT: "250 2.0.0 queued as 4711",
    "QUIT": "221 bye",
    "RSET": "250 ok",
    "STARTTLS": "220 go on",
}


class Scripted(Listener):
    """Answers by `script`: a reply, `hang`, `drop`, or `trickle` for one byte at a time."""

    def __init__(self, script: Mapping[str, str], tls: ssl.SSLContext | None = None) -> None:
        self.script = {**GOOD, **script}
        self.taken: list[bytes] = []
        self.heard: list[str] = []
        self._tls = tls
        super().__init__()
        # What waits to be read is little, so that a lost mail is noticed while it is sent.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    def _client(self, peer: socket.socket) -> None:
        peer.settimeout(10)
        if not self._say(peer, GREETING):
            return
        lines = peer.makefile("rb")
        while line := lines.readline():
            verb = line.split()[0].decode().upper()
            self.heard.append(line.decode().strip())
            if not self._say(peer, verb, line.decode()):
                return
            if verb == "STARTTLS" and self._tls is not None:
                lines.close()
                peer = self._tls.wrap_socket(peer, server_side=True)
                lines = peer.makefile("rb")
            if verb == "QUIT":
                return
            if verb != "DATA" or not self.script["DATA"].startswith("354"):
                continue
            if not self._mail(lines) or not self._say(peer, DOT):
                return

    def _mail(self, lines: BinaryIO) -> bool:
        got: list[bytes] = []
        while line := lines.readline():
            if self.script.get("body") == "drop":
                return False
            if line == b".\r\n":
                self.taken.append(b"".join(got))
                return True
            got.append(line[1:] if line.startswith(b".") else line)
        return False

    def _say(self, peer: socket.socket, step: str, line: str = "") -> bool:
        """Answer; False to end the session."""
        answer = next(
            (self.script[key] for key in self.script if "@" in key and key in line),
            self.script.get(step, "502 what?"),
        )
        if answer == "drop":
            return False
        if answer == "hang":
            self._end.wait(10)
            return False
        if answer == "trickle":
            while not self._end.wait(0.1):
                peer.sendall(b"2")
            return False
        peer.sendall(answer.encode() + b"\r\n")
        return not answer.startswith("421")
