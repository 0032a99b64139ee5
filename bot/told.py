# SPDX-License-Identifier: GPL-2.0-or-later
"""Which findings of a review are told in public, whatever the way: mail, forge, report or b4.

Pure.  How they are said, and whether anything is sent, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bot.ledger import ledger
from bot.model import Review
from checks.api import Confidence, Finding

__all__ = ["Numbered", "numbered", "told"]


class Numbered(NamedTuple):
    """A finding that is told, and what tells it from all others of the same document."""

    review: Review
    finding: Finding
    number: int
    """1-based, among those with the same fingerprint."""

    @property
    def key(self) -> str:
        """The fingerprint, numbered from the second one on."""
        return self.finding.fingerprint + (f"-{self.number}" if self.number > 1 else "")


def told(review: Review) -> tuple[Finding, ...]:
    """The findings of `review` that others are told, in the order of patches and lines.

    Those of low confidence are not among them, nor what a later patch of the series mends.
    """
    spoken = (entry.finding for entry in ledger(review, (), ()) if entry.spoken)
    found = (finding for finding in spoken if finding.confidence is not Confidence.LOW)
    return tuple(sorted(found, key=lambda one: (one.patch.number, one.diff_line)))


def numbered(reviews: Sequence[Review]) -> Iterator[Numbered]:
    """All that is told of `reviews`, in the order of series, patches and lines."""
    seen: dict[str, int] = {}
    for review in reviews:
        for finding in told(review):
            mark = finding.fingerprint
            seen[mark] = seen.get(mark, 0) + 1
            yield Numbered(review, finding, seen[mark])
