# SPDX-License-Identifier: GPL-2.0-or-later
"""The correct series that are broken, each made from the states of a small source tree.

A folder of `originals/` is a series; its numbered folders hold the files that
a patch leaves, `0` those that were there before.  Diffs are made here, so that
a mutant is an ordinary edit of a file and its hunks are always right.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

from checks.api import Edition, Patch, Series
from checks.source.blobs import blob_oid
from tests.checks.build import diff_of

__all__ = ["ORIGINALS", "Base", "Original", "States", "series_of", "states_of"]

HERE = Path(__file__).parent / "originals"

States = tuple[dict[str, str], ...]
"""For each patch, and the base before them: what each file of it is then."""


class Original(NamedTuple):
    """One correct series."""

    name: str
    edition: Edition | None
    """Of the tree it is for; None where the series itself shows it."""
    aside: tuple[str, ...] = ()
    """Rules that have their say on it all the same, as on what was overtaken by mainline."""


ORIGINALS = (
    Original("exporter", Edition.MERGED),
    Original("revoke", Edition.MERGED),
    Original("old-exporter", Edition.MOVE_NOTIFY),
    Original("importer", Edition.MERGED),
    Original("old-importer", Edition.MOVE_NOTIFY),
    Original("fences", Edition.MERGED),
    Original("core", None),
    # A function of the core that does nothing is what the seed asked for and mainline refused.
    Original("sentinel", None, aside=("stub-callback",)),
)


class Base:
    """The source tree before a series, as the object store of the `tree` depth."""

    def __init__(self, states: States) -> None:
        self.files = {path: text.encode() for path, text in states[0].items()}

    def blob(self, oid: str) -> bytes | None:
        """The file whose git hash starts with `oid`."""
        return next((b for b in self.files.values() if blob_oid(b).startswith(oid)), None)

    def file(self, path: str) -> bytes | None:
        return self.files.get(path)


@cache
def states_of(name: str) -> States:
    """The files of `name` after each patch; the first entry is the base."""
    folder = HERE / name
    count = max(int(entry.name) for entry in folder.iterdir())
    return tuple(_files(folder / str(number)) for number in range(count + 1))


def _files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def series_of(states: States) -> Series:
    """Make the series that leads from the first of `states` through all the others."""
    tree = dict(states[0])
    patches = []
    for number, files in enumerate(states[1:], 1):
        diff = "".join(_diff(path, tree.get(path), text) for path, text in files.items())
        tree |= files
        subject = f"[PATCH {number}/{len(states) - 1}] misc: change the example"
        message = "The next user needs this because its memory can go away.\n"
        patches.append(Patch(number, f"mutant-{number}@localhost", subject, message, diff))
    sent = datetime(2026, 10, 1, tzinfo=UTC)
    return Series(patches[0].msgid, patches[0].subject, 1, tuple(patches), len(patches), sent)


def _diff(path: str, before: str | None, after: str) -> str:
    old = "0" * 12 if before is None else blob_oid(before.encode())[:12]
    index = f"index {old}..{blob_oid(after.encode())[:12]}"
    mode = "new file mode 100644\n" if before is None else ""
    diff = diff_of(before or "", after, path)
    head = f"diff --git a/{path} b/{path}\n"
    diff = diff.replace(head, f"{head}{mode}{index}\n", 1)
    return diff if before is not None else diff.replace(f"--- a/{path}\n", "--- /dev/null\n", 1)
