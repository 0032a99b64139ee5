# SPDX-License-Identifier: GPL-2.0-or-later
"""Which findings of a review are told in public, whatever the way: mail, forge, report or b4.

Pure.  How they are said, and whether anything is sent, is decided elsewhere.
"""

from __future__ import annotations

from bot.ledger import ledger
from bot.model import Review
from checks.api import Confidence, Finding

__all__ = ["told"]


def told(review: Review) -> tuple[Finding, ...]:
    """The findings of `review` that others are told, in the order of patches and lines.

    Those of low confidence are not among them, nor what a later patch of the series mends.
    """
    spoken = (entry.finding for entry in ledger(review, (), ()) if entry.spoken)
    found = (finding for finding in spoken if finding.confidence is not Confidence.LOW)
    return tuple(sorted(found, key=lambda one: (one.patch.number, one.diff_line)))
