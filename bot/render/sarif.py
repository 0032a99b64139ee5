# SPDX-License-Identifier: GPL-2.0-or-later
"""Reviews as SARIF 2.1.0: one run, at the lines of the files as the series leaves them.

What could not be reviewed is a notification of the run, which then was not a
success.  No time and no machine is named, so that the same reviews give the same bytes
(OASIS SARIF 2.1.0; docs.github.com: SARIF support for code scanning).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from bot import __version__
from bot.config import Settings
from bot.landing import shown
from bot.model import Review
from bot.render.links import links
from bot.render.plain import escape, one_line
from bot.render.text import ASIDE, in_full
from bot.review import choose
from bot.told import Numbered, numbered
from checks import load_rules
from checks.api import Problem, Rule, Severity
from checks.source.pattern import pattern

__all__ = ["render"]

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
ROOT = "%SRCROOT%"
"""What a path begins at; code scanning knows this name."""
LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}
_ARGUMENT = pattern(r"\{(\d+)\}")
"""What a message has in it where an argument belongs (3.11.5)."""


def render(reviews: Sequence[Review], settings: Settings, failed: Sequence[Problem] = ()) -> str:
    """All that is told of `reviews`, and what could not be reviewed.

    Parameters
    ----------
    failed: sources that there is no review of
    """
    rules = choose(load_rules(), settings.review.select, settings.review.ignore)
    index = {rule.id: number for number, rule in enumerate(rules)}
    problems = [*failed, *(problem for review in reviews for problem in review.errors)]
    run = {
        "tool": {"driver": _driver(rules, settings)},
        "invocations": [
            {
                "executionSuccessful": all(problem.kind in ASIDE for problem in problems),
                "toolExecutionNotifications": [_notification(one, index) for one in problems],
            }
        ],
        "originalUriBaseIds": {ROOT: {"description": {"text": "The top of the source tree."}}},
        "results": [_result(one, index) for one in numbered(reviews)],
        "properties": {"series": [_series(review) for review in reviews]},
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def _driver(rules: Sequence[Rule], settings: Settings) -> dict[str, object]:
    driver: dict[str, object] = {
        "name": "revokebot",
        "version": __version__,
        "semanticVersion": __version__,
        "rules": [_rule(rule, settings.review.link_mask) for rule in rules],
    }
    if "://" in settings.reply.homepage:
        driver["informationUri"] = quote(settings.reply.homepage, safe="%/:?#@!$&'*+,=~;")
    return driver


def _rule(rule: Rule, mask: str) -> dict[str, object]:
    sources = "\n".join(f"- {link}" for link in links(rule.meta.sources, mask))
    return {
        "id": rule.id,
        "shortDescription": _message(rule.title),
        "fullDescription": _message(rule.rationale),
        "help": _message(f"{rule.rationale}\n\nSources:\n{sources}"),
        "defaultConfiguration": {"level": LEVELS[rule.meta.severity]},
        "properties": {"tags": [rule.topic], "precision": rule.meta.confidence.value},
    }


def _result(one: Numbered, index: Mapping[str, int]) -> dict[str, object]:
    finding, series = one.finding, one.review.posting.series
    spot = shown(finding, series)
    region: dict[str, object] = {"startLine": spot.line}
    if finding.side == "new":
        region["snippet"] = {"text": escape(finding.line_text[1:])}
    location: dict[str, object] = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(spot.path), "uriBaseId": ROOT},
            "region": region,
        }
    }
    if finding.symbol:
        location["logicalLocations"] = [{"name": one_line(finding.symbol)}]
    return {
        "ruleId": finding.rule,
        **({"ruleIndex": index[finding.rule]} if finding.rule in index else {}),
        "level": LEVELS[finding.severity],
        "message": _message(in_full(finding)),
        "locations": [location],
        # The one that code scanning goes by: an alert stays the same when its line moves.
        "partialFingerprints": {"primaryLocationLineHash": f"{finding.fingerprint}:{one.number}"},
        "properties": {
            "confidence": finding.confidence.value,
            "patch": {
                "number": finding.patch.number,
                "msgid": escape(finding.patch.msgid),
                "subject": escape(finding.patch.subject),
                "file": escape(finding.file),
                "line": finding.line,
                "side": finding.side,
                "line_text": escape(finding.line_text),
            },
        },
    }


def _series(review: Review) -> dict[str, object]:
    series = review.posting.series
    return {
        "msgid": escape(series.msgid),
        "subject": escape(series.subject),
        "revision": series.revision,
        "patches": series.total,
        "edition": review.edition.value,
        "context": review.context,
        "verified": review.verified,
    }


def _notification(problem: Problem, index: Mapping[str, int]) -> dict[str, object]:
    crashed = problem.kind == "rule-crashed"
    level = "error" if crashed else "note" if problem.kind in ASIDE else "warning"
    told: dict[str, object] = {
        "descriptor": {"id": problem.kind},
        "level": level,
        "message": _message(f"{one_line(problem.where)}: {one_line(problem.message)}"),
    }
    if crashed and problem.where in index:
        told["associatedRule"] = {"id": problem.where, "index": index[problem.where]}
    return told


def _message(text: str) -> dict[str, str]:
    """A message none of which is a link or the place of an argument (3.11.5, 3.11.6)."""
    return {"text": _ARGUMENT.sub(r"{ \1 }", escape(text).replace("](", "] ("))}


def _uri(path: str) -> str:
    """`path` as a reference that is relative to the tree, whatever is in it (RFC 3986 4.2)."""
    try:
        raw = path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raw = path.encode("utf-8", "replace")
    made = quote(raw, safe="/")
    return made.replace("/", "%2F", 1) if made.startswith("/") else made
