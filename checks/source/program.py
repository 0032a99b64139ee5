# SPDX-License-Identifier: GPL-2.0-or-later
"""What a series defines once all of it is applied: functions and ops, by name.

A function that a later patch changes is the later patch's; of one that is
shown in several places the one shown whole goes before.  Only files that
mention a name are parsed for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from typing import TYPE_CHECKING, NamedTuple

from checks.source.pattern import pattern

if TYPE_CHECKING:
    from checks.api import Patch
    from checks.source.c import Function
    from checks.source.change import FileChange
    from checks.source.diff import Line
    from checks.source.ops import Initialiser

__all__ = ["Added", "Ops", "Place", "Program"]


_WORD = pattern(r"[A-Za-z_]\w*")


class Place(NamedTuple):
    """A function, and the patch and file that have it."""

    patch: Patch
    file: FileChange
    function: Function


class Added(NamedTuple):
    """A line that the series adds."""

    patch: Patch
    file: FileChange
    line: Line


class Ops(NamedTuple):
    """An initialised ops struct, and the patch and file that have it."""

    patch: Patch
    file: FileChange
    initialiser: Initialiser


class Program:
    """The code of a series' after images."""

    def __init__(self, patches: tuple[Patch, ...]) -> None:
        self.patches = patches
        self._places: dict[str, tuple[Place, ...]] = {}

    def places(self, name: str) -> tuple[Place, ...]:
        """Where a function `name` is defined, or a part of it shown; in patch order."""
        if name not in self._places:
            self._places[name] = tuple(self._find(name))
        return self._places[name]

    def _find(self, name: str) -> Iterator[Place]:
        for patch, file in self._files(name):
            (functions,) = file.once("functions by name", partial(_by_name, file))
            for function in functions.get(name, ()):
                yield Place(patch, file, function)

    def function(self, name: str, near: FileChange | None = None) -> Place | None:
        """The function `name` as the series leaves it; None when it is shown nowhere.

        One in the file of `near` goes before one of another file, and one in a source
        file before a header's, which is the stub for who has configured it away.
        """
        places = self.places(name)
        if near is not None:
            places = tuple(p for p in places if p.file.path == near.path) or places
        places = tuple(p for p in places if p.file.path.endswith(".c")) or places
        whole = tuple(place for place in places if place.function.complete)
        return (whole or places or (None,))[-1]

    def origin(self, place: Place, row: int) -> Added | None:
        """The patch that added the line at `row` of a function, and its diff line there.

        None for a line that was there before the series.
        """
        texts = place.function.fragment.texts
        if not 0 <= row < len(texts):
            return None
        for other in reversed(self.places(place.function.name)):
            shown = other.function.fragment
            for at in range(other.function.start, other.function.end + 1):
                line = shown.shown(at)
                if line is not None and shown.texts[at] == texts[row] and other.file.is_new(line):
                    return Added(other.patch, other.file, line)
        return None

    def resolver(self, near: FileChange) -> Callable[[str], Function | None]:
        """For `steps.follow`: the function of a name, as code in the file of `near` sees it."""

        def resolve(name: str) -> Function | None:
            place = self.function(name, near)
            return place.function if place is not None else None

        return resolve

    def ops(self, struct: str) -> Iterator[Ops]:
        """The initialised objects of `struct`, in patch order, also those shown in part."""
        for patch, file in self._files(struct):
            for found in file.after.initialisers:
                if found.struct == struct:
                    yield Ops(patch, file, found)

    def _files(self, word: str) -> Iterator[tuple[Patch, FileChange]]:
        """The C files that show `word`: in the diff, or in `tree` depth anywhere in the file."""
        for patch, file, words in self._index:
            if word in words and file.damage is None:
                yield patch, file

    @cached_property
    def _index(self) -> tuple[tuple[Patch, FileChange, frozenset[str]], ...]:
        """The C files of the series with their words, so that each text is searched once."""
        return tuple(
            (patch, file, frozenset(_words(patch, file)))
            for patch in self.patches
            for file in patch.change.all_files
            if file.path.endswith((".c", ".h"))
        )


def _words(patch: Patch, file: FileChange) -> Iterator[str]:
    yield from _WORD.findall(file.section.text)
    if patch.blobs is not None and file.damage is None:
        for fragment in file.after.fragments:
            for text in fragment.texts:
                yield from _WORD.findall(text)


def _by_name(file: FileChange) -> Iterator[dict[str, list[Function]]]:
    found: dict[str, list[Function]] = {}
    for function in file.after.functions:
        found.setdefault(function.name, []).append(function)
    yield found
