# SPDX-License-Identifier: GPL-2.0-or-later
"""Of the review of a series, what is said of the mails that somebody asked about.

For tools that give one patch at a time.  Pure.
"""

from __future__ import annotations

from bot.model import Review
from bot.told import told
from checks.api import Problem

__all__ = ["asked"]

ELSEWHERE = ("counter-patch", "cover-only", "double-part", "missing-patch")
"""Problems that are no fault of the mail that was asked about."""


def asked(review: Review) -> Review:
    """`review` with what is told of the mails of its posting; of a cover letter's, of all patches.

    That the rest of the series is not here is no problem then.
    """
    series, mails = review.posting.series, review.posting.mails
    mine = {patch.msgid for patch in series.patches if patch.msgid in mails}
    mine = mine or {patch.msgid for patch in series.patches}
    return review._replace(
        findings=tuple(finding for finding in told(review) if finding.patch.msgid in mine),
        errors=tuple(one for one in review.errors if _concerns(one, mine | mails.keys())),
    )


def _concerns(problem: Problem, mails: set[str]) -> bool:
    if problem.kind == "rule-crashed":
        return True
    return problem.kind not in ELSEWHERE and problem.where in mails
