# SPDX-License-Identifier: GPL-2.0-or-later
"""The `tree` depth: whole files from a git object store, checked by hash.

No branch is guessed and nothing is checked out.  The `index` line names the
blob that the patch was made against; it is looked up by that name, or among
the after images of the earlier patches of the series.  When the hash of the
rebuilt after image is the one that the line promises, the image is verified.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from checks.source.diff import FileDiff, Hunk, Line

if TYPE_CHECKING:
    from checks.api import Patch
    from checks.source.change import FileChange

__all__ = ["Whole", "apply_hunks", "blob_oid", "find_whole", "place_hunks"]


class Whole(NamedTuple):
    """A file's lines before and after."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    old_rows: dict[int, Line]
    """Which diff line is at which 0-based row before; off from its own number where a hunk slid."""
    new_rows: dict[int, Line]
    verified: bool
    """Whether git's own hashes confirm both."""
    oid: str
    """Full blob hash of the after image."""


def blob_oid(content: bytes) -> str:
    """Git's SHA-1 name of a blob with `content`."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def find_whole(file: FileChange, patch: Patch) -> Whole | None:
    """Return the whole images of `file`, or None when the tree can't give them.

    Falls back to the tree's own version of the path, unverified, when the
    hunks apply to it.
    """
    diff, blobs = file.diff, patch.blobs
    assert blobs is not None
    if diff.old_path is None:
        return _build(b"", diff, exact=True)
    earlier = _earlier_after(diff.old_path, patch)
    if earlier is not None and not diff.old_oid and not diff.hunks:
        return earlier._replace(before=earlier.after, old_rows={}, new_rows={})  # only renamed
    if earlier is not None and diff.old_oid and earlier.oid.startswith(diff.old_oid):
        return _build(_join(earlier.after), diff, exact=True)
    content = blobs.blob(diff.old_oid) if diff.old_oid else None
    if content is not None:
        return _build(content, diff, exact=True)
    content = _join(earlier.after) if earlier is not None else blobs.file(diff.old_path)
    return _build(content, diff, exact=False) if content is not None else None


def _earlier_after(path: str, patch: Patch) -> Whole | None:
    before = patch.previous
    while before is not None:
        file = before.change.file(path)
        if file is not None:
            return file.whole
        before = before.previous
    return None


def _join(lines: tuple[str, ...]) -> bytes:
    return "".join(line + "\n" for line in lines).encode("utf-8", "surrogateescape")


def _build(content: bytes, diff: FileDiff, *, exact: bool) -> Whole | None:
    before = _split(content)
    places = place_hunks(before, diff.hunks, slide=not exact)
    if places is None:
        return None
    after, old_rows, new_rows = apply_hunks(before, diff.hunks, places)
    oid = blob_oid(_join(after))
    verified = (
        exact and bool(diff.new_oid) and (diff.new_path is None or oid.startswith(diff.new_oid))
    )
    return Whole(before, after, old_rows, new_rows, verified, oid)


def _split(content: bytes) -> tuple[str, ...]:
    lines = content.decode("utf-8", "surrogateescape").split("\n")
    return tuple(lines[:-1] if lines and not lines[-1] else lines)


def place_hunks(
    before: tuple[str, ...], hunks: tuple[Hunk, ...], *, slide: bool
) -> tuple[int, ...] | None:
    """Return the 0-based row of `before` at which each hunk starts; None when one does not fit.

    With `slide`, a hunk may sit up to 400 lines away from where it says, as
    `git apply` would look for it; its context must match all the same.
    """
    places: list[int] = []
    least = shift = 0
    for hunk in hunks:
        wanted = tuple(line.text for line in hunk.lines if line.sign != "+")
        start = hunk.old_start + shift - (1 if wanted else 0)
        place = _place(before, wanted, start, least, 400 if slide else 0)
        if place is None:
            return None
        shift += place - start
        least = place + len(wanted)
        places.append(place)
    return tuple(places)


def apply_hunks(
    before: tuple[str, ...], hunks: tuple[Hunk, ...], places: tuple[int, ...]
) -> tuple[tuple[str, ...], dict[int, Line], dict[int, Line]]:
    """Return the lines after, and which diff line is at which row of the lines before and after."""
    after: list[str] = []
    old_rows: dict[int, Line] = {}
    new_rows: dict[int, Line] = {}
    at = 0
    for hunk, place in zip(hunks, places, strict=True):
        after += before[at:place]
        at = place
        for line in hunk.lines:
            if line.sign != "+":
                old_rows[at] = line
                at += 1
            if line.sign != "-":
                new_rows[len(after)] = line
                after.append(line.text)
    return (*after, *before[at:]), old_rows, new_rows


def _place(
    before: tuple[str, ...], wanted: tuple[str, ...], start: int, least: int, reach: int
) -> int | None:
    for distance in range(reach + 1):
        for place in {start - distance, start + distance}:
            if place >= least and before[place : place + len(wanted)] == wanted:
                return place
    return None
