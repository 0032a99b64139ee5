# SPDX-License-Identifier: GPL-2.0-or-later
"""One JSON object a series, on one line: schema `revokebot.review/1` (docs/json.md).

Plain ASCII, so that no character of a mail can reach a terminal or break a
line.  Keys are only ever added to the schema.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from bot.model import Review
from checks.api import Finding, Problem

__all__ = ["render"]

SCHEMA = "revokebot.review/1"


def render(review: Review, files: Sequence[str] | None = None) -> str:
    """Return `review` as one line of JSON, with its line end.

    Parameters
    ----------
    files: for an audit, the files that were looked at
    """
    series = review.posting.series
    return (
        json.dumps(
            {
                "schema": SCHEMA,
                "series": {
                    "msgid": series.msgid,
                    "subject": series.subject,
                    "revision": series.revision,
                    "patches": series.total,
                    "edition": review.edition.value,
                    "context": review.context,
                    "verified": review.verified,
                    **({} if files is None else {"files": list(files)}),
                },
                "findings": [_finding(finding) for finding in review.findings],
                "errors": [_error(problem) for problem in review.errors],
            }
        )
        + "\n"
    )


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "rule": finding.rule,
        "topic": finding.topic,
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "patch": {
            "number": finding.patch.number,
            "msgid": finding.patch.msgid,
            "subject": finding.patch.subject,
        },
        "file": finding.file,
        "line": finding.line,
        "side": finding.side,
        "line_text": finding.line_text,
        "symbol": finding.symbol,
        "message": finding.message,
        "suggestion": finding.suggestion,
        "references": list(finding.references),
        "fingerprint": finding.fingerprint,
    }


def _error(problem: Problem) -> dict[str, str]:
    return {"kind": problem.kind, "where": problem.where, "message": problem.message}
