# SPDX-License-Identifier: GPL-2.0-or-later
"""Quote the few lines of a diff that remarks are about, byte for byte.

File header and `@@` line are kept where they change, because a reader and
b4's review view find the place by them; what is left out is marked
`> [ ... ]`.  Nothing is wrapped or mended.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from checks.source.pattern import pattern

__all__ = ["CUT", "quote"]

CUT = "> [ ... ]"

CONTEXT = 4
"""Lines above the one that a remark is about: five quoted lines above each remark."""

_HUNK = pattern(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")


class _Place(NamedTuple):
    """Where one line of a diff is: 0-based indexes of what stands above it."""

    line: int
    file: int
    """First line of the file's header."""
    body: int
    """The file's first `@@` line: the header ends before it."""
    hunk: int
    """The `@@` line of its hunk."""


def quote(diff: str, anchors: Sequence[int]) -> tuple[str, ...]:
    """Quote what stands above and at each anchor.

    Parameters
    ----------
    diff: LF line ends
    anchors: 0-based line indexes into `diff.split("\\n")`, ascending

    Returns one block of lines for each anchor; it is empty where the anchor
    is the line of the remark before.
    """
    lines = diff.split("\n")
    places = _places(lines, set(anchors))
    blocks: list[str] = []
    shown = -1
    for anchor in anchors:
        block: list[str] = []
        for number in _wanted(places[anchor]):
            if number > shown:
                if number > shown + 1 or shown < 0:
                    block.append(CUT)
                block.append("> " + lines[number])
                shown = number
        blocks.append("\n".join(block))
    return tuple(blocks)


def _wanted(place: _Place) -> Iterator[int]:
    """The line numbers to show for one remark; those shown before are left out by the caller."""
    yield from range(place.file, place.body)
    yield place.hunk
    yield from range(max(place.line - CONTEXT, place.hunk + 1), place.line + 1)


def _places(lines: list[str], anchors: set[int]) -> dict[int, _Place]:
    """Find the file and hunk of each anchor, by counting the lines of the hunks."""
    found: dict[int, _Place] = {}
    file = body = hunk = 0
    old = new = 0
    header = False
    for number, line in enumerate(lines):
        if old > 0 or new > 0:
            old -= line[:1] in ("-", " ", "")
            new -= line[:1] in ("+", " ", "")
        elif match := _HUNK.match(line):
            hunk = number
            body = number if header else body
            header = False
            old, new = int(match[1] or 1), int(match[2] or 1)
        elif not header and line.startswith(("diff --git ", "--- ")):
            file, header = number, True
        if number in anchors:
            found[number] = _Place(number, file, max(body, file), hunk)
    return found
