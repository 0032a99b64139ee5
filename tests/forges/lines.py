# SPDX-License-Identifier: GPL-2.0-or-later
"""The lines of a change that a forge lets people comment on, as git's own diff has them."""

from __future__ import annotations

from typing import NamedTuple

from tests.web.branches import Repository

__all__ = ["Line", "lines_of"]


class Line(NamedTuple):
    """The two numbers of a line; one that is added, or taken away, has one."""

    old: int | None
    new: int | None


def lines_of(repository: Repository, head: str, path: str) -> dict[Line, str]:
    """The lines of the diff that leads to `path` at `head`, with what they say."""
    found: dict[Line, str] = {}
    here, old, new = False, 0, 0
    for line in repository.git("diff", "-M", f"{repository.base}...{head}").splitlines():
        if line.startswith("diff --git "):
            here = line.endswith(f" b/{path}")
        elif line.startswith("@@ "):
            _, first, second, *_ = line.split(" ")
            old, new = (int(part[1:].split(",")[0]) for part in (first, second))
        elif here and line[:1] in ("+", "-", " ") and not line.startswith(("+++ ", "--- ")):
            sign = line[0]
            found[Line(None if sign == "+" else old, None if sign == "-" else new)] = line[1:]
            old, new = old + (sign != "+"), new + (sign != "-")
    return found
