# SPDX-License-Identifier: GPL-2.0-or-later
"""The ways to break a correct series, and the rule that has to say so.

A mutation is an edit by regular expression.  Each place where it applies gives
a mutant of its own; a later patch of the series keeps the broken text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from tests.mutants.originals import ORIGINALS, Original, States, states_of
from tests.mutants.table import TABLE

__all__ = ["Mutant", "Mutation", "mutants"]


class Mutation(NamedTuple):
    """One way to break a series."""

    rule: str
    """The rule that has to fire."""
    what: str
    originals: str
    """Blank-separated names of the series it is for."""
    find: str
    put: str


class Mutant(NamedTuple):
    """A series with one thing broken."""

    mutation: Mutation
    original: Original
    place: str
    """Patch, file and line, for the report."""
    states: States


@cache
def mutations() -> tuple[Mutation, ...]:
    """The table, read."""
    return tuple(Mutation(*row) for row in TABLE)


def mutants() -> Iterator[Mutant]:
    """Yield every mutant.  Raises `LookupError` for a mutation that applies nowhere."""
    originals = {original.name: original for original in ORIGINALS}
    for mutation in mutations():
        for name in mutation.originals.split():
            found = list(_broken(mutation, originals[name]))
            if not found:
                raise LookupError(f"{mutation.rule}: {mutation.what}: no place in {name}")
            yield from found


def _broken(mutation: Mutation, original: Original) -> Iterator[Mutant]:
    states = states_of(original.name)
    seen: set[str] = set()
    find = re.compile(mutation.find, re.MULTILINE)
    for number, files in enumerate(states):
        for path, text in files.items() if number else ():
            for match in find.finditer(text):
                if _around(text, match) in seen:
                    continue  # an earlier patch's, broken there
                seen.add(_around(text, match))
                place = f"{number}:{path}:{text.count(chr(10), 0, match.start()) + 1}"
                yield Mutant(
                    mutation, original, place, _edited(states, number, path, match, mutation.put)
                )


def _around(text: str, match: re.Match[str], lines: int = 2) -> str:
    """The matched text with a few lines before and after it."""
    start, end = match.span()
    for _ in range(lines):
        start = text.rfind("\n", 0, max(start - 1, 0)) + 1
        end = text.find("\n", end) + 1 or len(text)
    return text[start:end]


def _edited(states: States, number: int, path: str, match: re.Match[str], put: str) -> States:
    """`states` with the edit made in patch `number`, and in later ones that keep the place."""
    new = match.expand(put)
    edited = []
    for at, files in enumerate(states):
        if at < number or path not in files:
            edited.append(files)
            continue
        old = _around(match.string, match, 1)
        text = files[path]
        if at == number:
            text = text[: match.start()] + new + text[match.end() :]
        elif text.count(old) == 1:
            text = text.replace(old, old.replace(match.group(), new))
        edited.append(files | {path: text})
    return tuple(edited)
