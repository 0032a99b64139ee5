# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the line of a finding is once the whole series is applied, or was before any of it.

A finding stands at a line of its own patch.  Whoever shows the series as one
change, such as a forge, counts lines at its end.  Pure: the hunks of the other
patches tell how the line moves.  A line that one of them takes away, or that
cannot be followed through damage, is nowhere, and never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from checks.api import Finding, Patch, Series
from checks.source.change import FileChange
from checks.source.diff import Hunk, Line

__all__ = ["Spot", "follow", "land", "shown"]


class Spot(NamedTuple):
    """A line of a file, at the end of a series or before it."""

    path: str
    line: int
    """1-based."""
    side: str
    """`new`: at the end of the series; `old`: before it."""


def land(finding: Finding, series: Series) -> Spot | None:
    """Where the line of `finding` is in the change that the whole of `series` makes.

    None where it is not part of it any more: another patch added what this one
    takes away, or takes away what this one adds.
    """
    own = finding.patch.number
    if finding.side == "new":
        later = (patch for patch in series.patches if patch.number > own)
        return follow(Spot(finding.file, finding.line, "new"), later)
    earlier = (patch for patch in reversed(series.patches) if patch.number < own)
    change = _change_to(finding.file, _patch_of(finding, series))
    path = change.diff.old_path if change else finding.file
    return follow(Spot(path or finding.file, finding.line, "old"), earlier)


def shown(finding: Finding, series: Series) -> Spot:
    """The line of the files as `series` leaves them that is nearest to `finding`.

    For reports that know one state of the files only.  What a patch takes away is
    shown at the line that follows it.  Where a later patch takes that away, it is
    the line in the files as the finding's own patch leaves them.
    """
    if finding.side == "new":
        return land(finding, series) or Spot(finding.file, finding.line, "new")
    own = _patch_of(finding, series)
    change = _change_to(finding.file, own)
    line = _beside(change, finding.diff_line) if change else finding.line
    here = Spot(finding.file, line, "new")
    later = (patch for patch in series.patches if patch.number > finding.patch.number)
    return follow(here, later) or here


def follow(spot: Spot, patches: Iterable[Patch]) -> Spot | None:
    """Where `spot` is after `patches` (side `new`), or before them, the last one first (`old`)."""
    forward = spot.side == "new"
    for patch in patches:
        for change in patch.change.all_files:
            if change.damage is not None:
                if change.path == spot.path:
                    return None
                continue
            source, target = change.diff.old_path, change.diff.new_path
            if not forward:
                source, target = target, source
            if source != spot.path or (source != target and "\ncopy from " in change.section.text):
                continue
            line = _moved(spot.line, change.hunks, forward)
            if target is None or line is None:
                return None
            spot = Spot(target, line, spot.side)
            break
    return spot


def _moved(number: int, hunks: Iterable[Hunk], forward: bool) -> int | None:
    """The number of a line on the other side of `hunks`; None where it is not there."""
    shift = 0
    for hunk in hunks:
        pairs = [(line.old, line.new) if forward else (line.new, line.old) for line in hunk.lines]
        here = [source for source, _ in pairs if source is not None]
        there = [target for _, target in pairs if target is not None]
        start = (hunk.old_start if forward else hunk.new_start) + (not here)
        if number < start:
            break
        if number < start + len(here):
            return dict(pairs).get(number)
        shift += len(there) - len(here)
    return number + shift


def _patch_of(finding: Finding, series: Series) -> Patch | None:
    return next((one for one in series.patches if one.ref == finding.patch), None)


def _change_to(path: str, patch: Patch | None) -> FileChange | None:
    """The readable change of `patch` to the file that it leaves, or takes away, at `path`."""
    changes = patch.change.files if patch else ()
    return next((change for change in changes if change.path == path), None)


def _beside(change: FileChange, diff_line: int) -> int:
    """Line in the file after `change` that follows a removed one, or else precedes it."""
    near: list[Line] = []
    for hunk in change.hunks:
        if any(line.at == diff_line for line in hunk.lines):
            kept = [line for line in hunk.lines if line.new is not None]
            near = [line for line in kept if line.at > diff_line][:1] or kept[-1:]
    return near[0].new or 1 if near else 1
