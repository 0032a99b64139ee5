# SPDX-License-Identifier: GPL-2.0-or-later
"""Bring what is there to what is to be there: look, plan, do, and look again.

It ends when a look finds nothing left to do.  So a run that was killed is
finished by the next one, and of two at the same time both end with the same.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection
from typing import NamedTuple

from bot.errors import ForgeError, GoneError, InvalidError, UnsureError
from bot.render.plain import listed
from bot.sources.bounded_http import pause_before
from bot.web.plan import Act, Step, plan
from bot.web.wish import Forge, Remark, There, Wish

__all__ = ["Outcome", "report"]

ROUNDS = 8
"""Looks before giving up; three are enough where nobody else is at work."""
LINES = (Act.ADD_REMARK, Act.EDIT_REMARK, Act.CLOSE_REMARK)


class Outcome(NamedTuple):
    """What became of it."""

    steps: tuple[Step, ...]
    """That were done, in order."""
    refused: tuple[str, ...] = ()
    """Keys of remarks whose line the forge does not show; they are told in the sticky comment."""
    stale: str = ""
    """The newer head, where the request has moved on and nothing was done for that."""

    def words(self) -> str:
        """What was done, in one line."""
        if self.stale:
            return f"left alone: it is at {self.stale[:12]} by now, which another job reviews"
        done = listed(Counter(step.act.value for step in self.steps))
        return f"done{done}" if done else "all is there as it should be"


def report(
    forge: Forge,
    wish: Callable[[Collection[str]], Wish],
    head: str,
    *,
    dry: bool = False,
    blind: bool = False,
    pause: Callable[[float], object] = time.sleep,
) -> Outcome:
    """Make `forge` say what `wish` wants said of the commit `head`.

    Parameters
    ----------
    wish: what is to be there, given the keys of remarks that cannot stand on their line
    head: what was reviewed; where the request is at another commit by now, nothing is done
    dry: do each step once, which the forge only tells of
    blind: do not look, which needs a token; take it that nothing of ours is there (a dry run)
    pause: waits so many seconds after a request that got no answer

    Raises `ForgeError`.
    """
    done: list[Step] = []
    refused: dict[str, None] = {}
    trouble = "is somebody else changing our comments? Run it again"
    for number in range(1, ROUNDS + 1):
        there = There(head, (), ()) if blind else forge.look()
        if there.head != head:
            return Outcome(tuple(done), tuple(refused), there.head)
        steps = plan(wish(refused), there)
        if not steps:
            return Outcome(tuple(done), tuple(refused))
        # The comment for all tells what is on lines, and of which commit: it comes
        # right after a look that has nothing else to do.
        lines = [step for step in steps if step.act in LINES]
        for step in steps if dry else lines or steps:
            try:
                _do(forge, step)
            except InvalidError:
                if step.act is not Act.ADD_REMARK or step.remark is None:
                    raise
                refused[step.remark.key] = None
            except (GoneError, UnsureError) as err:
                trouble = str(err)
                if isinstance(err, UnsureError):
                    pause(max(err.wait, pause_before(number)))
                break
            else:
                done.append(step)
        if dry:
            return Outcome(tuple(done), tuple(refused))
    raise ForgeError(f"still not as it should be after {ROUNDS} looks: {trouble}")


def _do(forge: Forge, step: Step) -> None:
    comment, remark = step.comment, step.remark
    if step.act is Act.ADD_STICKY:
        forge.add_sticky(step.body)
    elif step.act is Act.ADD_REMARK:
        forge.add_remark(_the(remark))
    elif comment is None:
        raise AssertionError(f"{step.act}: of which comment?")
    elif step.act is Act.EDIT_STICKY:
        forge.edit_sticky(comment, step.body)
    elif step.act is Act.REMOVE_STICKY:
        forge.remove_sticky(comment)
    elif step.act is Act.EDIT_REMARK:
        forge.edit_remark(comment, _the(remark))
    else:
        forge.close_remark(comment)


def _the(remark: Remark | None) -> Remark:
    assert remark is not None
    return remark
