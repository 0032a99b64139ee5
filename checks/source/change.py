# SPDX-License-Identifier: GPL-2.0-or-later
"""A patch's diff as a `Change`: its files, each with its before and after image.

The images come in two depths.  With a git object store at hand the before
image is the blob that the `index` line names, and the after image is checked
against the hash it promises; otherwise both are what the hunks show.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar, cast

from checks.api import Words
from checks.source.diff import (
    DiffError,
    FileDiff,
    Hunk,
    Line,
    Section,
    parse_section,
    split_sections,
)
from checks.source.image import Image, hunk_image, whole_image
from checks.source.vocabulary import canonical

if TYPE_CHECKING:
    from checks.api import Patch
    from checks.source.blobs import Whole

T = TypeVar("T")

__all__ = ["Change", "FileChange", "read_change"]


class FileChange:
    """One file of a patch.  Parsed when first asked; raises `DiffError` when it is damaged."""

    def __init__(self, section: Section, patch: Patch) -> None:
        self.section = section
        self.patch = patch
        self._words = Words(section.text)
        self._found: dict[str, tuple[object, ...]] = {}

    @property
    def path(self) -> str:
        """Path after the change, or before it for a deleted file."""
        return self.section.path

    @cached_property
    def diff(self) -> FileDiff:
        return parse_section(self.section)

    @property
    def parsed(self) -> bool:
        """Whether anybody has asked for this file."""
        return "damage" in self.__dict__

    @cached_property
    def damage(self) -> DiffError | None:
        """Why this file can't be read; None when it can."""
        try:
            self.diff  # noqa: B018 - parsed here for its error, kept for its value
        except DiffError as err:
            return err
        return None

    def once(self, what: str, make: Callable[[], Iterable[T]]) -> tuple[T, ...]:
        """What `make` finds in this file, looked for once and kept under the name `what`."""
        if what not in self._found:
            self._found[what] = tuple(make())
        return cast("tuple[T, ...]", self._found[what])

    @property
    def hunks(self) -> tuple[Hunk, ...]:
        return self.diff.hunks

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """All lines of all hunks."""
        return tuple(line for hunk in self.hunks for line in hunk.lines)

    @cached_property
    def added(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.sign == "+")

    @cached_property
    def removed(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.sign == "-")

    @cached_property
    def removed_texts(self) -> frozenset[str]:
        """What is removed, as `vocabulary.canonical` has it: for asking often."""
        return frozenset(canonical(line.text) for line in self.removed)

    @cached_property
    def _added_texts(self) -> frozenset[str]:
        return frozenset(canonical(line.text) for line in self.added)

    def was_renamed(self, line: Line) -> bool:
        """Whether a removed `line` stands in the after image with new names, or elsewhere."""
        return line.sign == "-" and canonical(line.text) in self._added_texts

    def is_new(self, line: Line) -> bool:
        """Whether `line` is added and says more than an old name changed, or a line moved."""
        return line.sign == "+" and canonical(line.text) not in self.removed_texts

    def mentions(self, *words: str) -> bool:
        """Whether any of `words` stands in this file's part of the diff."""
        return any(map(self._words.__getitem__, words))

    @cached_property
    def whole(self) -> Whole | None:
        """The whole file before and after, in `tree` depth; None in `diff` depth."""
        if self.patch.blobs is None:
            return None
        from checks.source.blobs import find_whole

        return find_whole(self, self.patch)

    @cached_property
    def after(self) -> Image:
        if self.whole is not None:
            return whole_image(self.whole.after, self.whole.new_rows)
        return hunk_image(self.diff, "new")

    @cached_property
    def before(self) -> Image:
        if self.whole is not None:
            return whole_image(self.whole.before, self.whole.old_rows)
        return hunk_image(self.diff, "old")


class Change:
    """What a patch does: its files in diff order."""

    def __init__(self, all_files: tuple[FileChange, ...]) -> None:
        self.all_files = all_files
        """Damaged ones too; rules take `files` or `touching`."""

    @cached_property
    def files(self) -> tuple[FileChange, ...]:
        """The files that could be read."""
        return tuple(file for file in self.all_files if file.damage is None)

    def touching(self, *words: str, where: re.Pattern[str] | None = None) -> Iterator[FileChange]:
        """The readable files whose part of the diff has any of `words`; others are not parsed.

        With `where`, it has to match in that part too.
        """
        for file in self.all_files:
            matches = where is None or where.search(file.section.text)
            if matches and file.mentions(*words) and file.damage is None:
                yield file

    def file(self, path: str) -> FileChange | None:
        """The change of `path`, or None when the patch does not touch it or it can't be read."""
        return next((f for f in self.all_files if f.path == path and f.damage is None), None)


def read_change(patch: Patch) -> Change:
    """Cut the diff of `patch` into files.

    A file named twice gives two entries, as the diff has it.  Hunks are parsed
    when a fact of the file is first asked for.
    """
    return Change(tuple(FileChange(section, patch) for section in split_sections(patch.diff)))
