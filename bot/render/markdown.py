# SPDX-License-Identifier: GPL-2.0-or-later
"""Text made fit for Markdown: whatever is in a patch stays text.

A forge makes links, images, mentions, references and commands of what it finds
in a comment, most of it after Markdown has been read, so that a backslash is no
help.  Only plain words and numbers are let through; all else is shown as code,
in which no forge looks for anything, and which is how a person writes names of C.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from bot.render.plain import escape, one_line
from checks.source.pattern import pattern

__all__ = ["Made", "code", "fence", "link", "source", "text", "wrap"]

_LETTERS = r"[^\W\d_]+"
_PLAIN = pattern(
    rf"{_LETTERS}(?:['\u2019/-]{_LETTERS})*"  # words, also can't, kernel-doc, and/or
    r"|(?:[^\W\d_]\.)+[^\W\d_]"  # e.g, i.e
    rf"|[0-9]{{1,6}}(?:-{_LETTERS})*"
    r"|v?[0-9]{1,4}(?:\.[0-9]{1,4})+(?:-rc[0-9]{1,2})?"
    r"|[-\u2013\u2014]"
)
_REFERENCE = pattern(r"(?:gh|gl|cve|ghsa)-|(?<![^\W_])[0-9a-f]{7,}(?![^\W_])", re.IGNORECASE)
"""Words that are plain, and that a forge makes links of: GH-1, and hashes of commits."""
BEFORE, AFTER = "(\"'\u201c\u2018", ".,;:?!)\"'\u201d\u2019"
"""Punctuation of prose around a word, which means nothing to Markdown there."""
_PIECE = pattern(
    rf"[{BEFORE}]*`[^`]{{1,400}}`[{AFTER}]*(?!\S)"
    rf"|[{BEFORE}]*[\w>.&*-]{{0,80}}\w\((?:[^()`]|\([^()`]{{0,80}}\)){{0,160}}\)[{AFTER}]*(?!\S)"
    r"|\S+"
)
"""What is shown as one: marked as code already, a call in C with its arguments, a word."""
_NUMBERED = pattern(r"([0-9]+)([.)]\W*)")
_FIRST = pattern(rf"[^\w{BEFORE}`]")
"""With what a line may not start, lest it be a list or the like."""
_TICKS = pattern(r"`+")
_ADDRESS = pattern(r"https?://[^\s/]")
_URL_SAFE = "%/:?#@!$&'*+,=~-._"


class Made(str):
    """Text that is Markdown already: a template puts it in as it is."""

    __slots__ = ()

    def __html__(self) -> str:
        return self


def text(words: str) -> Made:
    """`words` as running text on one line, each blank as one space."""
    pieces = _PIECE.findall(" ".join(one_line(words).split()))
    shown = [_piece(piece) for piece in pieces]
    if shown and (numbered := _NUMBERED.fullmatch(shown[0])):
        shown[0] = f"{numbered[1]}\\{numbered[2]}"
    elif shown and _FIRST.match(shown[0]):
        shown[0] = code(pieces[0])
    return Made(" ".join(shown))


def _piece(piece: str) -> str:
    start = piece.lstrip(BEFORE)
    core = start.rstrip(AFTER)
    before, after = piece[: len(piece) - len(start)], start[len(core) :]
    if len(core) > 2 and core[0] == core[-1] == "`" and "`" not in core[1:-1]:
        return f"{before}{code(core[1:-1])}{after}"
    while ")" in after and core.count("(") > core.count(")"):
        inner, _, after = after.partition(")")
        core += f"{inner})"
    plain = not core or (_PLAIN.fullmatch(core) and not _REFERENCE.search(core))
    return f"{before}{core if plain else code(core)}{after}"


def wrap(words: str) -> Made:
    """`words` as paragraphs, which is what `bot.render.plain.wrap` makes of them for a mail."""
    parts = re.split(r"\n[ \t]*\n", words)
    return Made("\n\n".join(text(" ".join(part.split())) for part in parts if part.strip()))


def code(words: str) -> Made:
    """`words` as code within a line."""
    words = one_line(words).strip() or " "
    marks = "`" * (1 + max(map(len, _TICKS.findall(words)), default=0))
    gap = " " if words.startswith("`") or words.endswith("`") else ""
    return Made(f"{marks}{gap}{words}{gap}{marks}")


def fence(block: str, info: str = "") -> Made:
    """`block` as lines of code, without a line end at its end."""
    # GitLab's search for quick actions takes any line of three for the end of a block.
    block = re.sub("^```", r"\\x60``", escape(block).rstrip("\n"), flags=re.MULTILINE)
    marks = "`" * max(3, 1 + max(map(len, _TICKS.findall(block)), default=0))
    return Made(f"{marks}{info}\n{block}\n{marks}")


def link(label: str, url: str) -> Made:
    """`label`, which is Markdown, as a link to `url`, if that is one of a web page."""
    if not _ADDRESS.match(url):
        return Made(label)
    if "]" in label:  # `[...]:` at the start of a line would define something, even within code
        return Made(f"{label} {source(url)}")
    return Made(f"[{label}]({_quoted(url)})")


def source(place: str) -> Made:
    """A source of a rule: the URL of a message as a link that shows it, a path as code."""
    return Made(f"<{_quoted(place)}>") if _ADDRESS.match(place) else code(place)


def _quoted(url: str) -> str:
    return quote(url, safe=_URL_SAFE, errors="replace")
