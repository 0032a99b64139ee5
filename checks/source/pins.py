# SPDX-License-Identifier: GPL-2.0-or-later
"""The life of a pin along the paths of a function: asked for, held, dropped, lost.

A pin counts as held where its result was tested and is zero.  It is unknown
after a call that may release things and that nobody shows, and after a helper
that pins, since that one's result would have to tell.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from checks.source.pattern import pattern

if TYPE_CHECKING:
    from checks.source.steps import Step

__all__ = ["DETACH", "PIN", "START", "UNPIN", "Lost", "Pins", "State"]

PIN, UNPIN, DETACH = "dma_buf_pin", "dma_buf_unpin", "dma_buf_detach"
UNMAPS = ("dma_buf_unmap_attachment", "dma_buf_unmap_attachment_unlocked")
_RELEASES = pattern(
    r"release|free|put|destroy|clean|fini|unpin|teardown|abort|drop|revoke|undo|remove|exit|close"
    r"|unref|delete|kill|detach|unimport|add_action|unmap|stop|disable|invalidate|reset|unwind|rollback"
)
_KEEPS_PIN = pattern(
    r"^(?:k[vz]?free\w*|dma_buf_put|dma_fence_put|dma_resv_\w+|sg_free_table|fput|put_device"
    r"|dma_buf_unmap_attachment(?:_unlocked)?|dma_unmap_\w+)$"
)
"""They release something, and surely no pin."""
_ERROR = pattern(r"^\(?\s*(?:-E[A-Z0-9]+|ERR_PTR\(|PTR_ERR\(|ERR_CAST\()")


class State(NamedTuple):
    pin: str
    """`never`, `asked` (not known whether it succeeded), `held`, `dropped`, `gone`, `unknown`."""
    about: str = ""
    """Where asked the variable with the result; where dropped or gone the attachment."""
    errors: frozenset[str] = frozenset()
    """Variables that hold an error, as far as that was seen since the pin."""


class Lost(NamedTuple):
    """A step that loses the pin, or comes out of order."""

    kind: str
    """`detach`, `return`, `late` (unpin after detach) or `unmap` (after unpin)."""
    step: Step


class Pins:
    """Follows a pin; collects where it is lost."""

    def __init__(self) -> None:
        self.lost: dict[tuple[int, int, str], Lost] = {}

    def _tell(self, kind: str, step: Step) -> None:
        self.lost.setdefault((id(step.function.fragment), step.row, kind), Lost(kind, step))

    def step(self, step: Step, state: State) -> Iterable[State]:
        if step.kind == "call" and not step.through:
            return (self._call(step, state),)
        if step.kind == "store":
            return (_stored(step.name, step.value, state),)
        leaves = step.kind == "return" and step.depth == 0 and state.pin == "held"
        if leaves and (_ERROR.match(step.value) or step.value.strip("() ") in state.errors):
            self._tell("return", step)
        return (state,)

    def _call(self, step: Step, state: State) -> State:
        about = step.arguments[0] if step.arguments else ""
        if step.name == PIN and step.depth > 0:
            return State("unknown")  # what the helper returns would have to tell
        if step.name == PIN:
            return State("asked", step.assigned or f"{PIN}({about})")
        if step.name == UNPIN:
            if state.pin == "gone" and state.about == about:
                self._tell("late", step)
            return State("dropped", about if step.depth == 0 else "")
        if step.name == DETACH:
            if state.pin == "held":
                self._tell("detach", step)
            return State("gone", step.arguments[-1] if step.arguments and step.depth == 0 else "")
        ordered = step.depth == 0 and state.pin == "dropped" and state.about == about
        if step.name in UNMAPS and ordered:
            self._tell("unmap", step)
        hidden = not step.followed and _RELEASES.search(step.name) is not None
        if hidden and state.pin in ("asked", "held") and not _KEEPS_PIN.match(step.name):
            return State("unknown")
        if step.assigned:
            return _stored(step.assigned, f"{step.name}(", state)
        return state

    def test(self, condition: str, truth: bool, state: State) -> State | None:
        if state.pin == "asked" and condition == state.about:
            return State("never") if truth else State("held")
        if state.pin == "held" and condition.isidentifier():
            if truth:
                return state._replace(errors=state.errors | {condition})
            return None if condition in state.errors else state
        return state


def _stored(name: str, value: str, state: State) -> State:
    """A variable has a new value: the result of the pin is gone, or there is a new error."""
    if state.pin == "asked" and name == state.about:
        return State("unknown")
    if state.pin == "held" and name.isidentifier():
        errors = state.errors - {name}
        return state._replace(errors=errors | {name} if _ERROR.match(value) else errors)
    return state


START = State("never")
