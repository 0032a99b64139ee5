# SPDX-License-Identifier: GPL-2.0-or-later
"""The parts of comments and documents in Markdown: findings, problems, what was seen, who speaks.

The words are those of the mails, and so are the templates of the rules.
Everything is cut to a length that the caller gives, by whole findings; what
comes from a patch is short wherever it only names something.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from bot import __version__
from bot.model import Review
from bot.render import markdown
from bot.render.body import rules_of, same, words
from bot.render.templates import fill
from bot.settings import ReplySettings
from bot.sources.subject import parse_subject
from checks.api import Finding, Problem

__all__ = ["Entry", "entry", "footer", "most_that_fit", "problems", "said", "seen", "title"]

MOST_NAME = 200
"""Characters of a subject, a path, a line or a reason."""
MOST_PROBLEMS = 10
FILES = {
    None: "Only the hunks were seen.",
    True: "Whole files were seen.",
    False: "Whole files were seen, but not those that the patches were made against.",
}


class Entry(NamedTuple):
    """A finding as the comment for all has it."""

    review: Review
    finding: Finding
    path: str
    line: int
    """1-based."""
    url: str
    """Of that line; empty for none."""


def title(subject: str) -> str:
    """The subject of a patch without what stands in brackets before it."""
    return short(parse_subject(subject).title or subject)


def short(text: str) -> str:
    """`text`, cut where it is too long to name something."""
    return text if len(text) <= MOST_NAME else text[:MOST_NAME] + "..."


def entry(one: Entry, said: str = "") -> str:
    """One line of a list about a finding, or the whole remark where there is `said`."""
    several = len(one.review.posting.series.patches) > 1
    values: dict[str, object] = {
        "place": markdown.link(markdown.code(f"{short(one.path)}:{one.line}"), one.url),
        "rule": one.finding.rule,
        "subject": title(one.finding.patch.subject) if several else "",
        "line": short(one.finding.line_text),
        "said": said,
    }
    return fill("comment/entry.md.j2", values)


def said(
    review: Review,
    finding: Finding,
    first: Finding | None,
    told: set[str],
    link_mask: str,
    most: int,
) -> str:
    """What is said of a finding, as Markdown of at most `most` characters, 1000 or more.

    Parameters
    ----------
    first: the one that says the same already, where a reader has just seen it
    told: links and questions that stand above it already; grows
    """
    part = finding.message[: most // 16] + "..."
    for one in (
        finding,
        finding._replace(suggestion=""),
        finding._replace(suggestion="", message=part),
    ):
        known = set(told)
        if first is not None:
            text = same(review, one, first, marked=True)
        else:
            text = words(review, one, known, link_mask, marked=True)
        if len(text) <= most:
            told |= known
            return text
    return markdown.text(part)


def problems(reviews: Iterable[Review]) -> dict[str, object]:
    """Values about what could not be reviewed."""
    found = [_problem(review, one) for review in reviews for one in review.errors]
    unique = list({tuple(one.items()): one for one in found}.values())
    more = len(unique) - MOST_PROBLEMS
    return {"problems": unique[:MOST_PROBLEMS], "more_problems": max(more, 0)}


def _problem(review: Review, problem: Problem) -> dict[str, str]:
    patches = review.posting.series.patches
    subject = next((one.subject for one in patches if one.msgid == problem.where), "")
    where = title(subject) if subject else short(problem.where)
    return {"where": where, "message": short(problem.message)}


def seen(reviews: Iterable[Review]) -> dict[str, object]:
    """Values about what the series were judged by, each once."""
    found = [
        {
            "edition": review.edition.value,
            "reason": short(review.edition_reason),
            "files": FILES[review.verified if review.context == "tree" else None],
        }
        for review in reviews
    ]
    return {"seen": list({tuple(one.items()): one for one in found}.values())}


def footer(
    findings: Iterable[Finding], settings: ReplySettings, *, answers: bool
) -> dict[str, object]:
    """Values about who speaks, by which rules.

    Parameters
    ----------
    answers: whether it can be answered
    """
    return {
        "version": __version__,
        "operator": settings.operator,
        "homepage": settings.homepage,
        "rules": rules_of(findings),
        "answers": answers,
    }


def most_that_fit(count: int, make: Callable[[int], str], most: int) -> str:
    """What `make` writes of as many of `count` things as `most` characters take."""
    text = make(count)
    fits, never = 0, count
    while len(text) > most and never - fits > 1:
        middle = (fits + never) // 2
        if len(make(middle)) <= most:
            fits = middle
        else:
            never = middle
    return text if len(text) <= most else make(fits)
