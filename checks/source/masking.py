# SPDX-License-Identifier: GPL-2.0-or-later
"""Make a piece of kernel source palatable to a C parser, without moving a character.

Comments, preprocessor lines and sparse annotations become blanks of the same
length, loop macros become `while`.  Lines and columns stay, so that whatever
is found in the masked text is at the same place in the original.
"""

from __future__ import annotations

import re

from checks.source.pattern import pattern

__all__ = ["mask", "mask_comments"]

_TOKEN = pattern(
    r"""/\*.*?(?:\*/|\Z)        # block comment, also one that is cut off
      | //[^\n]*
      | "(?:\\.|[^"\\\n])*(?:"|$)
      | '(?:\\.|[^'\\\n])*(?:'|$)""",
    re.DOTALL | re.VERBOSE | re.MULTILINE,
)
_DIRECTIVE = pattern(r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", re.MULTILINE)
_ANNOTATION = pattern(
    r"\b__(?:user|iomem|force|rcu|percpu|kernel|init|exit|initdata|exitdata|must_check|always_unused"
    r"|maybe_unused|cold|hot|sched|ro_after_init|read_mostly|private|bitwise|nocast|safe|packed"
    r"|init_or_module|net_init|net_exit|ref|refdata|always_inline|no_context_analysis)\b"
)
_CALLED_ANNOTATION = pattern(
    r"\b(?:__(?:free|cleanup|printf|aligned|section|acquires|releases|must_hold|counted_by(?:_ptr)?"
    r"|attribute__|guarded_by)|no_free_ptr_annotation)\s*\((?:[^()\n]|\([^()\n]*\))*\)"
)
_TYPE_ARGUMENT = pattern(r"(?<=[,(])(\s*)(?:struct|union|enum)(?=\s+\w+\s*[,)])")
"""A bare type as an argument, as in `container_of(work, struct foo, member)`."""
_LOOP = pattern(r"\b(?:\w*for_each\w*|scoped_cond_guard)(?=\s*\()")


def _blank(match: re.Match[str]) -> str:
    text = match.group()
    return (
        "\n".join(" " * len(line) for line in text.split("\n")) if "\n" in text else " " * len(text)
    )


def _blank_comment(match: re.Match[str]) -> str:
    return _blank(match) if match.group().startswith("/") else match.group()


def mask_comments(text: str) -> str:
    """Return `text` with its comments blanked, strings kept."""
    if "/" not in text:
        return text
    return _TOKEN.sub(_blank_comment, text)


def _loop(match: re.Match[str]) -> str:
    return "while".ljust(len(match.group()))


def mask(text: str) -> str:
    """Return `text`, its comments masked already, as plain C as it can be made line by line."""
    if "#" in text:
        text = _DIRECTIVE.sub(_blank, text)
    if "__" in text:
        text = _CALLED_ANNOTATION.sub(_blank, _ANNOTATION.sub(_blank, text))
    return _LOOP.sub(_loop, _TYPE_ARGUMENT.sub(_blank, text))
