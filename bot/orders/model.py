# SPDX-License-Identifier: GPL-2.0-or-later
"""The frozen types of orders by mail: what is asked, what it is about, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from bot.outgoing import Envelope, Kind

__all__ = ["NO_NUMBER", "Answered", "Asked", "Heard", "Known", "Notice", "Order", "Outcome"]

NO_NUMBER = -1


class Order(NamedTuple):
    """One line that begins with `#revokebot`."""

    line: str
    """As it is written, without its end; a long one is cut."""
    word: str = ""
    """What is to be done: `dismiss`, `recheck`, ...; empty where `wrong` says why not."""
    target: str = ""
    """Rule of `dismiss` and `explain`; `author` of `stop` and `start`; address or list."""
    number: int = NO_NUMBER
    """Of a reply, for `approve` and `discard`."""
    reason: str = ""
    """A person's words."""
    wrong: str = ""
    """Why it is no order that could be obeyed."""


class Answered(NamedTuple):
    """The mail of ours that a mail with orders answers."""

    id: int
    """Of the reply in the outbox."""
    kind: Kind
    subject: str
    author: str
    """Address of whom it answered, lower case."""
    series: str
    """Bare message-id of the series that it tells of; empty for none."""
    files: tuple[str, ...]
    """What that series touches."""


class Outcome(NamedTuple):
    """What came of one order."""

    line: str
    done: bool
    words: str
    """One line: what was done, or why not."""


class Heard(NamedTuple):
    """What came of the orders of one mail."""

    msgid: str
    """Bare message-id of the mail."""
    author: str
    """Address in its `From:`, lower case."""
    outcomes: tuple[Outcome, ...]
    recheck: str = ""
    """Bare message-id of a series that is to be reviewed again and was not yet; else empty."""
    again: bool = False
    """The name servers did not answer, so nothing is kept: try the mail again in some minutes."""
    fresh: bool = True
    """It was not heard before."""

    @property
    def accepted(self) -> int:
        return sum(one.done for one in self.outcomes)

    @property
    def ignored(self) -> int:
        return len(self.outcomes) - self.accepted


class Known(NamedTuple):
    """What the outbox knows of a mail with orders before it is judged."""

    heard: Heard | None
    """What came of it, where it was heard already."""
    answered: Answered | None
    """The mail of ours that it answers; None where it answers none."""


class Notice(NamedTuple):
    """A mail of ours that tells of no review."""

    envelope: Envelope
    subject: str
    parent: str
    """Bare message-id of the mail that it answers; its own where it answers none."""


class Asked(NamedTuple):
    """A mail with orders, as it is put before the outbox."""

    msgid: str
    author: str
    """Address in its `From:`, lower case."""
    copy: str
    """Hash of all its bytes."""
    content: str
    """Hash of what its signature covers at all times: who says what, and when."""
    parents: tuple[str, ...]
    """Bare message-ids of the mails that it answers, the nearest first."""
    operator: bool = False
    """The author is one of `orders.operators`."""
    answered: Answered | None = None
    answer: Notice | None = None
    """What is sent to the author where an order asks for an answer."""
    date: datetime | None = None
    """Aware; what its `Date:` says."""
