# SPDX-License-Identifier: GPL-2.0-or-later
"""A request on a forge, in memory, and runs on it that take turns at every call.

Which run is next, and what goes wrong, is drawn from a seed.  It is a port for
`bot.web.report`: how requests look is for the servers of tests/forges.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from threading import Semaphore, Thread
from typing import NamedTuple

from bot.errors import ForgeError, GoneError, InvalidError, UnsureError
from bot.web.report import report
from bot.web.whole import Place
from bot.web.wish import Comment, Remark, There, Wish

__all__ = ["Chaos", "World", "wish_of"]

PLACE = Place("a.c", "a.c", "new", None, 1)


def wish_of(keys: Collection[str], head: str = "h1") -> Callable[[Collection[str]], Wish]:
    """What is to be there for findings with these keys."""

    def wish(refused: Collection[str]) -> Wish:
        on_lines = [key for key in keys if key not in refused]
        remarks = tuple(Remark(key, PLACE, f"say {key}") for key in on_lines)
        words = " ".join(key if key in on_lines else f"({key})" for key in keys)
        return Wish(f"{head}: {words}" if keys else "", f"{head}: nothing", remarks)

    return wish


class Chaos(NamedTuple):
    """How likely it is that a call goes wrong in each way."""

    killed: float = 0.0
    lost: float = 0.0
    lag: float = 0.0
    """That a look does not see what was added last."""
    removed: float = 0.0
    """That a person takes away a comment of ours before the call."""


CALM = Chaos()


class Killed(BaseException):
    """The run is no more."""


class Item:
    """A comment of ours."""

    def __init__(self, number: int, key: str, body: str) -> None:
        self.number, self.key, self.body = number, key, body
        self.answered = self.closed = False

    @property
    def comment(self) -> Comment:
        return Comment(str(self.number), self.key, self.body, True, self.answered, self.closed)


class World:
    """The request."""

    def __init__(self, seed: int, outside: Collection[str] = ()) -> None:
        self.chance = random.Random(seed)
        self.items: list[Item] = []
        self.head = "h1"
        self.outside = outside
        """Keys whose line the forge does not show."""
        self._last = 0

    @property
    def stickies(self) -> list[Item]:
        return [item for item in self.items if not item.key]

    @property
    def remarks(self) -> list[Item]:
        """Those that are open."""
        return [item for item in self.items if item.key and not item.closed]

    def add(self, key: str, body: str) -> None:
        if key in self.outside:
            raise InvalidError("outside the diff")
        self._last += 1
        self.items.append(Item(self._last, key, body))

    def find(self, comment: Comment) -> Item:
        for item in self.items:
            if str(item.number) == comment.id:
                return item
        raise GoneError("404")

    def there(self, lag: bool) -> There:
        seen = self.items[:-1] if lag else self.items
        stickies = tuple(item.comment for item in seen if not item.key)
        return There(self.head, stickies, tuple(item.comment for item in seen if item.key))

    def run(
        self, wishes: Collection[Callable[[Collection[str]], Wish]], chaos: Chaos = CALM
    ) -> list[str]:
        """Let runs, one for each of `wishes`, take turns to their ends; how each ended."""
        runs = [_Run(self, wish, chaos) for wish in wishes]
        for run in runs:
            run.start()
        while waiting := [run for run in runs if run.is_alive()]:
            self.chance.choice(waiting).turn()
        return [run.end for run in runs]


class _Run(Thread):
    """One run, which is also the forge that it speaks to."""

    def __init__(self, world: World, wish: Callable[[Collection[str]], Wish], chaos: Chaos) -> None:
        super().__init__(daemon=True)
        self.world, self.wish, self.chaos = world, wish, chaos
        self.end = ""
        self._may, self._done = Semaphore(0), Semaphore(0)

    def run(self) -> None:
        self._may.acquire()
        try:
            done = report(self, self.wish, "h1", pause=lambda seconds: None)
            self.end = "stale" if done.stale else "well"
        except ForgeError as err:
            self.end = str(err)
        except Killed:
            self.end = "killed"
        self._done.release()

    def turn(self) -> None:
        """Let it go on to its next call, or its end."""
        self._may.release()
        self._done.acquire()
        if self.end:
            self.join()

    def _call(self, deed: Callable[[], object]) -> None:
        """One request that changes something."""
        self._yield()
        world, chaos = self.world, self.chaos
        before, after = world.chance.random(), world.chance.random()
        if before < chaos.killed:
            raise Killed
        if before < chaos.killed + chaos.lost:
            raise UnsureError("no answer")
        deed()
        if after < chaos.killed:
            raise Killed
        if after < chaos.killed + chaos.lost:
            raise UnsureError("no answer")

    def _yield(self) -> None:
        """Let others have their turn."""
        self._done.release()
        self._may.acquire()
        if self.world.items and self.world.chance.random() < self.chaos.removed:
            self.world.items.remove(self.world.chance.choice(self.world.items))

    def look(self) -> There:
        self._yield()
        return self.world.there(self.world.chance.random() < self.chaos.lag)

    def add_sticky(self, body: str) -> None:
        self._call(lambda: self.world.add("", body))

    def edit_sticky(self, comment: Comment, body: str) -> None:
        self._call(lambda: setattr(self.world.find(comment), "body", body))

    def remove_sticky(self, comment: Comment) -> None:
        self._call(lambda: self._remove(comment))

    def add_remark(self, remark: Remark) -> None:
        self._call(lambda: self.world.add(remark.key, remark.body))

    def edit_remark(self, comment: Comment, remark: Remark) -> None:
        def edit() -> None:
            item = self.world.find(comment)
            item.body, item.closed = remark.body, False

        self._call(edit)

    def close_remark(self, comment: Comment) -> None:
        self._call(lambda: self._remove(comment))

    def _remove(self, comment: Comment) -> None:
        try:
            item = self.world.find(comment)
        except GoneError:
            return  # as the forges have it
        self.world.items.remove(item)
