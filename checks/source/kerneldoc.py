# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernel-doc comments and whom they belong to (Documentation/doc-guide/kernel-doc.rst).

Works on any fragment: a comment whose start or end lies outside the diff is
returned with what is shown of it, and says so.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from checks.source.pattern import pattern

if TYPE_CHECKING:
    from checks.source.image import Fragment

__all__ = ["KernelDoc", "read_kernel_docs"]

_TITLE = pattern(r"(?:(struct|union|enum|typedef|define)\s+)?(\w+)\s*(?:\(\s*\))?\s*(?:[-:]|$)")
_MEMBER = pattern(r"@([\w.]+)(?:\.\.\.)?\s*(:?)")
_FUNCTION = pattern(r"(\w+)\s*\((?!\*)")
_STRUCT = pattern(r"(struct|union|enum)\s+(\w+)\s*\{?\s*$")
_MEMBER_POINTER = pattern(r"\(\s*\*\s*(\w+)\s*\)\s*\(")
_MEMBER_FIELD = pattern(r"(\w+)\s*(?:\[[^\]]*\])?\s*;")


class KernelDoc(NamedTuple):
    """One kernel-doc comment, or what a fragment shows of it."""

    kind: str
    """`function`, `struct`, `member`, `DOC`, or `unknown` when the title is not shown."""
    name: str
    """The documented identifier; empty when unknown."""
    owner: str
    """The function that follows, or the struct around a member comment; empty when not shown."""
    start: int
    """0-based row of the first line shown."""
    end: int
    """0-based row of the last line shown."""
    text: tuple[tuple[int, str], ...]
    """(row, text without the leading ` * `) of each line between the delimiters."""
    fragment: Fragment
    starts: bool
    """Whether the opening line is shown."""
    ends: bool
    """Whether the closing line is shown."""

    @property
    def symbol(self) -> str:
        """What the comment documents: the identifier, for a member its struct."""
        if self.kind == "member":
            return f"struct {self.owner}" if self.owner else self.name
        return self.name or self.owner

    @property
    def prose(self) -> str:
        """The whole text as one line, for looking for words."""
        return " ".join(text.strip() for _, text in self.text)

    @property
    def added_rows(self) -> tuple[int, ...]:
        """Rows that the diff adds."""
        return tuple(row for row in range(self.start, self.end + 1) if self.fragment.is_added(row))


def read_kernel_docs(fragment: Fragment) -> tuple[KernelDoc, ...]:
    """Return the kernel-doc comments of `fragment`, top to bottom."""
    docs, texts = [], fragment.texts
    row, struct = 0, _struct_name(fragment.heading)
    begin = _cut_start(texts)
    if begin is not None:
        docs.append(_read(fragment, 0, begin, struct, starts=False, ends=begin < len(texts)))
        row = begin + 1
    while row < len(texts):
        stripped = texts[row].strip()
        if stripped.startswith("/**") and not stripped.startswith("/***"):
            end = _end_row(texts, row)
            docs.append(_read(fragment, row, end, struct, starts=True, ends=end < len(texts)))
            row = end
        elif not texts[row][:1].isspace():
            struct = _struct_name(texts[row]) or ("" if texts[row].startswith("}") else struct)
        row += 1
    return tuple(docs)


def _struct_name(text: str) -> str:
    found = _STRUCT.search(text)
    return found.group(2) if found else ""


def _cut_start(texts: tuple[str, ...]) -> int | None:
    """Row of the end of a comment that began before the fragment; None when there is none."""
    for row, text in enumerate(texts):
        stripped = text.strip()
        if not stripped:
            continue
        if not (stripped == "*" or stripped.startswith(("* ", "*\t", "*/"))):
            return row if row and "*/" in text and "/*" not in text else None
        if "*/" in text:
            return row
    return len(texts) if any(text.strip() for text in texts) else None


def _end_row(texts: tuple[str, ...], start: int) -> int:
    for row in range(start, len(texts)):
        if "*/" in texts[row]:
            return row
    return len(texts)


def _read(
    fragment: Fragment, start: int, end: int, struct: str, *, starts: bool, ends: bool
) -> KernelDoc:
    last = min(end, len(fragment.texts) - 1)
    text = tuple((row, _content(fragment.texts[row])) for row in range(start, last + 1))
    following = _following(fragment, end + 1) if ends else ""
    kind, name = _title(text) if starts else ("unknown", "")
    owner = _owner(following)
    if kind == "member" or (kind == "unknown" and struct and following[:1].isspace()):
        return KernelDoc(
            "member", name or _field(following), struct, start, last, text, fragment, starts, ends
        )
    return KernelDoc(kind, name, owner, start, last, text, fragment, starts, ends)


def _content(line: str) -> str:
    text = line.strip()
    if text.startswith("/**"):
        text = text[3:]
    text = text.removesuffix("*/")
    if text.startswith("*"):
        text = text[1:].removeprefix(" ")
    return text.rstrip()


def _title(text: tuple[tuple[int, str], ...]) -> tuple[str, str]:
    for _, line in text:
        line = line.strip()
        if not line:
            continue
        if line.startswith("DOC:"):
            return "DOC", line[4:].strip()
        member = _MEMBER.match(line)
        if member:
            return "member", member.group(1)
        title = _TITLE.match(line)
        if title:
            return ("struct" if title.group(1) else "function"), title.group(2)
        return "unknown", ""
    return "unknown", ""


def _following(fragment: Fragment, row: int) -> str:
    """The declaration after a comment, up to its `{` or `;`, on one line."""
    parts: list[str] = []
    for text in fragment.texts[row : row + 8]:
        if not text.strip() and not parts:
            return ""
        parts.append(text)
        if "{" in text or ";" in text or text.strip().endswith(")"):
            break
    indent = parts[0][: len(parts[0]) - len(parts[0].lstrip())] if parts else ""
    return indent + " ".join(part.strip() for part in parts)


def _owner(declaration: str) -> str:
    struct = re.match(r"(?:typedef\s+)?(?:struct|union|enum)\s+(\w+)\s*\{", declaration)
    if struct:
        return struct.group(1)
    found = _FUNCTION.search(declaration)
    return found.group(1) if found else ""


def _field(declaration: str) -> str:
    found = _MEMBER_POINTER.search(declaration) or _MEMBER_FIELD.search(declaration)
    return found.group(1) if found else ""
