# SPDX-License-Identifier: GPL-2.0-or-later
"""What stands around a hunk: the text to put before it so that it parses as C.

A hunk starts anywhere: inside a comment, a function, a struct.  Git's section
heading names what was opened before it, which is right only when the hunk is
still inside it; the hunk's own first lines and closing braces decide that.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from checks.source.pattern import pattern

__all__ = ["Enclosure", "enclose"]

_COMMENT_LINE = pattern(r"\s*\*(?:[ \t/]|$)")
_FUNCTION = pattern(r"^(?:[A-Za-z_][\w \t*]*[ \t*])?([A-Za-z_]\w*)\s*\(")
_TYPE = pattern(r"^(?:static\s+|const\s+|typedef\s+)*((?:struct|union|enum)\s+\w+)\s*\{?\s*$")
_VARIABLE = pattern(r"^(?:static\s+|const\s+)*struct\s+\w+\s+\w+(?:\[\w*\])?\s*=\s*\{?\s*$")
_BRACES = pattern(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|[{}]')


class Enclosure(NamedTuple):
    """How to complete a fragment."""

    prelude: str
    """Text to put before it, without a newline; empty when it starts at file level."""
    in_comment: int
    """How many of its first lines belong to a comment that began before it."""
    header: int
    """How many of its first lines after that are the rest of a cut function header."""
    postlude: str
    """Text to put after it."""


def enclose(texts: tuple[str, ...], masked: list[str], heading: str) -> Enclosure:
    """Work out what surrounds a hunk.

    Parameters
    ----------
    texts: the lines as they are
    masked: the same lines with whole comments blanked
    heading: git's section heading
    """
    in_comment = _comment_lines(texts)
    body = [""] * in_comment + masked[in_comment:]
    header = _header_lines(body, heading)
    opener = _opener(heading)
    closed, depth = _closed(body)
    inside = len(closed)
    if opener and (not closed[-1] if closed else _starts_inside(body)):
        inside += 1  # the last brace it closes is a block's, so the opener's own is open still
    if header is not None:
        return Enclosure(opener.rstrip("{ "), in_comment, header, "}" * depth)
    if not inside:
        return Enclosure("", in_comment, 0, "}" * depth)
    prelude = (opener or "void unknown(void) {") + "{" * (inside - 1)
    closing = "}" * (depth + inside - len(closed))
    return Enclosure(prelude, in_comment, 0, closing + (";" if opener.startswith("struct") else ""))


def _comment_lines(texts: tuple[str, ...]) -> int:
    """How many lines at the start belong to a comment that was opened before."""
    for row, text in enumerate(texts):
        if "/*" in text:
            return 0
        if "*/" in text:
            return row + 1
        if text.strip() and not _COMMENT_LINE.match(text):
            return 0
    return len(texts) if any(_COMMENT_LINE.match(text) for text in texts) else 0


def _opener(heading: str) -> str:
    heading = heading.strip()
    if _VARIABLE.match(heading):
        return heading if heading.endswith("{") else heading + " {"
    found = _TYPE.match(heading)
    if found:
        return found.group(1) + " {"
    found = _FUNCTION.match(heading)
    return f"void {found.group(1)}(void) {{" if found and "=" not in heading.split("(")[0] else ""


def _header_lines(masked: list[str], heading: str) -> int | None:
    """How many first lines are the rest of a function header whose start was cut off.

    0 when the body's brace comes first; None when the hunk does not start in a header.
    """
    if not _FUNCTION.match(heading.strip()):
        return None
    for row, text in enumerate(masked):
        if text.startswith("{"):
            before = [line for line in masked[:row] if line.strip()]
            cut = all(line[:1].isspace() for line in before)
            return row if cut and not any(c in line for line in before for c in ";{}=") else None
        if text.strip() and not text[:1].isspace():
            return None
    return None


def _starts_inside(masked: list[str]) -> bool:
    """Whether the first line of code is indented: a line of a body, not of file level."""
    first = next((line for line in masked if line.strip() and line[:1] != "#"), "")
    return first[:1].isspace() or bool(re.match(r"\w+:\s*$", first))


def _closed(masked: list[str]) -> tuple[list[bool], int]:
    """The braces closed that were opened before the hunk, and the depth at its end.

    For each of them in order, whether it stands in the first column, as the one
    that ends a function does.
    """
    closed: list[bool] = []
    depth = 0
    for line in masked:
        for found in _BRACES.finditer(line):
            if found.group() == "{":
                depth += 1
            elif found.group() == "}" and depth == 0:
                closed.append(found.start() == 0)
            elif found.group() == "}":
                depth -= 1
    return closed, depth
