# SPDX-License-Identifier: GPL-2.0-or-later
"""Exports and namespace imports, as they stand in the text (include/linux/export.h).

Only reads; whether an export is right is a rule's business.  The argument
list is kept as written, since a wrong one is what `export-syntax` is about.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from checks.source.pattern import pattern

if TYPE_CHECKING:
    from checks.source.image import Fragment

__all__ = ["Export", "read_exports"]

_MACRO = pattern(
    r"^\s*((?:EXPORT_(?:[A-Z]+_)*SYMBOL|EXPORT_PER_CPU_SYMBOL|MODULE_IMPORT_NS)\w*)\s*\((.*)$"
)


class Export(NamedTuple):
    """One macro call at file level."""

    macro: str
    """e.g. `EXPORT_SYMBOL_NS_GPL`, `MODULE_IMPORT_NS`."""
    arguments: tuple[str, ...]
    """As written, blanks around them removed."""
    row: int
    """0-based row of its first line."""
    fragment: Fragment

    @property
    def symbol(self) -> str:
        return self.arguments[0] if self.arguments else ""

    @property
    def is_export(self) -> bool:
        return self.macro != "MODULE_IMPORT_NS"


def read_exports(fragment: Fragment) -> Iterator[Export]:
    """Yield the export and import macros of `fragment`, top to bottom."""
    for row, text in enumerate(fragment.texts):
        if "EXPORT_" not in text and "MODULE_IMPORT_NS" not in text:
            continue
        found = _MACRO.match(text)
        if not found:
            continue
        rest, following = found.group(2), row
        while ")" not in rest and following + 1 < min(len(fragment.texts), row + 4):
            following += 1
            rest += " " + fragment.texts[following].strip()
        yield Export(
            found.group(1), split_arguments(rest.rpartition(")")[0] or rest), row, fragment
        )


def split_arguments(text: str) -> tuple[str, ...]:
    """Split at the commas that stand outside of quotes."""
    parts, current, quoted = [], "", False
    for char in text:
        quoted ^= char == '"'
        if char == "," and not quoted:
            parts.append(current.strip())
            current = ""
        else:
            current += char
    return (*parts, current.strip()) if current.strip() or parts else ()
