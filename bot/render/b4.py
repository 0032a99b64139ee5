# SPDX-License-Identifier: GPL-2.0-or-later
"""Reviews as b4's external check protocol has them: a JSON array, an entry for each review.

b4 shows `status` and, when asked, `summary`, `url` and `details`; these are a list
in JSON like that of its own checks, which it shows one finding below the other
(b4 0.16: `b4/review/checks.py`, `TrackingCheckResultsScreen`).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence

from bot.config import Settings
from bot.model import Review
from bot.render.links import links
from bot.render.plain import escape, one_line
from bot.render.text import counted
from bot.told import told
from checks.api import Finding, Problem, Severity

__all__ = ["render"]

TOOL = "revokebot"
STATUSES = {Severity.ERROR: "fail", Severity.WARNING: "warn", Severity.NOTE: "pass"}
RANKS = ("pass", "warn", "fail")


def render(reviews: Sequence[Review], settings: Settings) -> str:
    """All that is told of `reviews`.

    Empty where nothing could be read: with the exit status b4 makes a failure of it,
    and shows what was said on standard error.  A cover letter without its patches
    has no entry.
    """
    entries = [_entry(review, settings) for review in reviews if review.posting.series.patches]
    return json.dumps(entries, indent=1) + "\n" if reviews else ""


def _entry(review: Review, settings: Settings) -> dict[str, str]:
    found = told(review)
    details = [*_findings(review, found, settings.review.link_mask), *map(_problem, review.errors)]
    entry = {
        "tool": TOOL,
        "status": max((one["status"] for one in details), key=RANKS.index, default="pass"),
        "summary": _summary(review, found),
    }
    if details:
        entry["details"] = json.dumps(details)
    if settings.reply.homepage:
        entry["url"] = settings.reply.homepage
    return entry


def _summary(review: Review, found: Sequence[Finding]) -> str:
    words = counted(Counter(finding.severity for finding in found)) if found else "nothing to say"
    if review.errors:
        words += ", not all could be reviewed"
    if not review.posting.series.complete:
        words += ", seen without the rest of the series"
    return words


def _findings(review: Review, found: Sequence[Finding], mask: str) -> Iterator[dict[str, str]]:
    """What b4 shows as `STATE  CONTEXT - DESCRIPTION`, a line of source and a link below."""
    series = review.posting.series
    lone = sum(patch.msgid in review.posting.mails for patch in series.patches) == 1
    for finding in found:
        patch = "" if lone else f"{finding.patch.number}/{series.total} "
        source = escape(finding.line_text)
        if finding.suggestion:
            source += "\n\n" + escape(finding.suggestion).rstrip("\n")
        yield {
            "status": STATUSES[finding.severity],
            "state": finding.severity.value,
            "context": f"{patch}{one_line(finding.file)}:{finding.line}",
            "description": f"{escape(finding.message)} [{finding.rule}]",
            # b4 indents the first line itself.
            "srcline": source.replace("\n", "\n    "),
            "url": next((url for url in links(finding.references, mask) if "://" in url), ""),
        }


def _problem(problem: Problem) -> dict[str, str]:
    crashed = problem.kind == "rule-crashed"
    return {
        "status": "warn",
        "state": "crashed" if crashed else "not reviewed",
        "context": one_line(problem.where if crashed else problem.kind),
        "description": one_line(problem.message),
    }
