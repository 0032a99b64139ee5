# SPDX-License-Identifier: GPL-2.0-or-later
"""What b4 gets when it asks for an external review of a series (`b4.sashiko-url`), as JSON.

Pure: from what the store keeps to the answer.  Told is what all channels tell,
without what somebody has silenced.  The shape is that of sashiko's `/api/patchset`,
as far as b4 0.16 reads it (`b4/review/checks.py`, `b4/review/_review.py`).

Ids are numbers for b4.  They are made of message-ids and, for a review, of its
contents: b4 takes a review once, and again when its id has changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from html import escape as escape_html

from bot.incoming import Fate, Stage
from bot.kept import Kept
from bot.model import Review
from bot.render.inline import inline
from bot.render.plain import escape, one_line
from bot.settings import ReplySettings
from bot.sources.subject import parse_subject
from bot.told import told
from checks.api import Finding, Severity

__all__ = ["answer", "page"]

SEVERITIES = {Severity.ERROR: "high", Severity.WARNING: "medium", Severity.NOTE: "low"}
REVIEWED, INCOMPLETE, PENDING = "Reviewed", "Incomplete", "Pending"
STAGES = {Stage.DUE: PENDING, Stage.WORKING: "In Review", Stage.PARKED: "Failed"}
PARTLY = (Fate.INCOMPLETE, Fate.COVER_ONLY)
SILENT = (Fate.OUT_OF_SCOPE, Fate.PULL_REQUEST, Fate.NO_PATCH, Fate.REPLACED)
"""Nothing of these is reviewed, so nobody is told that all is well."""
OTHERS = ("double-part", "older-revisions-unknown", "other-revisions-unknown")
"""Problems that are named by a patch, and are no fault of it."""

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>revokebot</title></head>
<body>
<h1>revokebot</h1>
<p>This answers <code>b4 review</code>: it shows in the patches what revokebot has found in them.
Let <code>git config b4.sashiko-url</code> be the address of this page.</p>
<form action="api/patchset"><p><label>Message-ID of a patch or cover letter:
<input name="id" size="60" maxlength="998" required></label> <button>Ask</button></p></form>
{about}</body>
</html>
"""


def answer(kept: Kept, link_mask: str) -> dict[str, object] | None:
    """The answer about a series; None where there is nothing to tell of it, not even that.

    Parameters
    ----------
    link_mask: URL of a message that is cited, `%s` being its message-id
    """
    status = _status(kept)
    if status is None:
        return None
    cover = kept.review is None or parse_subject(kept.review.posting.series.subject).cover
    patches = [one for one in kept.mails if not cover or one != kept.msgid]
    reviews: list[dict[str, object]] = []
    if status == REVIEWED and kept.review is not None:
        found = [one for one in told(kept.review) if one.fingerprint not in kept.silenced]
        reviews = [_reviewed(kept.review, patch, found, link_mask) for patch in patches]
    return {
        "id": _number(kept.msgid),
        # b4 adds up the findings of all patches for this mail; without a cover it is none.
        "message_id": kept.msgid if cover else "",
        "status": status,
        "patches": [{"id": _number(patch), "message_id": patch} for patch in patches],
        "reviews": reviews,
    }


def page(settings: ReplySettings) -> str:
    """What a person sees who follows one of b4's links: HTML, without a word of any mail."""
    rows = [f"Operator: {settings.operator}"] if settings.operator else []
    rows += [settings.homepage] if settings.homepage else []
    return PAGE.format(about="".join(f"<p>{escape_html(row)}</p>\n" for row in rows))


def _status(kept: Kept) -> str | None:
    """In b4's words; None for silence.

    What was reviewed stays so while its thread is looked at again for another mail.
    """
    if kept.fate in SILENT:
        return None
    if kept.fate in (None, Fate.REVIEWED) and kept.review is not None:
        parts = {problem.kind for problem in kept.review.errors}
        return INCOMPLETE if parts & {"missing-patch", "cover-only"} else REVIEWED
    if kept.fate is Fate.REVIEWED:
        return None
    if kept.stage in STAGES:
        return STAGES[kept.stage]
    if kept.fate is Fate.WAITING:
        return PENDING
    return INCOMPLETE if kept.fate in PARTLY else None


def _reviewed(
    review: Review, patch: str, found: Sequence[Finding], link_mask: str
) -> dict[str, object]:
    """What is told of the patch with the message-id `patch`."""
    mine = [finding for finding in found if finding.patch.msgid == patch]
    findings = [_finding(finding) for finding in mine]
    unseen = _unseen(review, patch)
    values: dict[str, object] = {"status": REVIEWED}
    if unseen and not mine:
        values = {"status": "Failed", "result": unseen}
    elif unseen:
        findings.append({"severity": "low", "problem": unseen, "preexisting": False})
    values |= {
        "output": json.dumps({"findings": findings}),
        "inline_review": inline(review, mine, link_mask),
    }
    return {"id": _number(json.dumps(values)), "patch_id": _number(patch), **values}


def _unseen(review: Review, patch: str) -> str:
    """What could not be reviewed of a patch; empty for nothing."""
    problems = [
        one
        for one in review.errors
        if one.kind == "rule-crashed" or (one.where == patch and one.kind not in OTHERS)
    ]
    if not problems:
        return ""
    first, more = problems[0], len(problems) - 1
    rule = f"rule {first.where}: " if first.kind == "rule-crashed" else ""
    also = f" (and {more} more)" if more else ""
    return f"not all was reviewed: {one_line(rule + first.message)}{also}"


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "severity": SEVERITIES[finding.severity],
        "problem": escape(finding.message),
        "severity_explanation": f"revokebot's rule {finding.rule}",
        "preexisting": False,
        "locations": [{"file": finding.file, "line": finding.line}],
    }


def _number(text: str) -> int:
    """A number that stands for `text`; below 2**48, which every reader of JSON takes as it is."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:6], "big")
