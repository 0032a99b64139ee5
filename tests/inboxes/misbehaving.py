# SPDX-License-Identifier: GPL-2.0-or-later
"""A server on a plain socket that says what it is told to, and misbehaves where it is told to.

It is no model of a good server: public-inbox-netd and Dovecot are that.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping

from tests.delivery.listener import Listener

__all__ = ["GREETING", "News", "Scripted"]

GREETING = "greeting"
Answer = str | Callable[[str], str]


class Scripted(Listener):
    """Answers lines by `script`, whose keys are found in the line, the first one that is.

    An answer is text with LF line ends, or `hang`, `drop`, `silence` for no
    answer while it goes on, `drip` for one byte at a time, `line` for one that
    does not end, `block` for an article that does not end.
    """

    def __init__(self, script: Mapping[str, Answer]) -> None:
        self.script = dict(script)
        self.heard: list[str] = []
        self.clients = 0
        super().__init__()

    def _client(self, peer: socket.socket) -> None:
        self.clients += 1
        peer.settimeout(10)
        if not self._say(peer, GREETING):
            return
        with peer.makefile("rb") as lines:
            while line := lines.readline():
                self.heard.append(line.decode().strip())
                if not self._say(peer, self.heard[-1]):
                    return

    def _say(self, peer: socket.socket, line: str) -> bool:
        """Answer; False to end the session."""
        answer = next((self.script[key] for key in self.script if key in line), "500 what?\n")
        answer = answer(line) if callable(answer) else answer
        if answer == "hang":
            self._end.wait(10)
        elif answer == "drip":
            while not self._end.wait(0.1):
                peer.sendall(b"2")
        elif answer == "line":
            while not self._end.is_set():
                peer.sendall(b"2" * 4096)
        elif answer == "block":
            peer.sendall(b"220 2 <2@example.org>\r\n")
            while not self._end.is_set():
                peer.sendall(b"endless\r\n" * 500)
        elif answer not in ("drop", "silence"):
            peer.sendall(answer.replace("\n", "\r\n").encode())
        return answer not in ("hang", "drip", "line", "block", "drop")


class News(Scripted):
    """A news server with the articles 1, 2 and 3, but for `script`."""

    def __init__(self, script: Mapping[str, Answer]) -> None:
        good: dict[str, Answer] = {
            GREETING: "201 here\n",
            "MODE READER": "201 here\n",
            "GROUP": "211 3 1 3 toy\n",
            "STAT": lambda line: f"223 {line[5:]} <{line[5:]}@example.org>\n",
            "ARTICLE": _article,
        }
        super().__init__({**script, **{key: good[key] for key in good if key not in script}})

    @property
    def url(self) -> str:
        """As of `watch.inboxes`."""
        return f"nntp://127.0.0.1:{self.port}/toy"


def _article(line: str) -> str:
    number = line.partition(" ")[2]
    if number not in ("1", "2", "3"):
        return "423 no such article\n"
    return f"220 {number} <{number}@example.org>\nSubject: {number}\n\nText.\n.\n"
