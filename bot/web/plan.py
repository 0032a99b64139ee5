# SPDX-License-Identifier: GPL-2.0-or-later
"""From what is there and what is to be there: the steps between.  Pure.

Nothing that is right already is touched, so that a second run has no steps.
What somebody has answered stays, and so does what may only have been
overlooked.  Of what is there twice, after two runs at the same time, the oldest
stays; both runs choose the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from bot.web.wish import Comment, Remark, There, Wish, same

__all__ = ["Act", "Step", "plan"]


class Act(StrEnum):
    """What a step does."""

    ADD_STICKY = "add the comment"
    EDIT_STICKY = "edit the comment"
    REMOVE_STICKY = "remove a second comment"
    ADD_REMARK = "comment on a line"
    EDIT_REMARK = "edit a comment on a line"
    CLOSE_REMARK = "close a comment on a line"


class Step(NamedTuple):
    """One change of what is there."""

    act: Act
    comment: Comment | None = None
    """That is changed; None for a new one."""
    remark: Remark | None = None
    body: str = ""
    """Of the sticky comment."""


def plan(wish: Wish, there: There) -> tuple[Step, ...]:
    """The steps from `there` to `wish`, comments on lines first: the sticky one tells of them."""
    return (*_remarks(wish, there), *_stickies(wish, there))


def _remarks(wish: Wish, there: There) -> Iterator[Step]:
    wanted = {remark.key: remark for remark in wish.remarks}
    kept: dict[str, Comment] = {}
    for comment in sorted(there.remarks, key=lambda one: (not one.answered, not one.current)):
        # One that was answered is the first choice, then one that is still shown.
        useful = comment.current or comment.answered
        if comment.key in wanted and comment.key not in kept and useful:
            kept[comment.key] = comment
        elif not wish.sure and comment.key not in wanted:
            continue
        elif not comment.answered and not comment.closed:
            yield Step(Act.CLOSE_REMARK, comment)
    for remark in wish.remarks:
        known = kept.get(remark.key)
        if known is None:
            yield Step(Act.ADD_REMARK, None, remark)
        elif not known.answered and (known.closed or not same(known.body, remark.body)):
            yield Step(Act.EDIT_REMARK, known, remark)


def _stickies(wish: Wish, there: There) -> Iterator[Step]:
    for comment in there.stickies[1:]:
        yield Step(Act.REMOVE_STICKY, comment)
    first = there.stickies[0] if there.stickies else None
    if first is not None and not wish.sticky and not wish.sure:
        return
    body = wish.sticky or wish.clean
    if first is None:
        if wish.sticky:
            yield Step(Act.ADD_STICKY, None, None, body)
    elif not same(first.body, body):
        yield Step(Act.EDIT_STICKY, first, None, body)
