# SPDX-License-Identifier: GPL-2.0-or-later
"""Reviews as one Markdown document, which is also the summary of a job.

All that is told of each series, in full, at the lines of its patches.  Clean,
skipped, crashed and incomplete series say so in their first line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from bot.config import Settings
from bot.model import Review
from bot.render.body import Point, told_apart
from bot.render.comment import Entry, entry, footer, most_that_fit, problems, said, seen, title
from bot.render.templates import fill
from bot.render.text import summary
from bot.review import choose
from bot.told import told
from checks import load_rules
from checks.scope import Scope, in_scope, scope_of

__all__ = ["render"]

MOST = 1 << 26
"""Characters, where the caller knows no limit: more than anybody reads."""
MOST_SAID = 60_000
"""Of one remark."""


class Part(NamedTuple):
    """What is said of one series."""

    values: Mapping[str, object]
    entries: tuple[str, ...]


def render(reviews: Sequence[Review], settings: Settings, most: int = MOST) -> str:
    """All that is told of `reviews`, as far as `most` characters take it."""
    rules = choose(load_rules(), settings.review.select, settings.review.ignore)
    scope = scope_of(rules)
    parts = [_part(review, scope, settings.review.link_mask) for review in reviews]
    findings = [finding for review in reviews for finding in told(review)]
    last = footer(findings, settings.reply, answers=False)

    def document(number: int) -> str:
        """With the first `number` findings."""
        shown = []
        for part in parts:
            entries = part.entries[:number]
            number -= len(entries)
            more = len(part.entries) - len(entries)
            shown.append({**part.values, "entries": entries, "more": more})
        return fill("document.md.j2", {"reviews": shown, **last}) + "\n"

    return most_that_fit(sum(len(part.entries) for part in parts), document, most)


def _part(review: Review, scope: tuple[Scope, ...], link_mask: str) -> Part:
    series = review.posting.series
    public = review._replace(findings=told(review))
    values: dict[str, object] = {
        "subject": title(series.subject),
        "summary": summary(public, in_scope=in_scope(series, scope)),
        **problems([review]),
        **seen([review]),
    }
    return Part(values, tuple(_entries(public, link_mask)))


def _entries(review: Review, link_mask: str) -> Iterator[str]:
    known: set[str] = set()
    for _, group in groupby(review.findings, lambda one: one.patch.number):
        for point, first in told_apart(map(Point, group)):
            finding = point.finding
            text = said(review, finding, first, known, link_mask, MOST_SAID)
            yield entry(Entry(review, finding, finding.file, finding.line, ""), text)
