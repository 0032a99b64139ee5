# SPDX-License-Identifier: GPL-2.0-or-later
"""Counts of mappings: which ones a series brings to an exporter, and who counts too early.

A count whose every mention is new has no other places than those that the diff
shows, however little of the functions around them is shown.  One that some line
mentions that was there before, or that is handed to a function by its address,
is left out: what happens to it elsewhere is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from checks.source.pattern import pattern
from checks.source.steps import Step, follow

if TYPE_CHECKING:
    from checks.api import Patch
    from checks.source.c import Call, Function
    from checks.source.change import FileChange

__all__ = [
    "DROPS",
    "NO_COUNT",
    "TAKES",
    "UNCOUNTS",
    "Count",
    "Use",
    "dropped_early",
    "member_of",
    "new_counts",
    "taken_early",
]

TAKES = (
    "kref_get",
    "refcount_inc",
    "refcount_add",
    "atomic_inc",
    "atomic64_inc",
    "atomic_long_inc",
)
DROPS = (
    "kref_put",
    "refcount_dec",
    "refcount_sub",
    "atomic_dec",
    "atomic64_dec",
    "atomic_long_dec",
)
_ARMS = ("kref_init", "refcount_set", "atomic_set", "atomic64_set", "atomic_long_set")
_READS = ("kref_read", "refcount_read", "atomic_read", "atomic64_read", "atomic_long_read")
_KINDS = {
    **dict.fromkeys(TAKES, "take"),
    **dict.fromkeys(DROPS, "drop"),
    **dict.fromkeys(_ARMS, "arm"),
    **dict.fromkeys(_READS, "read"),
}
_ANY = pattern(r"\b(?:kref|refcount|atomic(?:64|_long)?)_\w+\s*\(\s*&")
_ALLOCATES = pattern(r"^(?:k|kv|v|devm_k)\w*alloc\w*$|^ERR_PTR$|^ERR_CAST$")
_HARMLESS = pattern(r"^(?:kv?free|sg_free_table|trace_\w+|dev_\w+|pr_\w+|WARN\w*)$")
"""Takes no mapping away."""
UNCOUNTS = pattern(
    r"(?:^|_)(?:put|unref|unhold|dec|uncount|untrack|remove|del|drop|release|unregister|done|end|idle)(?:_|$)"
)
"""What the functions are called that can do it where nobody shows it."""
NO_COUNT = pattern(
    r"^(?:dma|sg|pci|dev|ktime|trace|might|get_order)_|sgt|sg_table|pages|phys|addr|size|vec"
)
"""What is got or put by these is no count."""
_LAST = pattern(r"(\w+)\s*\)*$")


class Use(NamedTuple):
    """One call that does something to a count."""

    kind: str
    """`arm`, `take`, `drop` or `read`."""
    patch: Patch
    file: FileChange
    function: Function
    call: Call


class Count(NamedTuple):
    """A member that counts, all of whose mentions are new."""

    member: str
    uses: tuple[Use, ...]

    def of(self, kind: str, *, without: frozenset[str] = frozenset()) -> tuple[Use, ...]:
        """The uses of one kind, but for those in the functions `without`."""
        return tuple(u for u in self.uses if u.kind == kind and u.function.name not in without)


def member_of(arguments: tuple[str, ...]) -> str:
    """The last name of the first argument: `maps` for `&frob->maps`; empty where there is none."""
    found = _LAST.search(arguments[0]) if arguments else None
    return found.group(1) if found else ""


def new_counts(files: list[tuple[Patch, FileChange]]) -> Iterator[Count]:
    """Yield the counts that `files`, all that a series changes of a driver, bring."""
    uses: dict[str, list[Use]] = {}
    for patch, file in files:
        for use in file.once("counts", partial(_uses, patch, file)):
            uses.setdefault(member_of(use.call.arguments), []).append(use)
    for member, found in uses.items():
        if member and any(use.kind == "arm" for use in found) and _is_new(member, found, files):
            yield Count(member, tuple(found))


def _uses(patch: Patch, file: FileChange) -> Iterator[Use]:
    for function in file.after.functions_with(_ANY):
        for call in function.calls:
            kind = next((k for name, k in _KINDS.items() if call.name.startswith(name)), None)
            if kind is not None and not call.through:
                yield Use(kind, patch, file, function, call)


def _is_new(member: str, uses: list[Use], files: list[tuple[Patch, FileChange]]) -> bool:
    """Whether no other line mentions `member` that was there before, or gives its address away."""
    known = {
        (use.file.path, line.text)
        for use in uses
        if (line := use.function.fragment.shown(use.call.row)) is not None
    }
    arrow, address = f">{member}", f"->{member})"
    for _, file in files:
        if not file.mentions(arrow, f".{member}"):
            continue
        for line in file.lines:
            if arrow not in line.text:
                continue
            if line.sign != "+" or not file.is_new(line):
                return False
            if "&" in line.text and address in line.text and (file.path, line.text) not in known:
                return False
    return True


class _State(NamedTuple):
    counted: Step | None = None
    mapping: str = ""
    """The variable with the result of the last call that can have failed."""
    failed: bool | None = None
    """Whether that is known."""


class _Map:
    """Notes each return of what may be an error after the count went up."""

    def __init__(self, members: frozenset[str]) -> None:
        self.members = members
        self.wrong: list[Step] = []

    def step(self, step: Step, state: _State) -> Iterator[_State]:
        if step.kind == "call" and step.name.startswith(TAKES):
            counts = member_of(step.arguments) in self.members
            yield state._replace(counted=step) if counts else state
        elif step.kind == "call" and (step.name.startswith(DROPS) or _may_drop(step)):
            yield state._replace(counted=None)
        elif step.kind == "call" and step.assigned and step.depth == 0:
            can_fail = not _ALLOCATES.match(step.name)
            yield state._replace(mapping=step.assigned if can_fail else "", failed=None)
        else:
            if step.kind == "return" and step.depth == 0 and state.counted:
                error = step.value.startswith("ERR_")
                if error or (step.value == state.mapping != "" and state.failed is not False):
                    self.wrong.append(state.counted)
            yield state

    def test(self, condition: str, truth: bool, state: _State) -> _State | None:
        if condition in (f"IS_ERR({state.mapping})", f"IS_ERR_OR_NULL({state.mapping})"):
            return state._replace(failed=truth)
        if condition == state.mapping:
            return state._replace(mapping="")  # NULL is its error
        return state


def _may_drop(step: Step) -> bool:
    """Whether a call may take back what was counted, out of sight."""
    hidden = not step.followed and not step.assigned and not NO_COUNT.search(step.name)
    return hidden and UNCOUNTS.search(step.name) is not None


class _Unmap:
    """Notes a count that goes down before the table is gone."""

    def __init__(self, table: str, members: frozenset[str]) -> None:
        self.table = table
        self.members = members
        self.wrong: list[Step] = []

    def step(self, step: Step, state: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
        if step.kind == "call" and step.name.startswith(DROPS):
            yield (step,) if member_of(step.arguments) in self.members else state
            return
        uses = step.kind == "call" and self.table in step.arguments
        if uses and not _HARMLESS.match(step.name):
            self.wrong += state
        yield state

    def test(self, condition: str, truth: bool, state: tuple[Step, ...]) -> tuple[Step, ...]:
        return state


Resolver = Callable[[str], "Function | None"]


def taken_early(function: Function, members: frozenset[str], resolve: Resolver) -> list[Step]:
    """Where `function`, which maps, takes one of the counts `members`, and may return an error."""
    machine = _Map(members)
    follow(function, machine, _State(), resolve)
    return machine.wrong


def dropped_early(function: Function, members: frozenset[str], resolve: Resolver) -> list[Step]:
    """Where `function`, which unmaps, drops one of the counts, and still uses the table after."""
    tables = [p.name for p in function.parameters if "struct sg_table" in p.type]
    if not tables:
        return []
    machine = _Unmap(tables[0], members)
    follow(function, machine, (), resolve)
    return machine.wrong
