# SPDX-License-Identifier: GPL-2.0-or-later
"""The change as a forge shows it, from merge base to head, and where a finding stands in it.

Pure.  The place is looked up by number and by text: where the two do not
agree, as after a merge into the branch, there is none.
"""

from __future__ import annotations

from typing import NamedTuple

from bot.landing import Spot, land
from checks.api import Finding, Patch, Series
from checks.source.change import FileChange, read_change

__all__ = ["Place", "WholeDiff"]


class Place(NamedTuple):
    """A line of the whole diff."""

    path: str
    """Of the file after the change; before it, for a file that is taken away."""
    old_path: str
    """Of the file before the change; the same as `path` for a new one."""
    side: str
    """`new`, also for a line that stays as it is; `old` for one that is taken away."""
    old: int | None
    """1-based line before the change; None for an added one."""
    new: int | None
    """1-based line after the change; None for one that is taken away."""

    @property
    def line(self) -> int:
        """1-based, on `side`."""
        number = self.new if self.side == "new" else self.old
        assert number is not None
        return number


class WholeDiff:
    """The diff of a whole branch; files that cannot be read are left out."""

    def __init__(self, diff: str) -> None:
        """Take `diff`, as `git diff -M BASE...HEAD` prints it; a file is read when it is needed."""
        self._changes = read_change(Patch(1, "", "", "", diff)).all_files

    def place(self, finding: Finding, series: Series) -> Place | None:
        """Where `finding` of `series`, which is the branch, stands; None where it is not shown."""
        spot = land(finding, series)
        if spot is None:
            return None
        for change in self._changes:
            if spot.side == "new" and change.path != spot.path:
                continue
            if change.damage is None and (place := _place(change, spot, finding)):
                return place
        return None


def _place(change: FileChange, spot: Spot, finding: Finding) -> Place | None:
    old, new = change.diff.old_path, change.diff.new_path
    if (new if spot.side == "new" else old) != spot.path:
        return None
    for line in change.lines:
        number = line.new if spot.side == "new" else line.old
        if number == spot.line and line.text == finding.line_text[1:]:
            side = "old" if line.new is None else "new"
            return Place(new or spot.path, old or spot.path, side, line.old, line.new)
    return None
