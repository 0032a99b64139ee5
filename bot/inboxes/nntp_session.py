# SPDX-License-Identifier: GPL-2.0-or-later
"""A reader's session with a news server (RFC 3977): groups, and articles by number.

It posts nothing, logs in nowhere and takes no compression.  What the server
put into the header of a mail is taken out again.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple, NoReturn

from bot.delivery.servers import shortened
from bot.errors import ArchiveError
from bot.inboxes import BusyError
from bot.inboxes.wire import MAIL_ROOM, Wire, WireError
from bot.sources.mail import MAIL_CAP

__all__ = ["Article", "Group", "Session"]

LINE = 4096
"""Bytes of an answer's first line; RFC 3977 3.1 allows 512."""
WINDOW = 10
"""Requests that are under way at once, so that the network's delay is not paid for each."""
GONE = (420, 423, 430)
"""There is no such article, or no longer (RFC 3977 6.2.1)."""
OTHER = "use another server, or the inbox by git"
ADVICE = {
    400: "try again later",
    411: "check the group's name; `LIST` in a news reader shows those that there are",
    480: f"it wants a login, which is not supported; {OTHER}",
    483: "it wants TLS; use nntps://",
    502: f"it does not serve us; {OTHER}",
}

_ADDED = re.compile(rb"^(?:xref|newsgroups|path):[^\n]*\n(?:[ \t][^\n]*\n)*", re.I | re.M)
"""What public-inbox-nntpd sets in each article, in place of what the mail may have had there."""


class Group(NamedTuple):
    """What a server says of a group."""

    low: int
    high: int
    """Number of the last article; below `low` where there is none."""


class Article(NamedTuple):
    """A mail, as it was before the news server had it; line ends are LF."""

    number: int
    msgid: str
    """Bare message-id."""
    raw: bytes
    """Not more than one byte over `MAIL_CAP`."""


class Session:
    """Raises `ArchiveError` or `BusyError` without the inbox's name, and what `Wire` raises."""

    def __init__(self, wire: Wire) -> None:
        """Hear the greeting, and say that we only read, which some servers want to know."""
        self._wire = wire
        self._wire.begin()
        self._expect((200, 201))
        self._ask("MODE READER")
        code, words = self._status()
        if code in (400, 480, 483, 502):
            _refused(code, words)

    def group(self, name: str) -> Group:
        """Go into a group."""
        self._ask(f"GROUP {name}")
        words = self._expect((211,)).split()
        if len(words) < 3 or not all(word.isdecimal() for word in words[:3]):
            raise ArchiveError(f"odd answer to GROUP: {shortened(' '.join(words))}; {OTHER}")
        return Group(int(words[1]), int(words[2]))

    def stat(self, which: int | str) -> tuple[int, str]:
        """Number and bare message-id of an article by either; (0, "") where it is not there."""
        self._ask(f"STAT {which}" if isinstance(which, int) else f"STAT <{which}>")
        words = self._expect((223, *GONE), gone=GONE)
        return _named(words) if words else (0, "")

    def articles(self, numbers: Iterable[int]) -> Iterator[Article]:
        """The articles with these numbers, without those that are not there; to be read to the end.

        The requests go ahead of the answers, some at a time.
        """
        under_way: deque[int] = deque()
        rest = iter(numbers)
        while True:
            while len(under_way) < WINDOW and (number := next(rest, None)) is not None:
                self._ask(f"ARTICLE {number}")
                under_way.append(number)
            if not under_way:
                return
            self._wire.begin()
            words = self._expect((220, *GONE), gone=GONE)
            asked = under_way.popleft()
            if words:
                number, msgid = _named(words)
                # public-inbox-nntpd says nothing at all to one that is purged at that moment.
                while number != asked and under_way:
                    asked = under_way.popleft()
                if number != asked:
                    raise WireError(f"the server sent article {number} unasked; try again later")
                yield Article(number, msgid, self._mail())

    def _mail(self) -> bytes:
        """A multi-line block (RFC 3977 3.1.1) as the mail that it is."""
        if self._wire.starts_with(b".\r\n"):
            self._wire.exactly(3, 0)
            return b""
        block = self._wire.until(b"\r\n.\r\n", MAIL_ROOM)
        plain = (b"\r\n" + block + b"\r\n").replace(b"\r\n.", b"\r\n")[2:].replace(b"\r\n", b"\n")
        head, blank, body = plain.partition(b"\n\n")
        return (_ADDED.sub(b"", head + b"\n") + blank[1:] + body)[: MAIL_CAP + 1]

    def _ask(self, line: str) -> None:
        self._wire.begin()
        self._wire.send(f"{line}\r\n".encode())

    def _expect(self, codes: tuple[int, ...], gone: tuple[int, ...] = ()) -> str:
        """The words of an answer with one of `codes`; none when it is one of `gone`."""
        code, words = self._status()
        if code not in codes:
            _refused(code, words)
        return "" if code in gone else words

    def _status(self) -> tuple[int, str]:
        line = self._wire.line(LINE).decode("utf-8", "replace").strip()
        code, _, words = line.partition(" ")
        if len(code) != 3 or not code.isdecimal():
            raise ArchiveError(f"{shortened(line)!r} is no answer of a news server; {OTHER}")
        return int(code), words


def _named(words: str) -> tuple[int, str]:
    """Number and bare message-id, which come first in an answer about one article."""
    number, _, rest = words.partition(" ")
    msgid = rest.partition(" ")[0]
    return int(number) if number.isdecimal() else 0, msgid.removeprefix("<").removesuffix(">")


def _refused(code: int, words: str) -> NoReturn:
    advice = ADVICE.get(code, "try again later; if it stays so, use another server")
    message = f"the server says {code} {shortened(words)}; {advice}"
    if code == 400:
        raise BusyError(message, 0.0)
    raise ArchiveError(message)
