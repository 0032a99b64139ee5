# SPDX-License-Identifier: GPL-2.0-or-later
"""Text made fit for Markdown: whatever is in a patch stays text.

A forge makes links, images, mentions, references and commands of what it finds
in a comment.  What comes from a patch goes through `text`, `code` or `fence`
and does none of that.
"""

from __future__ import annotations

import re

from bot.render.plain import escape, one_line

__all__ = ["code", "fence", "text"]

_ACTIVE = re.compile(r"@|://|www\.|\w[#!~%$&]\d|^[#!~%$&]\w|^GH-|^[0-9a-f]{7,64}$|:\w+:|mailto:")
"""In a word that a forge could make a mention, a link, a reference or a picture of."""
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_WORD = re.compile(r"(\S+)")


def text(words: str) -> str:
    """`words` as running text, on one line; a word that could become more is shown as code."""
    return _WORD.sub(lambda found: _word(found[1]), one_line(words))


def _word(word: str) -> str:
    return code(word) if _ACTIVE.search(word) else _PUNCTUATION.sub(r"\\\1", word)


def code(words: str) -> str:
    """`words` as code within a line."""
    words = one_line(words).strip() or " "
    marks = "`" * (1 + max(map(len, re.findall("`+", words)), default=0))
    gap = " " if words.startswith("`") or words.endswith("`") else ""
    return f"{marks}{gap}{words}{gap}{marks}"


def fence(block: str, info: str = "") -> str:
    """`block` as lines of code, without a line end at its end."""
    block = escape(block).rstrip("\n")
    marks = "`" * max(3, 1 + max(map(len, re.findall("`+", block)), default=0))
    return f"{marks}{info}\n{block}\n{marks}"
