# SPDX-License-Identifier: GPL-2.0-or-later
"""Reviews in reviewdog's Diagnostic Format, at the lines of the files as the series leaves them.

reviewdog puts a message into a comment as it is, so that it is Markdown here, in which what
comes from a patch stays text.  The format has no place for what could not be reviewed
(github.com/reviewdog/reviewdog: proto/rdf).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from bot.config import Settings
from bot.landing import shown
from bot.model import Review
from bot.render.links import links
from bot.render.markdown import fence, wrap
from bot.render.plain import valid
from bot.told import told
from checks.api import Finding, Series, Severity

__all__ = ["render", "render_lines"]

SEVERITIES = {Severity.ERROR: "ERROR", Severity.WARNING: "WARNING", Severity.NOTE: "INFO"}
HTTP = ("https://", "http://")


def render(reviews: Sequence[Review], settings: Settings) -> str:
    """All that is told of `reviews`, as one JSON object (`rdjson`)."""
    diagnostics = list(_diagnostics(reviews, settings))
    document = {"source": _source(settings), "diagnostics": diagnostics}
    return json.dumps(document, indent=1) + "\n"


def render_lines(reviews: Sequence[Review], settings: Settings) -> str:
    """The same, a line of JSON for each (`rdjsonl`); nothing where there is none."""
    source = {"source": _source(settings)}
    return "".join(json.dumps(one | source) + "\n" for one in _diagnostics(reviews, settings))


def _source(settings: Settings) -> dict[str, str]:
    url = settings.reply.homepage
    return {"name": "revokebot", **({"url": url} if url.startswith(HTTP) else {})}


def _diagnostics(reviews: Sequence[Review], settings: Settings) -> Iterator[dict[str, object]]:
    for review in reviews:
        for finding in told(review):
            yield _diagnostic(finding, review.posting.series, settings.review.link_mask)


def _diagnostic(finding: Finding, series: Series, mask: str) -> dict[str, object]:
    spot = shown(finding, series)
    words: str = wrap(finding.message) or finding.rule
    if finding.suggestion:
        words += f"\n\nSuggested change:\n\n{fence(finding.suggestion, 'diff')}"
    code = {"value": finding.rule}
    for link in links(finding.references, mask):
        if link.startswith(HTTP):
            code.setdefault("url", link)
    return {
        "message": words,
        "location": {"path": valid(spot.path), "range": {"start": {"line": spot.line}}},
        "severity": SEVERITIES[finding.severity],
        "code": code,
    }
