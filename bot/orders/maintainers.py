# SPDX-License-Identifier: GPL-2.0-or-later
"""Who maintains a file of the kernel, by the text of its MAINTAINERS.

Only what that file says at its top of M:, R:, F:, X: and N: is read, as
scripts/get_maintainer.pl reads it; K: would need the contents of files, and who
has committed to a file is no maintainer for that.  Pure.  The paths come from a
mail, so time is linear in their length, whatever the patterns are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from bot.sources.header import addresses
from bot.sources.tree import GitTree
from checks.source.pattern import pattern

__all__ = ["Maintainers", "maintainers_of", "read"]

MAX_PATH = 500
"""Characters; the kernel's longest path has under 200, and N: is a regular expression."""
MAX_FILES = 20_000
"""Files of one series that are looked up; a kernel has 90,000."""

_FIELD = pattern(r"([A-Z]):\s*(.*)")
_SPECIAL = pattern(r"[*?\[]")
_CLASS = pattern(r"\[[^\]/]+\]")


class Glob:
    """A pattern of F: or X:, which matches the beginning of a path.

    `*` and `?` are as in a shell.  A pattern that ends in a slash is of all that is below,
    and so is a folder without one; any other has as many slashes as the path.
    """

    def __init__(self, text: str) -> None:
        special = _SPECIAL.search(text)
        literal = text[: special.start()] if special else text
        self.folder = literal[: literal.rfind("/") + 1]
        """What every path begins with that can match: a folder, empty for the top."""
        self._slashes = -1 if text.endswith("/") else text.count("/")
        self._below = "" if special else f"{text}/"
        self._start, *self._pieces = (re.compile(_regex(piece)) for piece in text.split("*"))

    def matches(self, path: str) -> bool:
        """Whether it is a pattern of `path`."""
        found = self._start.match(path)
        for piece in self._pieces:
            # The leftmost place leaves most for the next piece, so there is no other to try.
            found = found and piece.search(path, found.end())
        if found and self._slashes in (-1, path.count("/")):
            return True
        return bool(self._below) and path.startswith(self._below)


class _Section(NamedTuple):
    people: frozenset[str]
    excluded: tuple[Glob, ...]


class Maintainers:
    """The sections of a MAINTAINERS file, found by path."""

    def __init__(self, text: str) -> None:
        self._sections: list[_Section] = []
        self._globs: dict[str, list[tuple[Glob, int]]] = {}
        self._names: list[tuple[re.Pattern[str], int]] = []
        for fields in _sections(text):
            self._add(fields)

    def people(self, files: Iterable[str]) -> frozenset[str]:
        """Addresses of the maintainers and reviewers of `files`, lower case."""
        found: set[str] = set()
        for number, path in enumerate(files):
            if number < MAX_FILES and len(path) <= MAX_PATH:
                for section in self._of(path):
                    found |= section.people
        return frozenset(found)

    def _add(self, fields: list[tuple[str, str]]) -> None:
        people = [
            address.email.lower()
            for kind, value in fields
            if kind in ("M", "R")
            for address in addresses(value.encode())
        ]
        if not people:
            return
        number = len(self._sections)
        excluded = tuple(Glob(value) for kind, value in fields if kind == "X")
        self._sections.append(_Section(frozenset(people), excluded))
        for kind, value in fields:
            if kind == "F":
                glob = Glob(value)
                self._globs.setdefault(glob.folder, []).append((glob, number))
            elif kind == "N" and (compiled := _compiled(value)):
                self._names.append((compiled, number))

    def _of(self, path: str) -> Iterator[_Section]:
        """The sections that `path` belongs to."""
        folders = ["", *(path[: at + 1] for at, char in enumerate(path) if char == "/")]
        found = {
            number
            for folder in folders
            for glob, number in self._globs.get(folder, ())
            if glob.matches(path)
        }
        found.update(number for name, number in self._names if name.search(path))
        for number in found:
            section = self._sections[number]
            if not any(glob.matches(path) for glob in section.excluded):
                yield section


def _sections(text: str) -> Iterator[list[tuple[str, str]]]:
    """The fields of each section; what is neither a field nor blank begins another."""
    fields: list[tuple[str, str]] = []
    for line in text.split("\n"):
        if match := _FIELD.match(line):
            fields.append((match[1], match[2].strip()))
        elif line.strip() and not line.lstrip().startswith("#"):
            yield fields
            fields = []
    yield fields


def _regex(piece: str) -> str:
    """A part of a pattern that has no `*`."""
    words = []
    at = 0
    while at < len(piece):
        if piece[at] == "[" and (match := _CLASS.match(piece, at)):
            words.append("[" + match[0][1:-1].replace("\\", "\\\\") + "]")
            at = match.end()
        else:
            words.append("." if piece[at] == "?" else re.escape(piece[at]))
            at += 1
    return "".join(words)


def _compiled(value: str) -> re.Pattern[str] | None:
    """A perl expression of N:, where Python can read it too."""
    try:
        return re.compile(value, re.VERBOSE)
    except re.error:
        return None


@lru_cache(maxsize=2)
def maintainers_of(text: str) -> Maintainers:
    """Parse a MAINTAINERS file; the last ones are kept."""
    return Maintainers(text)


def read(tree: Path | None) -> str:
    """The text of MAINTAINERS at HEAD of `tree`, which may be bare; empty without a tree.

    Raises InputError where `tree` is no git tree.
    """
    if tree is None:
        return ""
    with GitTree(tree) as opened:
        return (opened.file("MAINTAINERS") or b"").decode("utf-8", "replace")
