# SPDX-License-Identifier: GPL-2.0-or-later
"""The rules as one Markdown page: a table of contents, then each with reason, examples and sources.

CommonMark with tables, as forges show it.  What a rule file says is text, and
no character of it is taken for markup; a diff goes into a fence that is longer
than any in it.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from bot.render.links import links
from bot.render.plain import escape
from checks import TOPICS
from checks.api import Bad, Good, Rule
from checks.source.pattern import pattern

__all__ = ["page", "section"]

WIDTH = 100
"""Columns of the lines of text; nothing inside of a diff is wrapped."""

_SPECIAL = pattern(r"[\\`*\[\]<>&|~#]|(?<!\w)_|_(?!\w)")
"""What CommonMark may take for markup anywhere in a line; a `_` inside of a name is none."""
_LEADING = pattern(r"^([-+=]|\d+[.)])(?=\s|$|[-=])", re.MULTILINE)
"""What it takes for a list or the line below a heading, at the start of a line."""
_TICKS = pattern(r"`+")

INTRODUCTION = """\
What each rule asks for, and why. `revokebot rules --format markdown` writes this page from the
files of the rules; the lines that a rule fires on are named below the example, and tests hold it to
them.
"""


def page(rules: Sequence[Rule], link_mask: str) -> str:
    """Return the page about `rules`.

    Parameters
    ----------
    link_mask: URL of a message, with `%s` for its id
    """
    topics = [(topic, [rule for rule in rules if rule.topic == topic]) for topic in TOPICS]
    topics = [(topic, members) for topic, members in topics if members]
    blocks = ["# Rules", INTRODUCTION.rstrip("\n"), "\n".join(_contents(topics))]
    for topic, members in topics:
        blocks.append(f"## {topic}")
        blocks += (section(rule, link_mask).rstrip("\n") for rule in members)
    return "\n\n".join(blocks) + "\n"


def section(rule: Rule, link_mask: str) -> str:
    """Return the part about one rule."""
    blocks = [
        f"### {rule.id}",
        f"**{_text(rule.title)}**",
        "\n".join(_facts(rule)),
        *(_text(part) for part in re.split(r"\n[ \t]*\n", rule.rationale)),
    ]
    for bad in rule.bad:
        blocks += _bad(bad)
    for good in rule.good:
        blocks += _good(good)
    blocks.append("\n".join(["Sources:", "", *_sources(rule, link_mask)]))
    return "\n\n".join(blocks) + "\n"


def _contents(topics: Iterable[tuple[str, Sequence[Rule]]]) -> Iterator[str]:
    for topic, members in topics:
        yield f"- [{topic}](#{topic})"
        for rule in members:
            title = _text(rule.title).replace("\n", " ")
            yield f"    - [{rule.id}](#{rule.id}): {title}"


def _facts(rule: Rule) -> Iterator[str]:
    meta = rule.meta
    yield "| topic | severity | confidence | editions |"
    yield "|---|---|---|---|"
    editions = ", ".join(meta.editions)
    yield f"| {rule.topic} | {meta.severity} | {meta.confidence} | {editions} |"


def _bad(bad: Bad) -> Iterator[str]:
    yield f"Bad{_notes(bad)}:"
    yield _fence(bad.diff)
    places = [f"- {_code(line)}" for line in bad.at]
    yield "\n".join(["It is told of at", "", *places])


def _good(good: Good) -> Iterator[str]:
    yield f"Good{_notes(good)}, {_text(good.why)}:"
    yield _fence(good.diff)


def _notes(example: Bad | Good) -> str:
    notes = [f"edition {example.edition}"] if example.edition else []
    notes += ["a known gap"] if example.todo else []
    return f" ({', '.join(notes)})" if notes else ""


def _sources(rule: Rule, link_mask: str) -> Iterator[str]:
    for source, link in zip(rule.meta.sources, links(rule.meta.sources, link_mask), strict=True):
        yield f"- <{link}>" if "@" in source and "://" in link else f"- {_code(link)}"


def _fence(diff: str) -> str:
    marks = "`" * max(3, _longest(diff) + 1)
    return f"{marks}diff\n{escape(diff).rstrip()}\n{marks}"


def _code(text: str) -> str:
    """`text` as a code span."""
    marks = "`" * (_longest(text) + 1)
    gap = " " if text[:1] == "`" or text[-1:] == "`" else ""
    return f"{marks}{gap}{escape(text)}{gap}{marks}"


def _longest(text: str) -> int:
    """Length of the longest run of backticks."""
    return max(map(len, _TICKS.findall(text)), default=0)


def _text(text: str) -> str:
    """`text` as one paragraph that says what it says, whatever characters are in it."""
    words = _SPECIAL.sub(lambda found: "\\" + found[0], escape(" ".join(text.split())))
    lines = textwrap.wrap(words, WIDTH, break_long_words=False, break_on_hyphens=False)
    return _LEADING.sub(lambda found: found[1][:-1] + "\\" + found[1][-1], "\n".join(lines))
