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
from bot.render.plain import escape
from bot.told import told
from checks.api import Severity

__all__ = ["render"]

SEVERITIES = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.NOTE: "info"}


def render(reviews: Sequence[Review], settings: Settings) -> str:
    """All that is told of `reviews`, as one JSON array; each fingerprint stands there once."""
    issues = []
    seen: dict[str, int] = {}
    for review in reviews:
        for finding in told(review):
            spot = shown(finding, review.posting.series)
            again = seen[finding.fingerprint] = seen.get(finding.fingerprint, 0) + 1
            issues.append({
                "description": escape(finding.message),
                "check_name": finding.rule,
                "fingerprint": finding.fingerprint + (f"-{again}" if again > 1 else ""),
                "severity": SEVERITIES[finding.severity],
                "location": {"path": spot.path, "lines": {"begin": spot.line}},
            })  # fmt: skip
    return json.dumps(issues, indent=1) + "\n"
