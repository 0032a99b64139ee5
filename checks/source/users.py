# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that start to call the dma-buf core: what namespace imports and dependencies follow from.

Only a file without such a call before counts; what a file that calls it
already lacks is no business of the patch.  Without a tree a file is taken
for a new user when it is new, or when it gains an include of the header.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from checks.source.diff import Line
from checks.source.masking import mask_comments
from checks.source.pattern import pattern
from checks.source.vocabulary import CORE_SYMBOLS, canonical, is_exempt

if TYPE_CHECKING:
    from checks.api import Patch, Series
    from checks.source.change import FileChange
    from checks.source.image import Fragment, Image

__all__ = ["WORDS", "NewUser", "calls_core", "new_users"]

WORDS = tuple(sorted(name + "(" for name in CORE_SYMBOLS))
"""One of these stands in every diff that adds a call."""

_CALL = pattern(r"(?<![\w.>])(" + "|".join(sorted(CORE_SYMBOLS)) + r")\s*\(")
_ADDS = pattern(r"^\+.*\b(?:" + "|".join(sorted(CORE_SYMBOLS)) + r")\s*\(", re.MULTILINE)
_HEADER = pattern(r"\s*#\s*include\s+<linux/dma-buf(?:-mapping)?\.h>")
_FIRST = (
    "dma_buf_export",
    "dma_buf_map_attachment",
    "dma_buf_map_attachment_unlocked",
    "dma_buf_dynamic_attach",
    "dma_buf_attach",
)
"""What makes a driver an exporter or importer: the call that a remark is best put at."""


class NewUser(NamedTuple):
    """A file that did not call the core before a patch, and does after it."""

    patch: Patch
    file: FileChange
    line: Line
    call: str
    """Name of the core's function that the line calls."""
    row: int
    fragment: Fragment

    @property
    def path(self) -> str:
        return self.file.path

    @property
    def function(self) -> str | None:
        """Name of the function around the call."""
        around = (f for f in self.fragment.unit.functions if f.start <= self.row <= f.end)
        return next((function.name for function in around), None)


def new_users(series: Series) -> tuple[NewUser, ...]:
    """The files that become users in `series`, at the call that matters most, in patch order."""
    found: dict[str, NewUser] = {}
    seen: set[str] = set()
    moved: frozenset[str] | None = None
    for patch in series.mentioning(*WORDS):
        for file in patch.change.touching(*WORDS, where=_ADDS):
            old = file.diff.old_path
            if not file.path.endswith(".c") or is_exempt(file.path) or file.path in seen:
                continue
            seen.add(file.path)
            moved = _taken_away(series) if moved is None else moved
            calls = [u for u in _calls(patch, file) if canonical(u.line.text) not in moved]
            if not calls or next(_core_calls(file.before), None) or not _starts(file):
                continue
            if old is not None and old != file.path:
                continue  # a renamed file: what it calls, it called before
            found[file.path] = min(calls, key=_rank)
    return tuple(found.values())


def _rank(user: NewUser) -> int:
    return _FIRST.index(user.call) if user.call in _FIRST else len(_FIRST)


def _calls(patch: Patch, file: FileChange) -> Iterator[NewUser]:
    for fragment, row, name in _core_calls(file.after):
        line = fragment.shown(row)
        if line is not None and file.is_new(line):
            yield NewUser(patch, file, line, name, row, fragment)


def _core_calls(image: Image) -> Iterator[tuple[Fragment, int, str]]:
    """The calls of the core in `image`, with their rows; comments left out."""
    for fragment in image.fragments:
        text = "\n".join(fragment.texts)
        if "dma_buf_" not in text:
            continue
        for row, line in enumerate(mask_comments(text).split("\n")):
            if "dma_buf_" in line and not line.lstrip().startswith(("*", "#")):
                for found in _CALL.finditer(line):
                    yield fragment, row, found.group(1)


def calls_core(text: str) -> bool:
    """Whether the C source `text` calls the core."""
    if "dma_buf_" not in text:
        return False
    return _CALL.search(mask_comments(text)) is not None


def _starts(file: FileChange) -> bool:
    """Whether nothing that is not shown can have called the core before."""
    if file.diff.old_path is None or file.whole is not None:
        return True
    return any(_HEADER.match(line.text) for line in file.added if file.is_new(line))


def _taken_away(series: Series) -> frozenset[str]:
    """The lines that the series removes somewhere: where it adds one again, the code only moves."""
    files = (f for p in series.mentioning("\n-") for f in p.change.touching(*WORDS))
    return frozenset().union(*(file.removed_texts for file in files))
