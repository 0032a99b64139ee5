# SPDX-License-Identifier: GPL-2.0-or-later
"""What is to be there, and what of ours is: the types between review, plan and forge."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from bot.web.whole import Place

__all__ = ["Comment", "Forge", "Remark", "There", "Wish", "same"]


class Remark(NamedTuple):
    """A comment that is to stand on a line."""

    key: str
    """Tells it from others of ours, through all pushes: made of the finding's fingerprint."""
    place: Place
    body: str
    """Markdown, with the mark that it is found by."""


class Wish(NamedTuple):
    """All that is to be there; the same findings give the same bytes."""

    sticky: str
    """Markdown, with its mark, of the one comment that is always edited; empty for none."""
    clean: str
    """What that comment says instead, where it is there and there is nothing to say any more."""
    remarks: tuple[Remark, ...] = ()
    sure: bool = True
    """Whether what is not among them is gone; a rule that failed may only have overlooked it."""


class Comment(NamedTuple):
    """A comment of ours that is there."""

    id: str
    """The forge's own, of the comment or its thread; the lower came first."""
    key: str
    """Of its remark; empty for the sticky one."""
    body: str
    current: bool = True
    """Whether the forge still shows it at a line of the newest diff."""
    answered: bool = False
    """Whether somebody else has said something below it, or marked it as done."""
    closed: bool = False
    """Whether we have marked it as done."""


class There(NamedTuple):
    """What is there."""

    head: str
    """Commit that the request is at now."""
    stickies: tuple[Comment, ...]
    """The oldest first; more than one after two runs at once."""
    remarks: tuple[Comment, ...]
    """The oldest first."""


def same(one: str, other: str) -> bool:
    """Whether two bodies say the same: a forge may give back CRLF, or take blanks away at ends."""
    return _lines(one) == _lines(other)


def _lines(body: str) -> list[str]:
    return [line.rstrip() for line in body.strip().replace("\r\n", "\n").split("\n")]


class Forge(Protocol):
    """A pull or merge request on some forge.

    All raise `ForgeError`; `GoneError` and `UnsureError` make the caller look again.
    """

    def look(self) -> There:
        """What is there now."""

    def add_sticky(self, body: str) -> None:
        """Add the comment that is edited from then on."""

    def edit_sticky(self, comment: Comment, body: str) -> None:
        """Say `body` instead."""

    def remove_sticky(self, comment: Comment) -> None:
        """Take it away: it is there twice."""

    def add_remark(self, remark: Remark) -> None:
        """Add it on its line.  Raises `InvalidError` where the forge does not show that line."""

    def edit_remark(self, comment: Comment, remark: Remark) -> None:
        """Say it in other words at the same place; open again what was closed."""

    def close_remark(self, comment: Comment) -> None:
        """Take it away, or mark it as done: what it says does not hold any more."""
