# SPDX-License-Identifier: GPL-2.0-or-later
"""Make patches from the two versions of a file, so that tests need no hand-counted hunks."""

from __future__ import annotations

import difflib

from checks.api import Patch, Series


def diff_of(before: str, after: str, path: str = "drivers/misc/frob.c", context: int = 3) -> str:
    """A git-style diff between two texts, with the section headings of git's C driver."""
    old, new = before.splitlines(), after.splitlines()
    lines = list(difflib.unified_diff(old, new, f"a/{path}", f"b/{path}", lineterm="", n=context))
    for n, line in enumerate(lines):
        if line.startswith("@@ "):
            lines[n] = f"{line} {_heading(old, int(line.split()[1].split(',')[0][1:]))}".rstrip()
    return "\n".join([f"diff --git a/{path} b/{path}", *lines]) + "\n" if lines else ""


def _heading(old: list[str], start: int) -> str:
    for line in reversed(old[: start - 1]):
        if (line[:1].isalpha() or line[:1] == "_") and not line.rstrip().endswith(":"):
            return line
    return ""


def patch_of(diff: str, number: int = 1) -> Patch:
    return Patch(number, f"{number}@test", f"[PATCH {number}] test", "", diff)


def series_of(*diffs: str) -> Series:
    patches = tuple(patch_of(diff, n) for n, diff in enumerate(diffs, 1))
    return Series("1@test", "[PATCH] test", 1, patches, len(patches))


def after(patch: Patch, path: str) -> str:
    """A file as `patch` leaves it: what its hunks show at their places, and fillers between."""
    file = patch.change.file(path)
    assert file is not None
    shown = file.after.fragments
    last = max(fragment.first + len(fragment.texts) for fragment in shown)
    lines = [f"/* line {number} */" for number in range(1, last)]
    for fragment in shown:
        lines[fragment.first - 1 : fragment.first - 1 + len(fragment.texts)] = fragment.texts
    return "".join(line + "\n" for line in lines)
