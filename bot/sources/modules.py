# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole files as postings, one a folder: what a driver's files say, they say together.

The core's headers belong to the folder of its sources, since the contract is
written in both.  Otherwise nothing tells which files of a folder make one
module, and the rules get all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from bot.model import Posting
from bot.sources.files import TreeFile, added, release
from checks.api import Blobs, Patch, Problem, Series
from checks.source.vocabulary import CORE_DIRS, CORE_HEADERS

__all__ = ["Module", "modules_of", "title_of"]


class Module(NamedTuple):
    """The files of one folder that a rule is about, as a series that adds them."""

    posting: Posting
    files: tuple[str, ...]


def title_of(blobs: Blobs) -> str:
    """What kernel it is, as a subject's tag; empty when the tree does not tell.

    `checks.source.age` reads the release out of the tag, as it does of a stable backport's.
    """
    number = release(blobs.file("Makefile"))
    return f"[Linux {number}]" if number else ""


def modules_of(
    files: Iterable[TreeFile], blobs: Blobs, wanted: Callable[[Patch], bool]
) -> Iterator[Module]:
    """Yield the modules that `files` are part of, by folder, each with the files in scope.

    Parameters
    ----------
    blobs: where the contents are; a blob that is not there is a problem of its module
    wanted: whether a rule is about a patch that adds one file
    """
    title = title_of(blobs)
    folders: dict[str, list[TreeFile]] = {}
    for file in files:
        folders.setdefault(_folder(file.path), []).append(file)
    for folder, members in sorted(folders.items()):
        subject = f"{title} {folder}".strip()
        diffs, problems = _read(members, blobs, wanted)
        if diffs or problems:
            patch = Patch(1, folder, subject, "", "".join(diffs.values()))
            series = Series(folder, subject, 1, (patch,) if diffs else (), 1)
            yield Module(Posting(series, problems=problems), tuple(diffs))


def _folder(path: str) -> str:
    if path in CORE_HEADERS:
        return CORE_DIRS[0].rstrip("/")
    return path.rpartition("/")[0] or "."


def _read(
    members: Iterable[TreeFile], blobs: Blobs, wanted: Callable[[Patch], bool]
) -> tuple[Mapping[str, str], tuple[Problem, ...]]:
    """The diffs of the members in scope, by path, and what could not be read."""
    diffs: dict[str, str] = {}
    problems = []
    for file in members:
        content = blobs.blob(file.oid)
        if content is None:
            reason = "git has no such blob; is this a partial clone?"
            problems.append(Problem("missing-blob", file.path, f"{file.oid[:12]}: {reason}"))
            continue
        diff = added(file, content)
        if wanted(Patch(1, "", "", "", diff)):
            diffs[file.path] = diff
    return diffs, tuple(problems)
