# SPDX-License-Identifier: GPL-2.0-or-later
"""Designated initialisers of ops structs: which function is which callback.

A member counts only inside an object whose struct type is named, since other
structs have members of the same names (struct drm_gem_object_funcs).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from checks.source.masking import mask_comments
from checks.source.pattern import pattern

if TYPE_CHECKING:
    from checks.source.image import Fragment

__all__ = ["Initialiser", "Member", "read_initialisers"]

_OPENER = pattern(
    r"\bstruct\s+(\w+)\s+(\w+)(?:\[\w*\])?\s*=\s*\{|\(\s*(?:const\s+)?struct\s+(\w+)\s*\)\s*\{"
)
_HEADING = pattern(r"\bstruct\s+(\w+)\s+(\w+)(?:\[\w*\])?\s*=\s*\{?\s*$")
_MEMBER = pattern(r"\.(\w+)\s*=\s*([^,{}\n]+)")


class Member(NamedTuple):
    """One `.name = value` of an initialiser."""

    name: str
    value: str
    row: int
    """0-based row in the fragment."""


class Initialiser(NamedTuple):
    """One initialised object of a struct type, or what a hunk shows of it."""

    struct: str
    """Struct tag, e.g. `dma_buf_ops`."""
    name: str
    """Name of the object; empty for a compound literal."""
    members: tuple[Member, ...]
    start: int
    end: int
    complete: bool
    """Whether it is shown from its opening to its closing brace."""
    fragment: Fragment

    def member(self, name: str) -> Member | None:
        return next((m for m in self.members if m.name == name), None)


def read_initialisers(fragment: Fragment) -> Iterator[Initialiser]:
    """Yield the initialised ops structs of `fragment`, top to bottom."""
    text = "\n".join(fragment.texts)
    if "_ops" not in text and "_ops" not in fragment.heading:
        return
    text = mask_comments(text)
    opened = _HEADING.search(fragment.heading)
    if opened and text.lstrip()[:1] == ".":
        yield _read(fragment, text, 0, opened.group(1), opened.group(2), shown=False)
    for found in _OPENER.finditer(text):
        struct = found.group(1) or found.group(3)
        yield _read(fragment, text, found.end(), struct, found.group(2) or "", shown=True)


def _read(
    fragment: Fragment, text: str, at: int, struct: str, name: str, *, shown: bool
) -> Initialiser:
    end, depth = at, 1
    while end < len(text) and depth:
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        end += 1
    members = tuple(
        Member(m.group(1), m.group(2).strip().lstrip("&"), fragment.row_at(m.start()))
        for m in _MEMBER.finditer(text, at, end)
    )
    first, last = fragment.row_at(at), fragment.row_at(max(end - 1, 0))
    return Initialiser(struct, name, members, first, last, shown and not depth, fragment)
