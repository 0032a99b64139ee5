# SPDX-License-Identifier: GPL-2.0-or-later
"""A server on a plain socket that says what it is told to, and misbehaves where it is told to.

It is no model of a good server: public-inbox-netd and Dovecot are that.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping

from tests.delivery.listener import Listener

__all__ = ["GREETING", "Answer", "Mailbox", "News"]

GREETING = "greeting"
ENDLESS = {
    "line": (b"", b"2222"),
    "lines": (b"", b"* 1 EXISTS\r\n"),
    "article": (b"220 2 <2@example.org>\r\n", b"endless\r\n"),
    "literal": (b"* 1 FETCH (UID 1 BODY[] {9000000000}\r\n", b"endless\r\n"),
}
"""How an answer begins, and how it goes on for ever."""
Answer = str | Callable[[str], str]


class Scripted(Listener):
    """Answers lines by `script`, whose keys are found in the line, the first one that is.

    An answer is text with LF line ends and `TAG` for the line's first word, or
    `hang`, `drop`, `silence` for no answer while it goes on, `drip` for one
    byte at a time, or one of `ENDLESS`.
    """

    def __init__(self, script: Mapping[str, Answer], good: Mapping[str, Answer]) -> None:
        self.script = {**script, **{key: good[key] for key in good if key not in script}}
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
        elif answer in ENDLESS:
            start, more = ENDLESS[answer]
            peer.sendall(start)
            while not self._end.is_set():
                peer.sendall(more * 500)
        elif answer not in ("drop", "silence"):
            text = answer.replace("\n", "\r\n").replace("TAG", line.partition(" ")[0])
            peer.sendall(text.encode())
        return answer not in ("hang", "drip", "drop", *ENDLESS)


class News(Scripted):
    """A news server with the articles 1, 2 and 3, but for `script`."""

    def __init__(self, script: Mapping[str, Answer]) -> None:
        super().__init__(script, {
            GREETING: "201 here\n",
            "MODE READER": "201 here\n",
            "GROUP": "211 3 1 3 toy\n",
            "STAT": lambda line: f"223 {line[5:]} <{line[5:]}@example.org>\n",
            "ARTICLE": _article,
        })  # fmt: skip

    @property
    def url(self) -> str:
        """As of `watch.inboxes`."""
        return f"nntp://127.0.0.1:{self.port}/toy"


class Mailbox(Scripted):
    """An IMAP server whose folder has the mails 1, 2 and 3, but for `script`."""

    def __init__(self, script: Mapping[str, Answer]) -> None:
        super().__init__(script, {
            GREETING: "* OK [CAPABILITY IMAP4rev1] here\n",
            "CAPABILITY": "* CAPABILITY IMAP4rev1 IDLE\nTAG OK done\n",
            "LOGIN": "TAG OK in\n",
            "EXAMINE": f"{VALIDITY}{FOLLOWING}TAG OK [READ-ONLY] done\n",
            "RFC822.SIZE": "".join(map(_size, "123")) + "TAG OK done\n",
            "BODY.PEEK": "".join(map(_fetched, "123")) + "TAG OK done\n",
            "LIST": '* LIST () "/" INBOX\nTAG OK done\n',
            "IDLE IDLE": "+ idling\n* OK still here\n* 3 EXISTS\n",
            "DONE": "IDLE OK done\n",
        })  # fmt: skip

    @property
    def url(self) -> str:
        """As of `watch.inboxes`."""
        return f"imap://user@127.0.0.1:{self.port}/INBOX"


VALIDITY = "* OK [UIDVALIDITY 7] is\n"
FOLLOWING = "* OK [UIDNEXT 4] is\n"


def _size(uid: str) -> str:
    return f"* {uid} FETCH (UID {uid} RFC822.SIZE 23)\n"


def _fetched(uid: str) -> str:
    return f"* {uid} FETCH (UID {uid} BODY[] {{23}}\nSubject: {uid}\n\nText.\n)\n".replace(
        "23", "21"
    )


def _article(line: str) -> str:
    number = line.partition(" ")[2]
    if number not in ("1", "2", "3"):
        return "423 no such article\n"
    return f"220 {number} <{number}@example.org>\nSubject: {number}\n\nText.\n.\n"
