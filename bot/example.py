# SPDX-License-Identifier: GPL-2.0-or-later
"""A finding that was wrong, as an example: the least of its patch that its rule still fires on.

Pure.  A rule has to be silent on such an example, so it is a test that fails
until the rule is mended.  Whether other people's code is to be copied into a
rule is for a person to decide; nothing is written here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bot.render.plain import UNSAFE
from checks.api import Edition, Finding, Good, Patch, Rule
from checks.examples import NEXT, series_of
from checks.runner import run
from checks.source.diff import split_sections
from checks.source.pattern import pattern

__all__ = ["Example", "example_of", "spelt"]

MOST = 200
"""Hunks that are left out one by one, to see whether the rule needs them."""

_HUNK = pattern(r"^(?=@@ -)", re.MULTILINE)

Piece = tuple[int, int, int]
"""A hunk, by the place of its patch, its file and itself."""


class Example(NamedTuple):
    """A diff, and whether the rule fires on it where it should not."""

    diff: str
    edition: Edition | None
    """That has to be named for it; None where the diff shows it."""
    fires: bool


class _Whole(NamedTuple):
    """The hunks of a series, and which of them may be left out."""

    files: Sequence[Sequence[Sequence[str]]]
    """Of each patch, of each file, the header and the hunks."""
    anchor: Piece
    """The hunk of the finding."""

    def pieces(self) -> list[Piece]:
        """All hunks; of a file without any its header, as hunk 0."""
        return [
            (at, file, hunk)
            for at, files in enumerate(self.files)
            for file, parts in enumerate(files)
            for hunk in range(1 if len(parts) > 1 else 0, len(parts))
        ]

    def extents(self) -> Iterator[list[Piece]]:
        """The hunk of the finding, then its file, its patch, and the series."""
        for depth in (3, 2, 1, 0):
            yield [one for one in self.pieces() if one[:depth] == self.anchor[:depth]]

    def diff(self, pieces: Sequence[Piece]) -> str:
        """The diff of these hunks alone."""
        patches = []
        for at, files in enumerate(self.files):
            text = ""
            for file, parts in enumerate(files):
                hunks = [one[2] for one in pieces if one[:2] == (at, file)]
                if hunks:
                    text += parts[0] + "".join(parts[hunk] for hunk in hunks if hunk)
            patches.append(text)
        return NEXT.join(text for text in patches if text)


def example_of(
    finding: Finding, patches: Sequence[Patch], rule: Rule, edition: Edition
) -> Example | None:
    """The least of `patches` on which `rule` makes `finding`; its hunk alone where it nowhere does.

    Parameters
    ----------
    edition: the one that the review went by

    Returns None when the finding's line is not in its patch.
    """
    whole = _read(finding, patches)
    if whole is None:
        return None
    for pieces in whole.extents():
        for named in (None, edition):
            if _fires(finding, whole.diff(pieces), rule, named):
                least = _without_needless(whole, pieces, finding, rule, named)
                return Example(whole.diff(least), named, True)
    return Example(whole.diff([whole.anchor]), None, False)


def _read(finding: Finding, patches: Sequence[Patch]) -> _Whole | None:
    files = []
    anchor = None
    for at, patch in enumerate(patches):
        sections = split_sections(patch.diff)
        files.append([_HUNK.split(_ended(section.text)) for section in sections])
        lines = patch.diff.split("\n")
        there = lines[finding.diff_line : finding.diff_line + 1] == [finding.line_text]
        if patch.msgid != finding.patch.msgid or not there:
            continue
        for number, section in enumerate(sections):
            row = finding.diff_line - section.first
            if 0 <= row < section.text.count("\n") + 1:
                before = "\n".join(section.text.split("\n")[: row + 1])
                anchor = at, number, len(_HUNK.findall(before))
    return _Whole(files, anchor) if anchor is not None and anchor[2] else None


def _ended(text: str) -> str:
    return text if text.endswith("\n") else text + "\n"


def _fires(finding: Finding, diff: str, rule: Rule, edition: Edition | None) -> bool:
    found = run(series_of(Good(diff, why="")), (rule,), edition=edition).findings
    return any((one.file, one.line_text) == (finding.file, finding.line_text) for one in found)


def _without_needless(
    whole: _Whole, pieces: list[Piece], finding: Finding, rule: Rule, edition: Edition | None
) -> list[Piece]:
    """Those of `pieces` that the rule needs to fire."""
    for one in pieces[::-1] if len(pieces) <= MOST else ():
        fewer = [other for other in pieces if other != one]
        if one != whole.anchor and _fires(finding, whole.diff(fewer), rule, edition):
            pieces = fewer
    return pieces


def spelt(example: Example, why: str) -> str:
    """The example as it stands in the list GOOD of a rule's file.

    Both are other people's words: none can end the string that it is in, and every
    character that a terminal or an editor would not show is written out.
    """
    diff = _literal(example.diff).replace('"""', r"\"\"\"")
    reason = _literal(why).replace('"', r"\"").replace("\n", r"\n")
    lines = ["    Good(", '        """\\', f'{diff}""",', f'        why="{reason}",']
    if example.edition is not None:
        lines.append(f"        edition=Edition.{example.edition.name},")
    return "\n".join([*lines, "    ),\n"])


def _literal(text: str) -> str:
    text = text.replace("\\", r"\\")
    return UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
