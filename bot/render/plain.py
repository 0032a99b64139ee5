# SPDX-License-Identifier: GPL-2.0-or-later
"""Text of a mail made fit to be shown: no control character of it gets through.

A mail may hold terminal escape sequences, or marks that turn the direction of
text around (CVE-2021-42574); both are shown as `\\x1b` and the like.  So is what
a runner of GitHub takes for a command to itself when it stands in a job's log.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from checks.source.pattern import pattern

__all__ = ["UNSAFE", "escape", "for_log", "listed", "one_line", "valid", "wrap"]

UNSAFE = pattern(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\ufff9-\ufffb]"
)

_SURROGATE = pattern("[\ud800-\udfff]")
_COMMAND = pattern(r"^([ \t]*)::", re.MULTILINE)


def escape(text: str) -> str:
    """Return `text` with every control character but tab and newline written out.

    A runner of GitHub takes `##[...]` for a command, wherever it stands in a log.
    """
    return UNSAFE.sub(lambda found: _written(found[0]), text).replace("##[", "#\\x23[")


def for_log(text: str) -> str:
    """Return lines, made by `escape`, none of which a runner of GitHub takes for a command.

    It looks for `::` behind the blanks at the start of a line.
    """
    return _COMMAND.sub(r"\1\\x3a:", text)


def one_line(text: str) -> str:
    """Return `text` as one line, for headings and error messages."""
    return escape(text).replace("\n", "\\n").replace("\t", " ")


def valid(path: str) -> str:
    """Return `path` as it is, but for bytes that were no UTF-8, which JSON cannot hold."""
    return _SURROGATE.sub("\ufffd", path)


def listed(counts: Mapping[str, int]) -> str:
    """`counts` as the end of a sentence, the greatest first; empty for none."""
    items = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ": " + ", ".join(f"{number} {name}" for name, number in items) if items else ""


def wrap(text: str, width: int = 72, indent: str = "") -> str:
    """Wrap each paragraph of `text` to `width` columns, never inside a word.

    No line starts with `>`, which would be taken for a quotation.
    """
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n[ \t]*\n", text) if part.strip()]
    return "\n\n".join(_fill(part, width, indent) for part in paragraphs)


def _fill(paragraph: str, width: int, indent: str) -> str:
    # A word that starts with ">" is kept on the line of the word before it.
    first, *words = re.split(" (?!>)", paragraph.lstrip("> "))
    pieces = [indent, first]
    room = width - len(indent) - len(first)
    for word in words:
        room -= 1 + len(word)
        if room >= 0:
            pieces += " ", word
        else:
            pieces += "\n", indent, word
            room = width - len(indent) - len(word)
    return "".join(pieces)


def _written(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
