# SPDX-License-Identifier: GPL-2.0-or-later
"""Read a unified diff into files, hunks and lines; refuse one that is damaged.

unidiff does the parsing.  Around it stands what it leaves open: it ignores
what follows a hunk that is too short, takes a damaged `@@` line for no hunk at
all, and may run for minutes on a hostile header line.  Here each of these is
a `DiffError`: half a diff is never taken for a whole one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["DiffError", "FileDiff", "Hunk", "Line", "Section", "parse_section", "split_sections"]

MAX_HEADER = 4096
"""Longest header line, in characters, that the parser is given: longer ones are quadratic in it."""

_GIT_HEADER = re.compile(r"^diff --git ", re.MULTILINE)
_PLAIN_HEADER = re.compile(r"^--- \S.*\n\+\+\+ \S.*\n(?=@@ -)", re.MULTILINE)
_INDEX = re.compile(r"^index ([0-9a-f]{4,64})\.\.([0-9a-f]{4,64})", re.MULTILINE)
_HUNK = re.compile(r"^@@ -\d{1,9}(?:,\d{1,9})? \+\d{1,9}(?:,\d{1,9})? @@")
_HEADER = re.compile(
    r"(?:diff |index |--- |\+\+\+ |new file mode |deleted file mode |old mode |new mode |similarity "
    r"|dissimilarity |rename |copy |Binary files |GIT binary patch|Index: |={60,}$|Only in )"
)


class DiffError(ValueError):
    """The diff is damaged, or of a kind that cannot be reviewed.

    `path` names the file as far as it could be read, `reason` says what is wrong.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a hunk."""

    sign: str
    """`+`, `-` or a space."""
    text: str
    """Without the sign and without the line end."""
    old: int | None
    """1-based line number in the file before; None for an added line."""
    new: int | None
    """1-based line number in the file after; None for a removed line."""
    index: int
    """0-based index of the line in `Patch.diff.split("\\n")`."""

    @property
    def whole(self) -> str:
        """The line as it stands in the diff."""
        return self.sign + self.text

    @property
    def added(self) -> bool:
        return self.sign == "+"


@dataclass(frozen=True, slots=True)
class Hunk:
    """One hunk, its counts checked."""

    old_start: int
    new_start: int
    heading: str
    """Git's section heading: the line that opened what stands before the hunk, or empty."""
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """The part of a diff that is about one file, not parsed yet."""

    text: str
    first: int
    """0-based index of its first line in the whole diff."""
    path: str
    """Path as the header names it, for the cheap tests before parsing."""


@dataclass(frozen=True, slots=True)
class FileDiff:
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
    sections, line = [], diff.count("\n", 0, starts[0]) if starts else 0
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
    path = path.rstrip()
    if path.startswith('"') and path.endswith('"'):
        raw = path[1:-1].encode("latin-1", "backslashreplace")
        path = raw.decode("unicode_escape").encode("latin-1", "replace").decode("utf-8", "replace")
    head, slash, tail = path.partition("/")
    if slash and (not git or head in ("a", "b", "i", "w", "c", "o")):
        return tail
    return path


def parse_section(section: Section) -> FileDiff:
    """Parse one section.

    Raises `DiffError` when a hunk is damaged, cut off or longer than it says,
    or when the diff is a combined one.
    """
    text = section.text
    _refuse_hostile(section)
    from unidiff import PatchSet
    from unidiff.errors import UnidiffParseError

    try:
        files = PatchSet(text)
    except (UnidiffParseError, ValueError) as err:
        raise DiffError(section.path, f"damaged diff ({_one_line(err)}); was it line-wrapped?") from err
    hunks = tuple(_hunk(hunk, section.first) for file in files for hunk in file)
    if "GIT binary patch" not in text and "Binary files " not in text:
        _refuse_leftovers(section, hunks)
    oids = _INDEX.search(text)
    return FileDiff(
        old_path=_side(section, "--- ", "rename from "),
        new_path=_side(section, "+++ ", "rename to "),
        old_oid=oids.group(1) if oids else "",
        new_oid=oids.group(2) if oids else "",
        hunks=hunks,
    )


def _refuse_hostile(section: Section) -> None:
    for number, line in enumerate(section.text.split("\n")):
        if len(line) > MAX_HEADER and line[0] not in "+- \\":
            raise DiffError(section.path, f"header line {number} is longer than {MAX_HEADER} characters")
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


def _refuse_leftovers(section: Section, hunks: tuple[Hunk, ...]) -> None:
    """Raise when a line looks like part of a hunk and no hunk has it."""
    taken = {line.index - section.first for hunk in hunks for line in hunk.lines}
    for number, line in _outside(section.text, taken):
        if line.startswith("@@"):
            if not _HUNK.match(line) or number + 1 not in taken:
                raise DiffError(section.path, f"damaged hunk header {line[:60]!r}")
        elif line and line[0] in "+-" and not _HEADER.match(line) and line.strip() not in ("--", "---"):
            raise DiffError(section.path, f"a hunk is longer than its header says, at {line[:60]!r}")


def _outside(text: str, taken: set[int]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n")):
        if number not in taken:
            yield number, line


def _side(section: Section, marker: str, rename: str) -> str | None:
    """Path on one side; None where there is no file."""
    head = section.text[: section.text.find("\n@@ ") + 1] or section.text
    for line in head.split("\n"):
        if line.startswith(marker):
            path = line[len(marker) :].split("\t")[0]
            return None if path.strip() == "/dev/null" else _strip(path, head.startswith("diff --git "))
        if line.startswith(rename):
            return line[len(rename) :]
    return section.path
