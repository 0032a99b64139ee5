# SPDX-License-Identifier: GPL-2.0-or-later
"""Stretches of code in which nothing may wait for a reservation lock.

Its holder may wait for a fence; so nothing that leads to the fence's signal may
wait for the lock: between dma_fence_begin_signalling() and
dma_fence_end_signalling(), and in the fence's callbacks.  Source:
drivers/dma-buf/dma-fence.c, "DOC: fence signalling annotation".

Helpers that the series shows are followed; a function that starts above the
hunk is taken to start outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from checks.source.pattern import pattern
from checks.source.steps import Step, follow
from checks.source.vocabulary import NEEDS_RESV, NEEDS_RESV_SINCE_6_2, TAKES_RESV

if TYPE_CHECKING:
    from checks.source.c import Function
    from checks.source.change import FileChange
    from checks.source.program import Program

__all__ = ["FENCE_WORDS", "Signalling", "signalling_steps"]

BEGIN, END = "dma_fence_begin_signalling", "dma_fence_end_signalling"
ADD_CALLBACK = "dma_fence_add_callback"
FENCE_OPS = "dma_fence_ops"
FENCE_WORDS = (BEGIN, ADD_CALLBACK, FENCE_OPS)
"""One of these stands in a series that shows where a signalling section is."""

_ATOMIC_OPS = ("enable_signaling", "signaled", "release")
"""Callbacks of a fence that run with its spinlock held, or wherever the last reference goes."""
_ADDS = pattern(rf"\b{ADD_CALLBACK}\s*\(")
_BEGINS = pattern(rf"\b{BEGIN}\s*\(")


class Signalling(NamedTuple):
    """A call in a signalling critical section."""

    function: Function
    """The one that was walked; the call can be in a helper of it."""
    step: Step
    where: str
    """Which section it is, as words after a preposition of place."""


class _Section:
    """Collects what happens while the state is True; `switch` says how a call changes it."""

    def __init__(self, switch: Callable[[Step, bool], bool], wanted: Callable[[str], bool]) -> None:
        self.switch = switch
        self.wanted = wanted
        self.found: dict[tuple[int, int, str], Step] = {}

    def step(self, step: Step, state: bool) -> Iterable[bool]:
        if step.kind != "call" or step.through:
            return (state,)
        if state and not step.followed and self.wanted(step.name):
            self.found[id(step.function.fragment), step.row, step.name] = step
        return (self.switch(step, state),)

    def test(self, condition: str, truth: bool, state: bool) -> bool:
        return state

    def walk(
        self, function: Function, start: bool, resolve: Callable[[str], Function | None]
    ) -> Iterator[Step]:
        """The steps found in `function`; none when it is given up."""
        if follow(function, self, start, resolve) is not None:
            yield from self.found.values()


def signalling_steps(file: FileChange, program: Program) -> tuple[Signalling, ...]:
    """The calls in the signalling sections of `file` that wait for or need a reservation lock."""
    if not any(map(file.after.has, FENCE_WORDS)):
        return ()
    return file.once("signalling", partial(_signalling_steps, file, program))


def _waits_for_lock(name: str) -> bool:
    needs = name in NEEDS_RESV or name in NEEDS_RESV_SINCE_6_2 or name in TAKES_RESV
    return needs or name.startswith("dma_resv_lock")


def _signalling_steps(file: FileChange, program: Program) -> Iterator[Signalling]:
    resolve = program.resolver(file)
    for function, op in _fence_callbacks(file):
        section = _Section(lambda step, state: state, _waits_for_lock)
        for step in section.walk(function, True, resolve):
            yield Signalling(function, step, f"in {function.name}(), {op}")
    for function in file.after.functions_with(_BEGINS):
        section = _Section(_annotated, _waits_for_lock)
        for step in section.walk(function, False, resolve):
            yield Signalling(function, step, f"between {BEGIN}() and {END}()")


def _annotated(step: Step, state: bool) -> bool:
    return step.name == BEGIN or (state and step.name != END)


def _fence_callbacks(file: FileChange) -> Iterator[tuple[Function, str]]:
    """The functions of `file` that a fence calls, and as what."""
    named = {
        member.value: f"a &{FENCE_OPS}.{member.name} callback"
        for initialiser in file.after.initialisers
        if initialiser.struct == FENCE_OPS
        for member in initialiser.members
        if member.name in _ATOMIC_OPS
    }
    for function in file.after.functions_with(_ADDS):
        for call in function.calls:
            if call.name == ADD_CALLBACK and len(call.arguments) == 3:
                named[call.arguments[2].lstrip("&")] = "a callback of a fence"
    if named:
        yield from ((f, named[f.name]) for f in file.after.functions if f.name in named)
