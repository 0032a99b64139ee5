# SPDX-License-Identifier: GPL-2.0-or-later
"""The frozen types that travel between sources, review and rendering."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from checks.api import Edition, Finding, Problem, Series

__all__ = ["BY_HAND", "Address", "Mail", "Posting", "Review"]


class Address(NamedTuple):
    """One mailbox of an address header, decoded."""

    name: str
    email: str


BY_HAND = ("", "no")
"""What `Auto-Submitted` says of a person's mail."""


class Mail(NamedTuple):
    """One mail, parsed once at the edge."""

    msgid: str
    """Bare message-id."""
    subject: str
    """Decoded and unfolded, verbatim otherwise (list tag kept)."""
    author: Address
    """Who wrote it, found also behind a relay (`X-Original-From`, `Reply-To`, in-body `From:`)."""
    sender: Address
    """The `From:` header as it is."""
    date: datetime | None
    """Aware; None when missing or unreadable."""
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    in_reply_to: str
    """Bare message-id, empty when there is none."""
    references: tuple[str, ...]
    """Bare message-ids, oldest first; holds the parent, also where only In-Reply-To had it."""
    list_id: str
    auto_submitted: str
    """Value of `Auto-Submitted`, lower case; empty when absent."""
    text: str
    """Body text as a reader sees it: transfer encoding and charset undone, LF, footer kept."""
    problems: tuple[Problem, ...] = ()
    """What could not be read exactly as sent, e.g. an unknown charset."""

    @property
    def automatic(self) -> bool:
        """Whether a program sent it, by its own word (RFC 3834 5)."""
        return self.auto_submitted not in BY_HAND


NO_MAILS: Mapping[str, Mail] = {}


class Posting(NamedTuple):
    """One revision of a series as it was mailed, or as a git range gives it."""

    series: Series
    mails: Mapping[str, Mail] = NO_MAILS
    """Patch mails (and the cover) by message-id."""
    cover: Mail | None = None
    problems: tuple[Problem, ...] = ()
    """Missing, duplicate or damaged parts of this series, and other things left out."""


class Review(NamedTuple):
    """A posting, and all that the bot has to say of it."""

    posting: Posting
    edition: Edition
    edition_reason: str
    context: str
    """`tree` or `diff`: what the rules were able to see."""
    verified: bool | None
    """In `tree` depth: whether git's own hashes confirm the images; None in `diff` depth."""
    findings: tuple[Finding, ...]
    errors: tuple[Problem, ...]
