# SPDX-License-Identifier: GPL-2.0-or-later
"""Reviews as a JUnit report: a suite for each series, in it each rule as a class of cases.

A rule that ran and found nothing passes, and one that the series has nothing for is skipped.
Each finding is a failed case, since most readers of such reports know one failure of a case.
What could not be reviewed is an error.  No time and no machine is named
(github.com/jenkinsci/xunit-plugin: junit-10.xsd).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from bot.config import Settings
from bot.landing import shown
from bot.model import Review
from bot.render.plain import escape, one_line
from bot.render.text import ASIDE, in_full
from bot.review import choose
from bot.told import told
from checks import load_rules
from checks.api import Finding, Problem, Rule
from checks.scope import in_scope, scope_of

__all__ = ["render"]

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
COUNTED = {"failures": "failure", "errors": "error", "skipped": "skipped"}
"""Attributes of a suite that count cases, and what such a case holds."""
NOT_CHARACTERS = {0xFFFE: "\\ufffe", 0xFFFF: "\\uffff"}
"""What `escape` lets through and XML does not (XML 1.0, 2.2)."""


def render(reviews: Sequence[Review], settings: Settings, failed: Sequence[Problem] = ()) -> str:
    """All that is told of `reviews`, and what could not be reviewed.

    Parameters
    ----------
    failed: sources that there is no review of
    """
    rules = choose(load_rules(), settings.review.select, settings.review.ignore)
    root = Element("testsuites", name="revokebot")
    for review in reviews:
        series = review.posting.series
        suite = SubElement(root, "testsuite", name=_line(series.subject or series.msgid))
        _properties(suite, review)
        suite.extend(_cases(review, rules))
    if failed:
        suite = SubElement(root, "testsuite", name="sources")
        suite.extend(_error(one, "revokebot") for one in failed)
    for suite in root:
        _count(suite)
    ElementTree.indent(root, " ")
    return DECLARATION + ElementTree.tostring(root, encoding="unicode") + "\n"


def _properties(suite: Element, review: Review) -> None:
    series = review.posting.series
    holder = SubElement(suite, "properties")
    for name, value in (
        ("msgid", series.msgid),
        ("revision", str(series.revision)),
        ("patches", str(series.total)),
        ("edition", review.edition.value),
        ("context", review.context),
    ):
        SubElement(holder, "property", name=name, value=_line(value))


def _cases(review: Review, rules: Sequence[Rule]) -> Iterator[Element]:
    """In the order of the rules; what no rule is about comes last."""
    series = review.posting.series
    spoken = told(review)
    crashed = {one.where: one for one in review.errors if one.kind == "rule-crashed"}
    for rule in rules:
        own = [finding for finding in spoken if finding.rule == rule.id]
        if rule.id in crashed:
            yield _error(crashed[rule.id], rule.id, rule.title)
        elif not in_scope(series, scope_of((rule,))):
            case = _case(rule.id, rule.title)
            SubElement(case, "skipped", message="the series has nothing that it is about")
            yield case
        elif not own:
            yield _case(rule.id, rule.title)
        yield from _failures(review, own)
    known = {rule.id for rule in rules}
    told_of = crashed.keys() & known
    yield from _failures(review, [finding for finding in spoken if finding.rule not in known])
    for problem in review.errors:
        if problem.kind not in ASIDE and problem.where not in told_of:
            yield _error(problem, "revokebot")


def _failures(review: Review, findings: Sequence[Finding]) -> Iterator[Element]:
    """Each under a name of its own, by which a reader tells it from the others."""
    seen: dict[tuple[str, str], int] = {}
    for finding in findings:
        spot = shown(finding, review.posting.series)
        place = f"{_line(spot.path)}:{spot.line}"
        again = seen[finding.rule, place] = seen.get((finding.rule, place), 0) + 1
        case = _case(finding.rule, place + (f" ({again})" if again > 1 else ""))
        failure = SubElement(
            case, "failure", type=finding.severity.value,
            message=f"{place}: {_line(' '.join(finding.message.split()))}",
        )  # fmt: skip
        patch = f"{finding.patch.number}/{review.posting.series.total} {finding.patch.subject}"
        failure.text = _text(f"{place}: {in_full(finding)}\n\n{patch}\n{finding.line_text}\n")
        yield case


def _error(problem: Problem, rule: str, title: str = "") -> Element:
    case = _case(rule, title or f"{_line(problem.where)}: {_line(problem.message)}")
    SubElement(case, "error", type=problem.kind, message=_line(problem.message))
    return case


def _case(rule: str, name: str) -> Element:
    return Element("testcase", classname=_line(rule), name=_line(name))


def _count(suite: Element) -> None:
    suite.set("tests", str(len(suite.findall("testcase"))))
    for name, kind in COUNTED.items():
        suite.set(name, str(len(suite.findall(f"testcase/{kind}"))))


def _line(text: str) -> str:
    return one_line(text).translate(NOT_CHARACTERS)


def _text(text: str) -> str:
    return escape(text).translate(NOT_CHARACTERS)
