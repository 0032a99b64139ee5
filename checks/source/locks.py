# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a function holds the reservation lock of the dma-buf it works on.

Four answers: `held`, `free`, `entry` (as when the function was entered) and
`unknown`.  The entry state is worked out afterwards from what the function
does in it: code that takes the lock, or calls what takes it, was entered
without; code that drops or asserts it was entered with it.  Source of the
rules: drivers/dma-buf/dma-buf.c, "DOC: locking convention".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from checks.source import vocabulary
from checks.source.c import Call, Function, as_call
from checks.source.flow import Walk
from checks.source.pattern import pattern

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = [
    "LOCKING",
    "Evidence",
    "Held",
    "LockFacts",
    "Site",
    "is_lock",
    "walk_locks",
]


class Held(Enum):
    """What is known of the lock at one point."""

    HELD = "held"
    FREE = "free"
    ENTRY = "entry"
    UNKNOWN = "unknown"


class _State(NamedTuple):
    held: Held
    variable: str = ""
    """A variable that decides whether the lock was taken; empty when it surely was."""
    when: bool = False
    """The lock is held where the variable is non-zero (trylock); otherwise where it is zero."""
    otherwise: Held = Held.FREE
    """What holds where it was not taken."""


class Evidence(NamedTuple):
    """A call that shows how the function was entered."""

    held: bool
    call: Call


class Site(NamedTuple):
    """A call, and the lock states it can run under."""

    call: Call
    states: frozenset[Held]


class LockFacts(NamedTuple):
    """What one function says of the lock."""

    sites: tuple[Site, ...]
    """Every call in text order."""
    evidence: tuple[Evidence, ...]
    """How it was entered, as its own code shows."""

    @property
    def entry(self) -> Held:
        """The entry state by its own evidence; UNKNOWN when there is none or it disagrees."""
        kinds = {e.held for e in self.evidence}
        if len(kinds) != 1:
            return Held.UNKNOWN
        return Held.HELD if kinds.pop() else Held.FREE

    def resolved(self, site: Site, entry: Held) -> frozenset[Held]:
        """The states of `site` with the entry state put in."""
        return frozenset(entry if state is Held.ENTRY else state for state in site.states)


_RESV_LOCK = pattern(
    r"(?:^|_)resv(?:_\w+)?_(?:try)?lock(?:_interruptible|_slow|_slow_interruptible)?$"
)
_RESV_UNLOCK = pattern(r"(?:^|_)resv(?:_\w+)?_unlock$")
LOCKING = pattern(
    r"resv\w*_(?:try)?(?:un)?lock|resv_assert_held|\b(?:"
    + "|".join(vocabulary.TAKES_RESV)
    + r")\s*\("
)
"""Stands in every function that a walk can learn something from."""
_OBJECT = pattern(r"(?:^|_)(?:bo|gem|obj|object|exec|resv|reservation|ww|vm)s?(?:_|$)")
_TAKES = pattern(r"(?:^|_)(?:lock|reserve|prepare)(?:_|$)")
_DROPS = pattern(r"(?:^|_)(?:unlock|unreserve|fini)(?:_|$)")
_RESULT = "?"
"""Stands for the result of the last call, where a condition tests that."""
_COMPARES = pattern(r" [=!<>]=? ")
_DMABUF = pattern(r"dma_?buf|attach", re.IGNORECASE)


Helpers = Mapping[str, Function]
"""The functions at hand that do something to a lock, by name."""

NO_HELPERS: Helpers = MappingProxyType({})
DEPTH = 2
"""Levels of helpers that are followed."""


class _LockEffects:
    """What calls do to the lock; keeps what was seen on the way."""

    def __init__(self, function: Function, helpers: Helpers, stack: tuple[str, ...]) -> None:
        self.offset = function.offset
        self.helpers = helpers
        self.stack = (*stack, function.name)
        self.sites: dict[int, tuple[Call, set[Held]]] = {}
        self.evidence: dict[int, Evidence] = {}

    def call(self, node: Node, states: frozenset[_State], assigned: str) -> frozenset[_State]:
        call = as_call(node, self.offset)
        if call is None:
            return states
        states = _forget(assigned, _forget(_RESULT, states))
        seen = self.sites.setdefault(node.start_byte, (call, set()))[1]
        seen |= {state.held for state in states}
        name = call.name
        if name.startswith("dma_resv_assert_held") or name == "lockdep_assert_held":
            return (
                self._learn(node, call, states, held=True, after=Held.HELD)
                if _is_ours(call)
                else states
            )
        if name in vocabulary.TAKES_RESV:
            return self._learn(node, call, states, held=False, after=Held.FREE)
        if _RESV_LOCK.search(name):
            return self._lock(node, call, states, assigned)
        if _RESV_UNLOCK.search(name):
            after = Held.FREE if _is_ours(call) else Held.UNKNOWN
            return self._learn(node, call, states, held=True, after=after)
        helper = self.helpers.get(name) if not call.through else None
        if helper is not None and helper.complete and len(self.stack) <= DEPTH:
            return self._help(helper, node, call, states, assigned)
        if _OBJECT.search(name) and (_TAKES.search(name) or _DROPS.search(name)):
            return frozenset({_State(Held.UNKNOWN)}) if states else states
        return states

    def _help(
        self,
        helper: Function,
        node: Node,
        call: Call,
        states: frozenset[_State],
        assigned: str,
    ) -> frozenset[_State]:
        """The states after a helper that is shown: what it does, by a walk of its own."""
        if helper.name in self.stack or not states:
            return states
        effects = _LockEffects(helper, self.helpers, self.stack)
        ends = {
            state.held for state in Walk(effects).run(helper.body, frozenset({_State(Held.ENTRY)}))
        }
        entered = {evidence.held for evidence in effects.evidence.values()}
        if len(entered) == 1 and {s.held for s in states} == {Held.ENTRY}:
            self.evidence[node.start_byte] = Evidence(entered == {True}, call)
        if ends == {Held.ENTRY}:
            return states
        if ends == {Held.HELD, Held.FREE}:  # a lock that can fail, as its result tells
            return frozenset({_State(Held.HELD, assigned or _RESULT, False, Held.FREE)})
        if entered == {False} and Held.HELD in {s.held for s in states}:
            return frozenset({_State(Held.UNKNOWN)})  # it must be another buffer's
        return frozenset({_State(ends.pop() if len(ends) == 1 else Held.UNKNOWN)})

    def _lock(
        self, node: Node, call: Call, states: frozenset[_State], assigned: str
    ) -> frozenset[_State]:
        """The lock is taken, or its result says that it was not."""
        held = Held.HELD if _is_ours(call) else Held.UNKNOWN
        variable = assigned or _RESULT
        if "trylock" in call.name:
            return frozenset(_State(held, variable, True, s.held) for s in states)
        after = self._learn(node, call, states, held=False, after=held)
        missed = Held.FREE if _is_ours(call) else Held.UNKNOWN
        return frozenset(s._replace(variable=variable, otherwise=missed) for s in after)

    def _learn(
        self, node: Node, call: Call, states: frozenset[_State], *, held: bool, after: Held
    ) -> frozenset[_State]:
        """Note what `call` shows of the entry state, and give the state after it."""
        if {s.held for s in states} == {Held.ENTRY} and _is_ours(call):
            self.evidence[node.start_byte] = Evidence(held, call)
        return frozenset({_State(after)}) if states else states

    def assign(self, node: Node, name: str, states: frozenset[_State]) -> frozenset[_State]:
        return _forget(name, states)

    def leave(self, node: Node | None, states: frozenset[_State]) -> None:
        """Nothing is asked about exits."""

    def branch(
        self, condition: str, states: frozenset[_State]
    ) -> tuple[frozenset[_State], frozenset[_State]]:
        is_call = condition.endswith(")") and not _COMPARES.search(condition)
        variable = _RESULT if is_call else condition

        def where(nonzero: bool) -> frozenset[_State]:
            return frozenset(
                s
                if s.variable != variable
                else _State(s.held if s.when == nonzero else s.otherwise)
                for s in states
            )

        return where(True), where(False)


def is_lock(call: Call) -> bool:
    """Whether a call waits for the reservation lock of a dma-buf, by its name and arguments."""
    return "try" not in call.name and _RESV_LOCK.search(call.name) is not None and _is_ours(call)


def _forget(name: str, states: frozenset[_State]) -> frozenset[_State]:
    """A variable with a new value no longer tells whether the lock was taken: assume it was."""
    return frozenset(_State(s.held) if s.variable and s.variable == name else s for s in states)


def _is_ours(call: Call) -> bool:
    """Whether a call is about the reservation object of a dma-buf, by what it is given."""
    return call.name in vocabulary.TAKES_RESV or any(_DMABUF.search(a) for a in call.arguments)


def walk_locks(function: Function, helpers: Helpers = NO_HELPERS) -> LockFacts:
    """Walk `function` and return the lock states of all its calls.

    Parameters
    ----------
    helpers: functions whose calls are followed, by name

    Of a function that is nested deeper than Python's stack nothing is known.
    """
    effects = _LockEffects(function, helpers, ())
    try:
        Walk(effects).run(function.body, frozenset({_State(Held.ENTRY)}))
    except RecursionError:
        return LockFacts((), ())
    sites = tuple(
        Site(call, frozenset(states)) for _, (call, states) in sorted(effects.sites.items())
    )
    return LockFacts(sites, tuple(e for _, e in sorted(effects.evidence.items())))
