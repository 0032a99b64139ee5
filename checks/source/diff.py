# SPDX-License-Identifier: GPL-2.0-or-later
"""Read a unified diff into files, hunks and lines; refuse one that is damaged.

unidiff does the parsing.  Around it stands what it leaves open: it ignores
what follows a hunk that is too short, takes a damaged `@@` line for no hunk at
all, and may run for minutes on a hostile header line.  Here each of these is
a `DiffError`: half a diff is never taken for a whole one.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from checks.source.pattern import pattern

__all__ = ["DiffError", "FileDiff", "Hunk", "Line", "Section", "parse_section", "split_sections"]

MAX_HEADER = 4096
"""Longest header line, in characters, that the parser is given: longer ones are quadratic in it."""

_GIT_HEADER = pattern(r"^diff --git ", re.MULTILINE)
_PLAIN_HEADER = pattern(r"^--- \S.*\n\+\+\+ \S.*\n(?=@@ -)", re.MULTILINE)
_QUOTED = pattern(rb'\\([0-3][0-7]{2}|[abfnrtv"\\])')
_NAMED = {
    b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v",
    b'"': b'"', b"\\": b"\\",
}  # fmt: skip
_INDEX = pattern(r"^index ([0-9a-f]{4,64})\.\.([0-9a-f]{4,64})", re.MULTILINE)
_HUNK = pattern(r"^@@ -\d{1,9}(?:,\d{1,9})? \+\d{1,9}(?:,\d{1,9})? @@")


class DiffError(ValueError):
    """The diff is damaged, or of a kind that cannot be reviewed.

    `path` names the file as far as it could be read, `reason` says what is wrong.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class Line(NamedTuple):
    """One line of a hunk."""

    sign: str
    """`+`, `-` or a space."""
    text: str
    """Without the sign and without the line end."""
    old: int | None
    """1-based line number in the file before; None for an added line."""
    new: int | None
    """1-based line number in the file after; None for a removed line."""
    at: int
    """0-based index of the line in `Patch.diff.split("\\n")`."""

    @property
    def whole(self) -> str:
        """The line as it stands in the diff."""
        return self.sign + self.text

    @property
    def added(self) -> bool:
        return self.sign == "+"


class Hunk(NamedTuple):
    """One hunk, its counts checked."""

    old_start: int
    new_start: int
    heading: str
    """Git's section heading: the line that opened what stands before the hunk, or empty."""
    lines: tuple[Line, ...]


class Section(NamedTuple):
    """The part of a diff that is about one file, not parsed yet."""

    text: str
    first: int
    """0-based index of its first line in the whole diff."""
    path: str
    """Path as the header names it, for the cheap tests before parsing."""


class FileDiff(NamedTuple):
    """One file of a diff."""

    old_path: str | None
    """None for a new file."""
    new_path: str | None
    """None for a deleted file."""
    old_oid: str
    """Abbreviated blob hash of the index line; empty without one."""
    new_oid: str
    hunks: tuple[Hunk, ...]


def split_sections(diff: str) -> tuple[Section, ...]:
    """Cut `diff` into one section a file, without parsing any hunk.

    A line of a hunk starts with `+`, `-`, a space or a backslash, so that a
    `diff --git` at the start of a line is always a header.
    """
    starts = [m.start() for m in _GIT_HEADER.finditer(diff)]
    if not starts:
        starts = [m.start() for m in _PLAIN_HEADER.finditer(diff)]
    if not starts:
        return ()
    sections, line = [], diff.count("\n", 0, starts[0])
    for start, end in zip(starts, [*starts[1:], len(diff)], strict=True):
        text = diff[start:end]
        sections.append(Section(text, line, _header_path(text)))
        line += text.count("\n")
    return tuple(sections)


def _header_path(text: str) -> str:
    git = text.startswith("diff --git ")
    for marker in ("+++ ", "--- "):
        at = text.find("\n" + marker) + 1
        if at or text.startswith(marker):
            path = text[at + 4 : text.find("\n", at)].split("\t")[0]
            if path.strip() != "/dev/null":
                return _strip(path, git)
    name = re.match(r'diff --git (?:"?a/[^\n]*"?) ("?b/[^\n]*)', text)
    return _strip(name.group(1), True) if name else text[:80].split("\n")[0]


def _strip(path: str, git: bool) -> str:
    """Undo git's quoting and prefix; a plain diff carries its tree's name as first component."""
    path = _unquoted(path.rstrip())
    head, _, tail = path.partition("/")
    if tail and (not git or head in ("a", "b", "i", "w", "c", "o")):
        return tail
    return path


def _unquoted(path: str) -> str:
    """Undo git's quoting (`core.quotePath`); what git would not write stays as it is."""
    if len(path) < 3 or not (path.startswith('"') and path.endswith('"')):
        return path
    raw = path[1:-1].encode("utf-8", "surrogatepass")
    return _QUOTED.sub(_meant, raw).decode("utf-8", "replace")


def _meant(quoted: re.Match[bytes]) -> bytes:
    return _NAMED.get(quoted[1]) or bytes([int(quoted[1], 8)])


def parse_section(section: Section) -> FileDiff:
    """Parse one section.

    The header is read here and only the hunks are given to unidiff, which
    objects to unusual names and is slow on hostile header lines.  Raises
    `DiffError` when a hunk is damaged, cut off or longer than it says, or when
    the diff is a combined one.
    """
    _refuse_hostile(section)
    head, body = _head_and_body(section.text)
    hunks = _hunks(section, body, section.first + head.count("\n")) if body else ()
    if not hunks and "\n+++ " in head:
        raise DiffError(section.path, "no hunk follows the file header")
    oids = _INDEX.search(head)
    return FileDiff(
        old_path=_side(section.path, head, "--- ", "rename from "),
        new_path=_side(section.path, head, "+++ ", "rename to "),
        old_oid=oids.group(1) if oids else "",
        new_oid=oids.group(2) if oids else "",
        hunks=hunks,
    )


def _head_and_body(text: str) -> tuple[str, str]:
    at = text.find("\n@@") + 1
    head = text[:at] if at else text
    if "GIT binary patch" in head or "\nBinary files " in head:
        return head, ""
    return head, text[at:] if at else ""


def _hunks(section: Section, body: str, first: int) -> tuple[Hunk, ...]:
    """Parse the hunks; `first` is the index of their first line in the whole diff."""
    from unidiff import PatchSet
    from unidiff.errors import UnidiffParseError

    try:
        files = PatchSet("--- a\n+++ b\n" + body)
    except (UnidiffParseError, ValueError) as err:
        raise DiffError(
            section.path, f"damaged diff ({_one_line(err)}); was it line-wrapped?"
        ) from err
    hunks = tuple(_hunk(hunk, first - 2) for file in files for hunk in file)
    _refuse_leftovers(section.path, body, {line.at - first for h in hunks for line in h.lines})
    return hunks


def _refuse_hostile(section: Section) -> None:
    for number, line in enumerate(section.text.split("\n")):
        if len(line) > MAX_HEADER and line[0] not in "+- \\":
            raise DiffError(
                section.path, f"header line {number} is longer than {MAX_HEADER} characters"
            )
        if line.startswith(("diff --cc ", "diff --combined ", "@@@ ")):
            raise DiffError(section.path, "combined diff of a merge; send it as an ordinary patch")


def _one_line(err: Exception) -> str:
    return " ".join(str(err).split())[:160]


def _hunk(hunk: object, first: int) -> Hunk:
    lines = tuple(
        Line(
            line.line_type,
            line.value[:-1] if line.value.endswith("\n") else line.value,
            line.source_line_no if line.line_type != "+" else None,
            line.target_line_no if line.line_type != "-" else None,
            first + line.diff_line_no - 1,
        )
        for line in hunk  # type: ignore[attr-defined]
        if line.line_type in ("+", "-", " ")
    )
    return Hunk(
        hunk.source_start,  # type: ignore[attr-defined]
        hunk.target_start,  # type: ignore[attr-defined]
        hunk.section_header,  # type: ignore[attr-defined]
        lines,
    )


def _refuse_leftovers(path: str, body: str, taken: set[int]) -> None:
    """Raise when a line looks like part of a hunk and no hunk has it."""
    for number, line in enumerate(body.split("\n")):
        if number in taken or not line:
            continue
        if line.startswith("@@"):
            if not _HUNK.match(line) or number + 1 not in taken:
                raise DiffError(path, f"damaged hunk header {line[:60]!r}")
        elif line[0] in "+-" and line.strip() not in ("--", "---"):
            raise DiffError(path, f"a hunk is longer than its header says, at {line[:60]!r}")


def _side(path: str, head: str, marker: str, rename: str) -> str | None:
    """Path on one side; None where there is no file."""
    for line in head.split("\n"):
        if line.startswith(marker):
            named = line[len(marker) :].split("\t")[0]
            return (
                None
                if named.strip() == "/dev/null"
                else _strip(named, head.startswith("diff --git "))
            )
        if line.startswith(rename):
            return _unquoted(line[len(rename) :])
    return path
