# SPDX-License-Identifier: GPL-2.0-or-later
"""The exporters of a series that can revoke: their callbacks, and the flag that says so.

Only what the series shows, in `tree` depth whole files.  DRM drivers are left
out, since they move buffers and wait elsewhere; tests and the core as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import dirname
from typing import TYPE_CHECKING, NamedTuple

from checks.source.pattern import pattern
from checks.source.revoke import is_revoke_flag
from checks.source.vocabulary import EXPORTER_OPS, NOTIFY, is_core, is_exempt

if TYPE_CHECKING:
    from checks.api import Patch, Series
    from checks.source.c import Function
    from checks.source.change import FileChange
    from checks.source.diff import Line
    from checks.source.ops import Member
    from checks.source.program import Ops, Place

__all__ = ["Exporter", "Owed", "Revoke", "exporters", "is_left_out", "mentions", "owed_at"]

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
    """Yield each exporter of the series for which the series shows a revoke too."""
    revokes = tuple(_revokes(series))
    shown: dict[tuple[str, str], list[Ops]] = {}
    for ops in series.program.ops(EXPORTER_OPS) if revokes else ():
        if not is_left_out(ops.file.path):
            shown.setdefault((ops.file.path, ops.initialiser.name), []).append(ops)
    for (path, _), places in shown.items():
        near = tuple(r for r in revokes if _is_near(r.file.path, path))
        whole = [n for n, ops in enumerate(places) if ops.initialiser.complete]
        last = whole[-1] if whole else 0
        if near:
            yield Exporter(places[last], near, tuple(places[last + 1 :]))


def _is_near(one: str, other: str) -> bool:
    """Whether two files can be of one driver: in one directory, or one below the other's."""
    first, second = dirname(one) + "/", dirname(other) + "/"
    return first.startswith(second) or second.startswith(first)


def is_left_out(path: str) -> bool:
    """Whether rules about an exporter's state have nothing to say of `path`."""
    return is_exempt(path) or is_core(path) or path.startswith(_BATCHED)


def _revokes(series: Series) -> Iterator[Revoke]:
    for patch in series.mentioning(*NOTIFY):
        for file in patch.change.touching(*NOTIFY):
            if file.path.endswith((".c", ".h")) and not is_left_out(file.path):
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
