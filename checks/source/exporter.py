# SPDX-License-Identifier: GPL-2.0-or-later
"""The exporters of a series that can revoke: their callbacks, and the flag that says so.

Only what the series shows, in `tree` depth whole files.  DRM drivers are left
out, since they move buffers and wait elsewhere; tests and the core as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from checks.source.pattern import pattern
from checks.source.revoke import is_revoke_flag
from checks.source.vocabulary import EXPORTER_OPS, NOTIFY, is_core, is_exempt

if TYPE_CHECKING:
    from checks.api import Patch, Series
    from checks.source.c import Function
    from checks.source.change import FileChange
    from checks.source.diff import Line
    from checks.source.program import Ops, Place

__all__ = ["Exporter", "Owed", "Revoke", "exporters", "mentions", "owed_at"]

_STORE = pattern(r"((?:->|\.)(\w+))\s*=(?!=)\s*(\w+)")
_BATCHED = ("drivers/gpu/", "drivers/accel/")


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
    revokes: tuple[Revoke, ...]

    def callback(self, series: Series, name: str) -> Place | None:
        """The function of one op as the series leaves it, or as far as it is shown."""
        member = self.ops.initialiser.member(name)
        return series.program.function(member.value, self.ops.file) if member else None


def exporters(series: Series) -> Iterator[Exporter]:
    """Yield each exporter of the series for which the series shows a revoke too."""
    revokes = tuple(_revokes(series))
    seen = set()
    for ops in series.program.ops(EXPORTER_OPS) if revokes else ():
        key = (ops.file.path, ops.initialiser.name)
        if not _left_out(ops.file.path) and key not in seen:
            seen.add(key)
            yield Exporter(ops, revokes)


def _left_out(path: str) -> bool:
    return is_exempt(path) or is_core(path) or path.startswith(_BATCHED)


def _revokes(series: Series) -> Iterator[Revoke]:
    for patch in series.mentioning(*NOTIFY):
        for file in patch.change.touching(*NOTIFY):
            if file.path.endswith((".c", ".h")) and not _left_out(file.path):
                for function in file.after.functions:
                    if any(call.name in NOTIFY for call in function.calls):
                        yield from _stores(patch, file, function)


def _stores(patch: Patch, file: FileChange, function: Function) -> Iterator[Revoke]:
    for found in _STORE.finditer(function.text):
        if is_revoke_flag(found.group(1)) and found.group(3) not in ("false", "0"):
            line = function.line_at(found.start())
            yield Revoke(patch, file, function, found.group(2), line)


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


def mentions(series: Series, place: Place, words: tuple[str, ...], depth: int = 2) -> bool:
    """Whether one of `words` stands in a function, or in what it calls, as far as it is shown."""
    if any(word in place.function.text for word in words):
        return True
    if not depth:
        return False
    names = {call.name for call in place.function.calls if not call.through}
    called = (series.program.function(name, place.file) for name in sorted(names))
    return any(p is not None and mentions(series, p, words, depth - 1) for p in called)
