# SPDX-License-Identifier: GPL-2.0-or-later
"""Reviews as a Code Quality report of GitLab, at the lines of the files as the branch leaves them.

The format has no place for what could not be reviewed
(docs.gitlab.com: Code Quality, Code Quality report format).
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from bot.config import Settings
from bot.landing import shown
from bot.model import Review
from bot.render.plain import escape, valid
from bot.told import numbered
from checks.api import Severity

__all__ = ["render"]

SEVERITIES = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.NOTE: "info"}


def render(reviews: Sequence[Review], settings: Settings) -> str:
    """All that is told of `reviews`, as one JSON array; each fingerprint stands there once."""
    issues = []
    for one in numbered(reviews):
        finding = one.finding
        spot = shown(finding, one.review.posting.series)
        issues.append({
            "description": escape(finding.message),
            "check_name": finding.rule,
            "fingerprint": one.key,
            "severity": SEVERITIES[finding.severity],
            "location": {"path": valid(spot.path), "lines": {"begin": spot.line}},
        })  # fmt: skip
    return json.dumps(issues, indent=1) + "\n"
