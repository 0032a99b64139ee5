# SPDX-License-Identifier: GPL-2.0-or-later
"""The exporters of a series that can revoke: their callbacks, and the flag that says so.

Only what the series shows, in `tree` depth whole files.  DRM drivers are left
out, since they move buffers and wait elsewhere; tests and the core as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from itertools import islice
from posixpath import dirname
from typing import TYPE_CHECKING, NamedTuple

from checks.source.pattern import pattern
from checks.source.revoke import is_revoke_flag
from checks.source.vocabulary import EXPORTER_OPS, NOTIFY, is_no_exporter

if TYPE_CHECKING:
    from checks.api import Patch, Series
    from checks.source.c import Function
    from checks.source.change import FileChange
    from checks.source.diff import Line
    from checks.source.ops import Member
    from checks.source.program import Ops, Place

__all__ = [
    "Exporter",
    "Owed",
    "Revoke",
    "exporters",
    "matches",
    "mentions",
    "owed_at",
    "reached",
]

_NOTIFIES = pattern(rf"\b(?:{'|'.join(NOTIFY)})\s*\(")
_STORE = pattern(r"((?:->|\.)(\w+))\s*(?:=(?!=)|,)\s*(\w+)")
"""An assignment, or the like through WRITE_ONCE(x->flag, true)."""
_BIT = pattern(
    r"(?:\bset_bit\s*\(|\btest_and_set_bit\s*\(|\|=(?:\s*BIT\()?)\s*(\w*(?:REVOK|INVALIDATED)\w*)"
)
_FLAG = pattern(r"revok|invalidated|defunct|unplugged|driver_removed", re.IGNORECASE)
"""The cheap test before is_revoke_flag()."""
_STATE = pattern(r"[A-Z]\w*(?:REVOK|INVALIDATED)\w*$")
"""A value of an enumeration that says so, whatever the member is called."""
_WRITES = pattern(r"(?:WRITE_ONCE|smp_store_\w+|atomic_set|xchg)\s*\(\s*&?[\w>.-]*$")
MOST = 16
"""Ops that are looked at; a series with more of them is not what people write."""


class Revoke(NamedTuple):
    """A store of the flag in a function that tells the importers."""

    patch: Patch
    file: FileChange
    function: Function
    flag: str
    """Name of the member."""
    line: Line | None


class Owed(NamedTuple):
    """A line that the series adds, and the function it is in."""

    patch: Patch
    file: FileChange
    line: Line
    symbol: str


class Exporter(NamedTuple):
    """An ops struct, and how its buffers are revoked."""

    ops: Ops
    """Where it is shown last; places that show all of it go before."""
    revokes: tuple[Revoke, ...]
    later: tuple[Ops, ...] = ()
    """Where a part of it is shown after that."""

    def member(self, name: str) -> Member | None:
        """What an op is set to in the end; one that a part takes away again still counts."""
        shown = (ops.initialiser.member(name) for ops in (*reversed(self.later), self.ops))
        return next((member for member in shown if member is not None), None)

    def callback(self, series: Series, name: str) -> Place | None:
        """The function of one op as the series leaves it, or as far as it is shown."""
        member = self.member(name)
        return series.program.function(member.value, self.ops.file) if member else None


def exporters(series: Series) -> Iterator[Exporter]:
    """Yield the exporters of the series for which the series shows a revoke too, up to `MOST`."""
    found = tuple(revokes(series))
    shown: dict[tuple[str, str], list[Ops]] = {}
    for ops in series.program.ops(EXPORTER_OPS) if found else ():
        if not is_no_exporter(ops.file.path):
            shown.setdefault((ops.file.path, ops.initialiser.name), []).append(ops)
    homes = {path for path, _ in shown}
    for (path, _), places in islice(shown.items(), MOST):
        near = tuple(r for r in found if _is_of(r.file.path, path, homes))
        whole = [n for n, ops in enumerate(places) if ops.initialiser.complete]
        last = whole[-1] if whole else 0
        if near:
            yield Exporter(places[last], near, tuple(places[last + 1 :]))


def _is_of(revoke: str, ops: str, homes: set[str]) -> bool:
    """Whether what revokes in one file can be of the exporter whose ops are in another.

    They are in one directory or one below the other's, and the first has no ops of its own.
    """
    first, second = dirname(revoke) + "/", dirname(ops) + "/"
    near = first.startswith(second) or second.startswith(first)
    return revoke == ops or (near and revoke not in homes)


def revokes(series: Series) -> Iterator[Revoke]:
    """Yield the places of the series' exporters that revoke, also where no ops are shown."""
    for patch in series.mentioning(*NOTIFY):
        for file in patch.change.touching(*NOTIFY):
            if file.path.endswith((".c", ".h")) and not is_no_exporter(file.path):
                yield from file.once("revokes", partial(_of_file, patch, file))


def _of_file(patch: Patch, file: FileChange) -> Iterator[Revoke]:
    """The stores in functions that tell the importers, in their callers and their helpers."""
    tell = [
        function
        for function in file.after.functions_with(_NOTIFIES)
        if any(call.name in NOTIFY for call in function.calls)
    ]
    names = {function.name for function in tell}
    helpers = {call.name for function in tell for call in function.calls}
    for function in file.after.functions_with(_FLAG) if tell else ():
        calls = {call.name for call in function.calls}
        if function.name in names | helpers or calls & names:
            yield from _stores(patch, file, function)


def _stores(patch: Patch, file: FileChange, function: Function) -> Iterator[Revoke]:
    text = function.text
    for found in _STORE.finditer(text):
        member, name, value = found.groups()
        if found.group()[len(member) :].lstrip()[0] == "," and not _WRITES.search(
            text, max(found.start() - 80, 0), found.start()
        ):
            continue
        sets = value not in ("false", "0") and is_revoke_flag(member)
        if sets or _STATE.match(value):
            yield Revoke(patch, file, function, name, function.line_at(found.start()))
    for found in _BIT.finditer(text):
        line = function.line_at(found.start())
        yield Revoke(patch, file, function, found.group(1), line)


def near(series: Series, revokes: tuple[Revoke, ...]) -> Iterator[tuple[Patch, FileChange]]:
    """The C files of the series that can be of the same driver as one of `revokes`."""
    places = {dirname(revoke.file.path) for revoke in revokes}
    for patch in series.patches:
        for file in patch.change.all_files:
            path = file.path
            wanted = path.endswith((".c", ".h")) and not is_no_exporter(path)
            home = path.startswith("include/") or dirname(path) in places
            if wanted and home and file.damage is None:
                yield patch, file


def owed_at(series: Series, place: Place, revokes: tuple[Revoke, ...]) -> Owed | None:
    """Where to say what a callback lacks: at its own name, else at the revoke that needs it."""
    row = place.function.row_of(place.function.name)
    own = series.program.origin(place, row) if row is not None else None
    if own is not None:
        return Owed(*own, place.function.name)
    for revoke in revokes:
        if revoke.line is not None and revoke.file.is_new(revoke.line):
            return Owed(revoke.patch, revoke.file, revoke.line, revoke.function.name)
    return None


def mentions(series: Series, place: Place, words: tuple[str, ...]) -> bool:
    """Whether one of `words` stands in a function, or in what it calls, as far as it is shown."""
    return any(any(word in at.function.text for word in words) for at in reached(series, place))


def matches(series: Series, place: Place, names: re.Pattern[str]) -> bool:
    """Whether `names` matches in a function, or in what it calls, as far as it is shown."""
    return any(names.search(at.function.text) for at in reached(series, place))


def reached(series: Series, place: Place, depth: int = 2) -> Iterator[Place]:
    """Yield a function, and what it calls, as far as the series shows it."""
    yield place
    names = {call.name for call in place.function.calls if not call.through} if depth else set()
    for name in sorted(names):
        called = series.program.function(name, place.file)
        if called is not None:
            yield from reached(series, called, depth - 1)
