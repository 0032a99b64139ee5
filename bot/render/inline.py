# SPDX-License-Identifier: GPL-2.0-or-later
"""What is said of one patch as lines of its diff with remarks below them, for b4 to take apart.

b4 shows the remarks in the diff of its own commit: of the quotation it keeps file,
line number and text of the last line (b4 0.16: `b4/review/_review.py`,
`_extract_comments_from_quoted_reply`).  So that line alone is quoted, below a
hunk header with its very number; where others were left out, b4 would count wrong.
No mail is needed for that.  The words are those of our replies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.model import Review
from bot.render.body import Point, clean, same, told_apart, words
from checks.api import Finding

__all__ = ["inline"]


def inline(review: Review, findings: Iterable[Finding], link_mask: str) -> str:
    """The remarks on one patch, LF line ends; empty for none.

    Each says who speaks, since b4 shows another name above it.

    Parameters
    ----------
    findings: of one patch, in the order of the diff
    """
    return "\n\n".join(_blocks(review, findings, link_mask))


def _blocks(review: Review, findings: Iterable[Finding], link_mask: str) -> Iterator[str]:
    told: set[str] = set()
    last: tuple[str, int, str] | None = None
    for point, first in told_apart(Point(one) for one in findings if _quotable(one)):
        finding = point.finding
        place = (finding.file, finding.line, finding.side)
        if place != last:
            yield _quotation(finding)
            last = place
        if first is not None:
            text = same(review, finding, first)
        else:
            text = words(review, finding, told, link_mask)
        yield f"{clean(text)}\n\n[revokebot: {finding.rule}]"


def _quotable(finding: Finding) -> bool:
    """Whether b4 finds the line; what begins as a file header does is one for it."""
    return finding.file.isprintable() and not finding.line_text.startswith(("--- ", "+++ "))


def _quotation(finding: Finding) -> str:
    path, line = finding.file, finding.line
    # b4 ends a line where Python's splitlines() does, also in its own diff.
    text = next(iter(finding.line_text.splitlines()), "")
    return "\n".join(
        f"> {row}"
        for row in (
            f"diff --git a/{path} b/{path}",
            f"--- a/{path}",
            f"+++ b/{path}",
            f"@@ -{line} +{line} @@",
            text,
        )
    )
