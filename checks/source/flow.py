# SPDX-License-Identifier: GPL-2.0-or-later
"""Walk a function's syntax tree along its control flow, with a set of states.

Branches, loops, switches, early returns and goto labels are followed; a loop
body is walked twice and the whole function until the labels' states no longer
grow.  What a state is, and what a call does to it, is the caller's business
(`Effects`); nothing here knows about locks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = ["Effects", "Walk"]

S = TypeVar("S")
MAX_PASSES = 8
"""Walks over one function until its labels are stable; real code needs two or three."""

_WRAPPERS = frozenset({"likely", "unlikely", "WARN_ON", "WARN_ON_ONCE", "READ_ONCE"})
_ZERO = frozenset({"0", "NULL", "false"})


class Effects(Protocol[S]):
    """What the walk asks of its owner."""

    def call(self, node: Node, states: frozenset[S], assigned: str) -> frozenset[S]:
        """States after a call; `assigned` is the variable that takes its result, or empty."""

    def assign(self, node: Node, name: str, states: frozenset[S]) -> frozenset[S]:
        """States after `name` got a value that no call gave; `node` is what stores it."""

    def branch(self, condition: str, states: frozenset[S]) -> tuple[frozenset[S], frozenset[S]]:
        """States where `condition` is non-zero and where it is zero.

        It is a variable, a member, a call or a comparison, as written; negation,
        `&&` and `||` are taken apart before.
        """

    def leave(self, node: Node | None, states: frozenset[S]) -> None:
        """The function is left with `states`: at a return statement, or at its end (None)."""


class Walk(Generic[S]):
    """One walk; `run` gives the states at the function's exits."""

    def __init__(self, effects: Effects[S]) -> None:
        self.effects = effects
        self.labels: dict[str, frozenset[S]] = defaultdict(frozenset)
        self.exits: frozenset[S] = frozenset()
        self._breaks: list[frozenset[S]] = []
        self._continues: list[frozenset[S]] = []

    def run(self, body: Node, entry: frozenset[S]) -> frozenset[S]:
        """Walk `body` from the states `entry`; return the states at its exits."""
        for _ in range(MAX_PASSES):
            before = dict(self.labels)
            end = self._statement(body, entry)
            self.effects.leave(None, end)
            self.exits |= end
            if dict(self.labels) == before:
                break
        return self.exits

    def _statement(self, node: Node, states: frozenset[S]) -> frozenset[S]:
        handler = getattr(self, "_" + node.type, None)
        if handler is not None:
            result: frozenset[S] = handler(node, states)
            return result
        if node.type.endswith("statement") and node.type != "expression_statement":
            return self._sequence(node.named_children, states)
        return self._expression(node, states)

    def _sequence(self, nodes: Iterable[Node], states: frozenset[S]) -> frozenset[S]:
        for node in nodes:
            states = self._statement(node, states)
        return states

    def _compound_statement(self, node: Node, states: frozenset[S]) -> frozenset[S]:
        return self._sequence(node.named_children, states)

    _ERROR = _else_clause = _compound_statement

    def _if_statement(self, node: Node, states: frozenset[S]) -> frozenset[S]:
        then, other = self._condition(_field(node, "condition"), states)
        consequence, alternative = _field(node, "consequence"), _field(node, "alternative")
        after = self._statement(consequence, then) if consequence else then
        return after | (self._statement(alternative, other) if alternative else other)

    def _loop(self, node: Node, states: frozenset[S]) -> frozenset[S]:
        self._breaks.append(frozenset())
        condition, body, update = (_field(node, name) for name in ("condition", "body", "update"))
        out: frozenset[S] = frozenset()
        endless = condition is None or _name(condition).strip("() ") in ("1", "true")
        for _ in range(2):
            self._continues.append(frozenset())
            inside, leave = self._condition(condition, states)
            out |= frozenset() if endless else leave
            end = (self._statement(body, inside) if body else inside) | self._continues.pop()
            states |= self._expression(update, end) if update else end
        if not endless:
            out |= self._condition(condition, states)[1]
        return out | self._breaks.pop()

    _while_statement = _loop

    def _for_statement(self, node: Node, states: frozenset[S]) -> frozenset[S]:
        start = _field(node, "initializer")
        return self._loop(node, self._expression(start, states) if start else states)

    def _do_statement(self, node: Node, states: frozenset[S]) -> frozenset[S]:
        body = _field(node, "body")
        self._breaks.append(frozenset())
        self._continues.append(frozenset())
        end = (self._statement(body, states) if body else states) | self._continues.pop()
        return self._condition(_field(node, "condition"), end)[1] | self._breaks.pop()

    def _switch_statement(self, node: Node, states: frozenset[S]) -> frozenset[S]:
        condition, body = _field(node, "condition"), _field(node, "body")
        head = self._expression(condition, states) if condition else states
        self._breaks.append(frozenset())
        falling: frozenset[S] = frozenset()
        complete = False
        for case in body.named_children if body else ():
            if case.type != "case_statement":
                falling = self._statement(case, falling)
                continue
            complete |= case.child_by_field_name("value") is None
            inner = [c for c in case.named_children if c != case.child_by_field_name("value")]
            falling = self._sequence(inner, head | falling)
        return falling | self._breaks.pop() | (frozenset() if complete else head)

    def _labeled_statement(self, node: Node, states: frozenset[S]) -> frozenset[S]:
        label = _field(node, "label")
        states |= self.labels[_name(label)]
        return self._sequence((c for c in node.named_children if c != label), states)

    def _goto_statement(self, node: Node, states: frozenset[S]) -> frozenset[S]:
        self.labels[_name(_field(node, "label"))] |= states
        return frozenset()

    def _return_statement(self, node: Node, states: frozenset[S]) -> frozenset[S]:
        states = self._sequence(node.named_children, states)
        self.effects.leave(node, states)
        self.exits |= states
        return frozenset()

    def _break_statement(self, node: Node, states: frozenset[S]) -> frozenset[S]:
        if self._breaks:
            self._breaks[-1] |= states
        return frozenset()

    def _continue_statement(self, node: Node, states: frozenset[S]) -> frozenset[S]:
        if self._continues:
            self._continues[-1] |= states
        return frozenset()

    def _condition(
        self, node: Node | None, states: frozenset[S]
    ) -> tuple[frozenset[S], frozenset[S]]:
        """Walk a condition; return the states where it is true and where it is false."""
        if node is None:
            return states, states
        if node.type == "parenthesized_expression":
            return self._condition(next(iter(node.named_children), None), states)
        if node.type == "unary_expression" and _operator(node) == "!":
            true, false = self._condition(_field(node, "argument"), states)
            return false, true
        if node.type == "binary_expression":
            return self._binary(node, states)
        if node.type == "call_expression" and _name(_field(node, "function")) in _WRAPPERS:
            arguments = _field(node, "arguments")
            return self._condition(
                next(iter(arguments.named_children), None) if arguments else None, states
            )
        after = self._expression(node, states)
        if node.type == "assignment_expression":
            return self.effects.branch(_name(_field(node, "left")), after)
        return self.effects.branch(_name(node), after)

    def _binary(self, node: Node, states: frozenset[S]) -> tuple[frozenset[S], frozenset[S]]:
        left, right, operator = _field(node, "left"), _field(node, "right"), _operator(node)
        if operator == "&&":
            true, false = self._condition(left, states)
            both, second = self._condition(right, true)
            return both, false | second
        if operator == "||":
            true, false = self._condition(left, states)
            second, neither = self._condition(right, false)
            return true | second, neither
        if _name(right) in _ZERO and operator in ("<", "!="):
            return self._condition(left, states)
        if _name(right) in _ZERO and operator in ("==", ">="):
            true, false = self._condition(left, states)
            return false, true
        return self.effects.branch(_name(node), self._expression(node, states))

    def _expression(self, node: Node, states: frozenset[S], assigned: str = "") -> frozenset[S]:
        """Walk the calls of an expression, arguments first."""
        if node.type in ("assignment_expression", "init_declarator"):
            target = _field(node, "left") or _field(node, "declarator")
            value = _field(node, "right") or _field(node, "value")
            states = self._expression(value, states, _name(target)) if value else states
            is_call = value is not None and value.type == "call_expression"
            return states if is_call else self.effects.assign(node, _name(target), states)
        if node.type == "update_expression":
            return self.effects.assign(node, _name(_field(node, "argument")), states)
        if node.type == "conditional_expression":
            true, false = self._condition(_field(node, "condition"), states)
            then, other = _field(node, "consequence"), _field(node, "alternative")
            return (self._expression(then, true) if then else true) | (
                self._expression(other, false) if other else false
            )
        for child in node.named_children:
            states = self._expression(
                child, states, assigned if node.type == "parenthesized_expression" else ""
            )
        return (
            self.effects.call(node, states, assigned) if node.type == "call_expression" else states
        )


def _field(node: Node, name: str) -> Node | None:
    return node.child_by_field_name(name)


def _name(node: Node | None) -> str:
    """The text of `node` on one line."""
    text = (node.text or b"").decode(errors="replace") if node is not None else ""
    return " ".join(text.split()) if "\n" in text else text


def _operator(node: Node) -> str:
    return _name(node.child_by_field_name("operator"))
