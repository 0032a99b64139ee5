# SPDX-License-Identifier: GPL-2.0-or-later
"""With which lock state each function of a file is entered, and how that is known.

In order of strength: it is a callback that the core calls with the lock held,
it is a work item, its own code shows it, or a caller in the same file does.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from checks.source.c import Function
from checks.source.locks import LOCKING, Evidence, Held, LockFacts, walk_locks
from checks.source.vocabulary import CALLBACKS, CALLED_LOCKED, NOTIFY

if TYPE_CHECKING:
    from checks.api import Series
    from checks.source.change import FileChange

__all__ = ["Entry", "entry_states"]

ROUNDS = 3
"""How many levels of callers are followed."""


class Entry(NamedTuple):
    """How a function is entered."""

    held: Held
    reason: str = ""
    """One sentence for the author; empty when there is nothing to explain."""
    sure: bool = True
    """Whether it follows from the function itself, not from one of its callers."""
    callback: bool = False
    """Whether it is an op that the core calls with the lock held."""
    evidence: tuple[Evidence, ...] = ()
    """What its own code shows of it."""

    def reason_at(self, row: int) -> str:
        """Why the state is what it is at a call in `row`: one sentence, or empty."""
        if not self.evidence:
            return self.reason
        after = (e for e in self.evidence if e.call.row > row)
        return _explain(next(after, self.evidence[-1]), row)


_UNKNOWN = Entry(Held.UNKNOWN)


def entry_states(
    file: FileChange, series: Series, names: re.Pattern[str]
) -> Iterator[tuple[Function, LockFacts, Entry]]:
    """Yield the functions of the after image of `file` in which `names` matches, with their locks.

    Only these and their callers are parsed and walked.
    """
    relevant = _relevant(file, names)
    helpers = {f.name: f for f in file.after.functions_with(LOCKING)} if relevant else {}
    functions = [(function, walk_locks(function, helpers)) for function in relevant]
    callbacks = _callbacks(series) if functions else {}
    known = {id(f): _own(f, facts, callbacks) for f, facts in functions}
    for _ in range(ROUNDS):
        if not _from_callers(functions, known):
            break
    for function, facts in functions:
        yield function, facts, known[id(function)]


def _relevant(file: FileChange, names: re.Pattern[str]) -> list[Function]:
    """The functions in which `names` matches, and those that call them, in file order."""
    chosen: dict[int, Function] = {}
    wanted = names
    for _ in range(ROUNDS):
        found = {id(function): function for function in file.after.functions_with(wanted)}
        if found.keys() <= chosen.keys():
            break
        chosen |= found
        callees = "|".join(re.escape(function.name) for function in found.values())
        wanted = re.compile(rf"\b(?:{callees})\s*\(")
    return sorted(chosen.values(), key=lambda f: (f.fragment.first, f.start))


def _callbacks(series: Series) -> dict[str, str]:
    """Functions that the core calls with the lock held, by name, with the op they are."""
    found: dict[str, str] = {}
    for patch in series.mentioning(*CALLED_LOCKED):
        for file in patch.change.touching(*CALLED_LOCKED):
            found |= dict(file.once("callbacks", partial(_installed, file)))
    return found


def _installed(file: FileChange) -> Iterator[tuple[str, str]]:
    for initialiser in file.after.initialisers:
        for member in initialiser.members:
            if member.name in CALLED_LOCKED.get(initialiser.struct, ()):
                yield member.value, f"{initialiser.struct}.{member.name}"


def _own(function: Function, facts: LockFacts, callbacks: dict[str, str]) -> Entry:
    if function.name in callbacks:
        op = callbacks[function.name]
        return Entry(Held.HELD, f"The core calls &{op} with the lock held.", callback=True)
    if _is_named_callback(function):
        reason = f"By its name {function.name}() is the importer's callback: called with it held."
        return Entry(Held.HELD, reason, sure=False, callback=True)
    if any("struct work_struct" in parameter.type for parameter in function.parameters):
        return Entry(Held.FREE, "A work item starts without it.")
    held = facts.entry
    if held is Held.UNKNOWN:
        return _UNKNOWN
    return Entry(held, evidence=facts.evidence)


def _is_named_callback(function: Function) -> bool:
    """Whether name and parameter are those of a notify callback, where no ops struct is shown."""
    name = function.name
    if name in NOTIFY or not name.endswith(tuple("_" + callback for callback in CALLBACKS)):
        return False
    types = [parameter.type for parameter in function.parameters]
    if types in ([], ["void"]):  # cut by the hunk, whose heading has what was there
        return f"{name}(struct dma_buf_attachment *" in function.fragment.heading
    return types == ["struct dma_buf_attachment *"] and "void" in function.returns.split()


def _explain(evidence: Evidence, row: int) -> str:
    name = evidence.call.name
    place = "further down" if evidence.call.row > row else "further up"
    if evidence.held:
        return f"{name}() {place} shows that it is held."
    if "lock" in name and "unlocked" not in name:
        return f"{name}() takes it only {place}."
    return f"{name}() {place} takes it itself, so it can't be held already."


def _from_callers(functions: list[tuple[Function, LockFacts]], known: dict[int, Entry]) -> bool:
    """Learn the entry of functions of unknown entry from the calls to them; True when some were."""
    called: dict[str, set[tuple[Held, str]]] = defaultdict(set)
    for function, facts in functions:
        entry = known[id(function)]
        for site in facts.sites:
            if not site.call.through:
                states = facts.resolved(site, entry.held)
                called[site.call.name] |= {(state, function.name) for state in states}
    learnt = False
    for function, _ in functions:
        if known[id(function)].held is not Held.UNKNOWN:
            continue
        calls = called.get(function.name, set())
        free = sorted(caller for state, caller in calls if state is Held.FREE)
        if free:
            known[id(function)] = Entry(
                Held.FREE, f"{free[0]}() calls {function.name}() without it.", sure=False
            )
        elif calls and all(state is Held.HELD for state, _ in calls):
            known[id(function)] = Entry(Held.HELD, "Its callers hold it.", sure=False)
        else:
            continue
        learnt = True
    return learnt
