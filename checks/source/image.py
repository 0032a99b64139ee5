# SPDX-License-Identifier: GPL-2.0-or-later
"""The before and after images of a file: what its lines are, and where each is in the diff.

An image is a tuple of fragments.  In `diff` depth every hunk is a fragment
of its own, and what lies between two hunks is unknown.  In `tree` depth there
is one fragment, the whole file.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING

from checks.source.diff import FileDiff, Line

if TYPE_CHECKING:
    from checks.source.c import Function, Unit
    from checks.source.exports import Export
    from checks.source.kerneldoc import KernelDoc
    from checks.source.ops import Initialiser

__all__ = ["Fragment", "Image", "Side", "hunk_image", "whole_image"]

MAX_LINE = 1000
"""Characters; a longer line is no code that people write, and is blank for whoever reads facts."""

Side = str
"""`old` or `new`."""


class Fragment:
    """Adjacent lines of a file, with nothing missing between them.

    Parameters
    ----------
    first: 1-based line number of the first one in the file
    texts: the lines
    lines: the diff line of each; None where the diff does not show it
    heading: git's section heading; empty for a whole file
    whole: whether this is the whole file, so that nothing came before or comes after
    """

    def __init__(
        self,
        first: int,
        texts: tuple[str, ...],
        lines: tuple[Line | None, ...],
        heading: str = "",
        whole: bool = False,
    ) -> None:
        self.first = first
        self.texts = tuple(text if len(text) <= MAX_LINE else "" for text in texts)
        self.lines = lines
        self.heading = heading
        self.whole = whole

    @cached_property
    def unit(self) -> Unit:
        """The syntax tree of this fragment."""
        from checks.source.c import parse

        return parse(self)

    @cached_property
    def kernel_docs(self) -> tuple[KernelDoc, ...]:
        """The kernel-doc comments, also those of which only a part is shown."""
        from checks.source.kerneldoc import read_kernel_docs

        return read_kernel_docs(self)

    def rows_with(self, names: re.Pattern[str]) -> set[int]:
        """The 0-based rows in which `names` matches: the cheap test before any parsing."""
        return {self.row_at(found.start()) for found in names.finditer(self._text)}

    def row_at(self, offset: int) -> int:
        """The 0-based row of the character at `offset` of the lines put together by newlines."""
        return bisect_right(self._starts, offset) - 1

    def has(self, word: str) -> bool:
        """Whether `word` stands anywhere in it."""
        return word in self._text

    @cached_property
    def _text(self) -> str:
        return "\n".join(self.texts)

    @cached_property
    def _starts(self) -> tuple[int, ...]:
        """Where each line starts in `_text`."""
        return tuple(accumulate((len(text) + 1 for text in self.texts[:-1]), initial=0))

    def shown(self, row: int) -> Line | None:
        """The diff line at 0-based `row`, or None outside the fragment or the diff."""
        return self.lines[row] if 0 <= row < len(self.lines) else None

    def is_added(self, row: int) -> bool:
        """Whether the diff adds the line at `row`."""
        line = self.shown(row)
        return line is not None and line.sign == "+"


class Image:
    """One side of a file."""

    def __init__(self, fragments: tuple[Fragment, ...]) -> None:
        self.fragments = fragments

    def has(self, word: str) -> bool:
        """Whether `word` stands anywhere in it."""
        return any(fragment.has(word) for fragment in self.fragments)

    @cached_property
    def functions(self) -> tuple[Function, ...]:
        """Function definitions in file order, also those of which only a part is shown."""
        return tuple(f for fragment in self.fragments for f in fragment.unit.functions)

    def functions_with(self, names: re.Pattern[str]) -> Iterator[Function]:
        """The functions in which `names` matches; fragments without it are not parsed."""
        for fragment in self.fragments:
            rows = sorted(fragment.rows_with(names))
            if rows:
                yield from (f for f in fragment.unit.functions if _any_between(rows, f))

    @cached_property
    def kernel_docs(self) -> tuple[KernelDoc, ...]:
        return tuple(doc for fragment in self.fragments for doc in fragment.kernel_docs)

    @cached_property
    def exports(self) -> tuple[Export, ...]:
        """Export and namespace macros, in file order."""
        from checks.source.exports import read_exports

        return tuple(export for fragment in self.fragments for export in read_exports(fragment))

    @cached_property
    def initialisers(self) -> tuple[Initialiser, ...]:
        """Designated initialisers of ops structs, in file order."""
        from checks.source.ops import read_initialisers

        return tuple(i for fragment in self.fragments for i in read_initialisers(fragment))


def _any_between(rows: list[int], function: Function) -> bool:
    """Whether one of the sorted `rows` is a row of `function`."""
    at = bisect_left(rows, function.start)
    return at < len(rows) and rows[at] <= function.end


def hunk_image(diff: FileDiff, side: Side) -> Image:
    """The image that the hunks alone show."""
    drop = "-" if side == "new" else "+"
    fragments = []
    for hunk in diff.hunks:
        lines = tuple(line for line in hunk.lines if line.sign != drop)
        if lines:
            first = hunk.new_start if side == "new" else hunk.old_start
            fragments.append(
                Fragment(first, tuple(line.text for line in lines), lines, hunk.heading)
            )
    return Image(tuple(fragments))


def whole_image(texts: tuple[str, ...], rows: dict[int, Line]) -> Image:
    """The image of a whole file: its lines, and which diff line is at which row."""
    lines = tuple(rows.get(row) for row in range(len(texts)))
    return Image((Fragment(1, texts, lines, whole=True),))
