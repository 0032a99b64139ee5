# SPDX-License-Identifier: GPL-2.0-or-later
"""Where an exporter tells its importers, and what it does on the way from there to its exits.

What a helper does that nobody shows is kept apart from what is known to be
missing, and a path on which importers are let in again is no revoke.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from checks.source.c import Function
from checks.source.pattern import pattern
from checks.source.revoke import (
    DROPS,
    LOCKS,
    UNLOCKS,
    UNMAP_WAITS,
    admits,
    exporters,
    flag_store,
    resolver,
    roots,
    same_buffer,
)
from checks.source.steps import Step, follow
from checks.source.vocabulary import NOTIFY

if TYPE_CHECKING:
    from checks.api import Patch, Series
    from checks.source.change import FileChange
    from checks.source.diff import Line

__all__ = ["Site", "Told", "Wait", "line_with", "told"]

MAX_CALL_ROWS = 6
"""Rows over which a call's arguments are spread at most."""

_EARLY = pattern(r"_timeout|_interruptible|_killable|_freezable")
_SIGNALS = pattern(r"(?:_interruptible|_killable|_freezable)\w*")
_MAPS = pattern(
    r"(?:^|[^a-z])(?:nr_?|num_?|n_?)?(?:un)?map(?:s|ped|pings?|_?count|_?cnt)?(?![a-z])",
    re.IGNORECASE,
)
_SLEEP = pattern(
    r"^(?:m|u|f|n)?sleep(?:_range)?$|^(?:schedule|io_schedule|cond_resched|cpu_relax|yield)"
)
_MAY_WAIT = pattern(
    r"wait|drain|quiesce|flush|sync(?!hronize_r?cu)|idle|unmap(?!_mapping)|cancel_\w*work|suspend",
    re.IGNORECASE,
)
_RELEASE = pattern(
    r"(?:^|_)(?:put|free|kfree|kvfree|vfree|destroy|release|unregister|remove|teardown|disable|reset|iounmap)(?:_|$)"
)
_KEEPS = pattern(
    r"^(?:fput|dma_buf_put|kref_put|refcount_|atomic_|percpu_ref|list_|hlist_|xa_|idr_|ida_)"
)
"""Balances the reference that the walk itself holds, or is no release of what is mapped."""


class Site(NamedTuple):
    """A call that tells the importers."""

    function: str
    line: int
    """1-based line in the file."""


class Wait(NamedTuple):
    """A wait after the importers were told."""

    step: Step
    buffer: str
    """The dma-buf they were told about, as the outermost caller writes it."""


class _State(NamedTuple):
    site: Site | None = None
    buffer: str = ""
    flag: str = ""
    """What the flag that says no to new mappings was last set to."""
    locked: bool = True
    fenced: bool = False
    released: bool = False
    """Whether something was released before a wait for fences."""
    waited: bool = False
    timed: int = 0
    """1 + index of a wait that can have run into its timeout; 0 for none."""
    timer: str = ""
    """The variable with the result of that wait."""
    looked: bool = False
    """Whether a condition has looked at it."""
    dropped: str = ""
    """The count that was dropped, and the lock still held."""

    @property
    def restores(self) -> bool:
        return admits(self.flag)


class Told:
    """What all walks over a file's functions found, by the place that tells the importers."""

    def __init__(self) -> None:
        self.sites: dict[Site, tuple[Function, Step]] = {}
        self.revokes: set[Site] = set()
        """Sites that a path reaches on which the flag was not cleared."""
        self.flagged: set[Site] = set()
        """Those of them that a path reaches on which the flag was set."""
        self.fenced: set[Site] = set()
        """Sites with a path to a wait for fences, or to what may be one."""
        self.unfenced: dict[Site, Step] = {}
        """Sites with a path to an unlock or to the end without one; the step that shows it."""
        self.late: dict[Site, Step] = {}
        """Waits for fences that come after something was released on the same path."""
        self.waited: set[Site] = set()
        """Sites with a path to a wait for unmap, or to what may be one."""
        self.unwaited: dict[Site, Step] = {}
        """Sites with a path to a release or to the end without one; the step that shows it."""
        self.fence_waits: list[tuple[Site, Wait]] = []
        """Calls of dma_resv_wait_timeout() on the reservation object of the dma-buf told of."""
        self.timeouts: dict[tuple[Site, Function, int], Step] = {}
        """Waits for unmap that go on after a timeout; the waiting step."""
        self.locked: dict[tuple[Site, Function, int], Step] = {}
        """Waits for the mappings to go with the reservation lock held."""

    def add(self, other: Told, *, known: bool) -> None:
        """Add what the walk from another function found; of one that was given up, only doubts."""
        self.sites |= other.sites
        if not known:
            self.fenced |= other.sites.keys()
            self.waited |= other.sites.keys()
            return
        self.revokes |= other.revokes
        self.flagged |= other.flagged
        self.fenced |= other.fenced
        self.waited |= other.waited
        self.fence_waits += other.fence_waits
        self.unfenced = other.unfenced | self.unfenced
        self.unwaited = other.unwaited | self.unwaited
        self.late |= other.late
        self.timeouts |= other.timeouts
        self.locked |= other.locked


class _Watch:
    """The machine that notes what follows a call that tells the importers."""

    def __init__(self, file: FileChange, root: Function, found: Told) -> None:
        self.fragments = file.after.fragments
        self.root = root
        self.ends = root.fragment.texts[root.end].startswith("}")
        self.found = found
        self.waits: list[tuple[Site, Step]] = []

    def step(self, step: Step, state: _State) -> Iterator[_State]:
        stored = flag_store(step)
        if stored is not None or step.kind == "store":
            yield state._replace(flag=stored[1]) if stored is not None else state
        elif step.kind != "call":
            if step.depth == 0:
                self._leaves(step, state)
            yield state
        elif step.name in NOTIFY and not step.through and step.arguments:
            yield self._tells(step, state)
        elif state.site is None:
            locks = LOCKS.search(step.name) is not None
            yield state._replace(locked=True) if locks else state
        else:
            yield self._after(step, state, state.site)

    def _tells(self, step: Step, state: _State) -> _State:
        fragment = step.function.fragment
        if not any(fragment is own for own in self.fragments):
            return _State(flag=state.flag)  # another file's, which is asked for itself
        site = Site(step.function.name, fragment.first + step.row)
        self.found.sites[site] = (step.function, step)
        if not state.restores:
            self.found.revokes.add(site)
            if state.flag:
                self.found.flagged.add(site)
        return _State(site, step.arguments[0], state.flag)

    def _after(self, step: Step, state: _State, site: Site) -> _State:
        name = step.name
        if name == "dma_resv_wait_timeout":
            if (
                step.arguments
                and not state.restores
                and same_buffer(self.root, step.arguments[0], state.buffer)
            ):
                self.found.fence_waits.append((site, Wait(step, state.buffer)))
            if state.released:
                self.found.late.setdefault(site, step)
            self.found.fenced.add(site)
            return state._replace(fenced=True)
        if UNMAP_WAITS.search(name):
            return self._waits(step, state, site)
        if LOCKS.search(name):
            return state._replace(locked=True)
        if UNLOCKS.search(name):
            if not state.fenced and not state.restores:
                self.found.unfenced.setdefault(site, step)
            return state._replace(locked=False)
        if DROPS.search(name) and state.locked and step.arguments:
            return state._replace(dropped=step.arguments[0])
        if not step.followed and (_MAY_WAIT.search(name) or _SLEEP.search(name)):
            self.found.fenced.add(site)
            self.found.waited.add(site)
            return state._replace(fenced=True, waited=True, timed=0)
        if _RELEASE.search(name) and not _KEEPS.search(name) and not state.locked:
            self._goes_on(step, state, site)
            return state._replace(released=state.released or not state.fenced)
        return state

    def _waits(self, step: Step, state: _State, site: Site) -> _State:
        of_maps = state.dropped or any(map(_MAPS.search, step.arguments))
        if state.locked and of_maps and not state.restores:
            self.found.locked[(site, step.function, step.row)] = step
        if not _EARLY.search(step.name):
            self.found.waited.add(site)
            return state._replace(waited=True, timed=0)
        if (site, step) not in self.waits:
            self.waits.append((site, step))
        index = self.waits.index((site, step)) + 1
        self.found.waited.add(site)
        return state._replace(waited=True, timed=index, timer=step.assigned, looked=False)

    def _goes_on(self, step: Step, state: _State, site: Site) -> None:
        """What is mapped can go away now."""
        if state.restores:
            return
        if state.timed:
            wait = self.waits[state.timed - 1][1]
            self.found.timeouts[(site, wait.function, wait.row)] = wait
        if not state.waited:
            self.found.unwaited.setdefault(site, step)

    def _leaves(self, step: Step, state: _State) -> None:
        """The outermost function is left; of one that the hunk cuts nothing is known then."""
        failed = step.kind == "return" and (
            step.value.startswith(("-E", "ERR_PTR")) or step.value == state.timer != ""
        )
        if state.site is None or failed:
            return
        if step.kind != "return" and not self.ends:
            if state.timed and not state.looked:
                self._goes_on(step, state, state.site)
            return
        if not state.fenced and not state.restores:
            self.found.unfenced.setdefault(state.site, step)
        self._goes_on(step, state, state.site)

    def test(self, condition: str, truth: bool, state: _State) -> _State | None:
        if state.flag and condition == state.flag:
            return state._replace(flag="true" if truth else "false")
        if state.timed:
            wait = self.waits[state.timed - 1][1]
            timer = state.timer or f"{wait.name}("
            direct = condition == timer or (not state.timer and condition.startswith(timer))
            if direct:
                if wait.name.endswith("_timeout") and _SIGNALS.search(wait.name):
                    return state._replace(timed=0)  # three results, which one test may tell apart
                over = truth != (_SIGNALS.search(wait.name) is not None)
                return state._replace(timed=0 if over else state.timed, looked=True)
        return state


def told(series: Series) -> Iterator[tuple[Patch, FileChange, Told]]:
    """Yield the files of exporters, with what follows where they tell importers."""
    for patch, file in exporters(series):
        yield patch, file, file.once("told", partial(_told, series, file))[0]


def _told(series: Series, file: FileChange) -> Iterator[Told]:
    found = Told()
    for near, root in roots(series, file):
        seen = Told()
        ends = follow(root, _Watch(file, root, seen), _State(), resolver(series, near))
        found.add(seen, known=ends is not None)
    yield found


def line_with(step: Step, text: str) -> Line | None:
    """The diff line on which the argument `text` of a call stands; None where it is not shown."""
    fragment = step.function.fragment
    for row in range(step.row, min(step.row + MAX_CALL_ROWS, len(fragment.texts))):
        if text in fragment.texts[row]:
            return fragment.shown(row)
    return step.line
