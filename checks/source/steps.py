# SPDX-License-Identifier: GPL-2.0-or-later
"""What a function does, step by step along its control flow, helpers included.

A rule about order is a small state machine: it is given every call, store and
return with each state that can reach it, and says what the state is after.
Calls of functions that the series shows whole are followed, with their
parameters replaced by what they are given; a function that nobody shows stays a
single step.  Tests of the function's own parameters are remembered, so that
`if (revoke) ... if (revoke) ...` is not taken for two independent questions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

from checks.source.c import Function, as_call, text_of
from checks.source.flow import Walk
from checks.source.pattern import pattern

if TYPE_CHECKING:
    from tree_sitter import Node

    from checks.source.diff import Line

__all__ = ["Machine", "Step", "follow"]

S = TypeVar("S")
DEPTH = 2
"""Levels of helper functions that are followed."""

MAX_STATES = 64
"""States at one point; a function with more is given up."""

_IDENTIFIER = pattern(r"(?<![\w.>\"])[A-Za-z_]\w*")
_TRUE, _FALSE = frozenset({"true", "1"}), frozenset({"false", "0", "NULL"})


class Step(NamedTuple):
    """One thing that a function does."""

    kind: str
    """`call`, `store`, `return`, or `end` where the body ends without a return."""
    name: str
    """The function called, or what is stored to; as the outermost caller would write it."""
    through: str
    """For a call through a pointer the expression before the member; empty otherwise."""
    arguments: tuple[str, ...]
    value: str
    """What is stored or returned, as written; empty where there is none."""
    assigned: str
    """The variable that takes a call's result."""
    function: Function
    """The one whose text has it: the function asked about, or a helper that was followed."""
    row: int
    """0-based row in the function's fragment."""
    depth: int
    """0 in the function asked about, more in helpers."""
    followed: bool
    """Whether this is a call whose own steps come next."""

    @property
    def line(self) -> Line | None:
        """The diff line it is on; None where the diff does not show it."""
        return self.function.fragment.shown(self.row)


class Machine(Protocol[S]):
    """The states of a rule, which have to be hashable, and what a step makes of them."""

    def step(self, step: Step, state: S) -> Iterable[S]:
        """The states after `step`; none where it does not come back.

        A step can be told several times, also with the same state.
        """

    def test(self, condition: str, truth: bool, state: S) -> S | None:
        """The state where `condition` (as written) is `truth`; None where it cannot be."""


class _Full(NamedTuple, Generic[S]):
    """A machine's state, and which parameters are known to be zero or not."""

    state: S
    known: frozenset[tuple[str, bool]]


class TooManyStates(Exception):
    """The function has more states than anybody wants to wait for."""


def follow(
    function: Function,
    machine: Machine[S],
    start: S,
    resolve: Callable[[str], Function | None] | None = None,
) -> frozenset[S] | None:
    """Walk `function` with `machine` from the state `start`; return the states at its exits.

    Parameters
    ----------
    resolve: gives the function of a name where the series shows it whole, for following calls

    None when the function is nested too deeply or has too many states: nothing is known of it.
    """
    walk = _Steps(function, machine, resolve or (lambda name: None), {}, (function.name,), {})
    try:
        ends = Walk(walk).run(function.body, frozenset({_Full(start, frozenset())}))
    except (RecursionError, TooManyStates):
        return None
    return frozenset(full.state for full in ends)


class _Steps(Generic[S]):
    """Effects of a walk that hand each step to the machine."""

    def __init__(
        self,
        function: Function,
        machine: Machine[S],
        resolve: Callable[[str], Function | None],
        names: Mapping[str, str],
        stack: tuple[str, ...],
        memo: dict[object, frozenset[S]],
    ) -> None:
        self.function = function
        self.machine = machine
        self.resolve = resolve
        self.names = names
        self.stack = stack
        self.memo = memo
        self.parameters = frozenset(p.name for p in function.parameters if p.name)

    def call(self, node: Node, states: frozenset[_Full[S]], assigned: str) -> frozenset[_Full[S]]:
        call = as_call(node, self.function.offset)
        if call is None:
            return states
        callee = self._callee(call.name) if not call.through else None
        arguments = tuple(map(self._renamed, call.arguments))
        after = self._each(
            Step(
                "call",
                call.name,
                self._renamed(call.through),
                arguments,
                "",
                self._renamed(assigned),
                self.function,
                call.row,
                len(self.stack) - 1,
                callee is not None,
            ),
            _forget(assigned, states),
        )
        return self._into(callee, arguments, after) if callee is not None else after

    def _callee(self, name: str) -> Function | None:
        if len(self.stack) > DEPTH or name in self.stack:
            return None
        callee = self.resolve(name)
        return callee if callee is not None and callee.complete else None

    def _into(
        self, callee: Function, arguments: tuple[str, ...], states: frozenset[_Full[S]]
    ) -> frozenset[_Full[S]]:
        """Walk a helper from each of `states`."""
        names = dict(zip((p.name for p in callee.parameters), arguments, strict=False))
        after: set[_Full[S]] = set()
        for full in states:
            key = (callee.name, arguments, full.state)
            if key not in self.memo:
                self.memo[key] = frozenset()  # for a helper that comes back to itself
                inner = _Steps(
                    callee, self.machine, self.resolve, names, (*self.stack, callee.name), self.memo
                )
                ends = Walk(inner).run(callee.body, frozenset({_Full(full.state, frozenset())}))
                self.memo[key] = frozenset(end.state for end in ends)
            after |= {full._replace(state=state) for state in self.memo[key]}
        return _bounded(after)

    def assign(self, node: Node, name: str, states: frozenset[_Full[S]]) -> frozenset[_Full[S]]:
        value = node.child_by_field_name("right") or node.child_by_field_name("value")
        row = node.start_point[0] - self.function.offset
        step = self._plain("store", name, " ".join(text_of(value).split()) if value else "", row)
        return self._each(step, _forget(name, states))

    def leave(self, node: Node | None, states: frozenset[_Full[S]]) -> None:
        if node is None:
            self._each(self._plain("end", "", "", self.function.end), states)
            return
        value = " ".join(" ".join(map(text_of, node.named_children)).split())
        row = node.start_point[0] - self.function.offset
        self._each(self._plain("return", "", value, row), states)

    def branch(
        self, condition: str, states: frozenset[_Full[S]]
    ) -> tuple[frozenset[_Full[S]], frozenset[_Full[S]]]:
        return self._where(condition, True, states), self._where(condition, False, states)

    def _where(
        self, condition: str, truth: bool, states: frozenset[_Full[S]]
    ) -> frozenset[_Full[S]]:
        name = self._renamed(condition)
        if name in (_FALSE if truth else _TRUE):
            return frozenset()
        left = set()
        for full in states:
            if (condition, not truth) in full.known:
                continue
            state = self.machine.test(name, truth, full.state)
            if state is not None:
                known = full.known
                if condition in self.parameters:
                    known |= {(condition, truth)}
                left.add(_Full(state, known))
        return frozenset(left)

    def _plain(self, kind: str, name: str, value: str, row: int) -> Step:
        name, value = self._renamed(name), self._renamed(value)
        depth = len(self.stack) - 1
        return Step(kind, name, "", (), value, "", self.function, row, depth, False)

    def _each(self, step: Step, states: frozenset[_Full[S]]) -> frozenset[_Full[S]]:
        return _bounded(
            full._replace(state=state)
            for full in states
            for state in self.machine.step(step, full.state)
        )

    def _renamed(self, text: str) -> str:
        """`text` with this helper's parameters replaced by what they were given."""
        if not self.names or not text:
            return text
        return _IDENTIFIER.sub(lambda m: self.names.get(m.group(), m.group()), text)


def _forget(name: str, states: frozenset[_Full[S]]) -> frozenset[_Full[S]]:
    """A parameter with a new value is not known any more."""
    if not name:
        return states
    return frozenset(
        full._replace(known=frozenset(k for k in full.known if k[0] != name)) for full in states
    )


def _bounded(states: Iterable[_Full[S]] | Iterator[_Full[S]]) -> frozenset[_Full[S]]:
    found = frozenset(states)
    if len(found) > MAX_STATES:
        raise TooManyStates
    return found
