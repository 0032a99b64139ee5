# SPDX-License-Identifier: GPL-2.0-or-later
"""The text of a reply: quoted lines, what is said below them, and the footer.

What was told before is one line, and what is wrong several times in one
function is told once.  Quoted lines stay as they are, whatever is in them;
nothing of a mail reaches our own text with a control character.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

from bot import __version__
from bot.model import Mail, Review
from bot.outgoing import Entry
from bot.render.addressed import addressed
from bot.render.links import links
from bot.render.plain import UNSAFE, one_line, wrap
from bot.render.quote import quote
from bot.render.templates import fill, remark
from bot.settings import ReplySettings
from checks.api import Confidence, Finding, Patch
from checks.source.pattern import pattern

__all__ = [
    "Part", "Point", "body", "clean", "rules_of", "same", "told_apart", "who_speaks", "words",
]  # fmt: skip

MOST_LINKS = 1
"""Sources cited for one finding; the rest is in `revokebot rules ID`."""
FOOTER = 4
"""Lines of the footer, the rules among them."""
MOST_NAME = 100
"""Characters of an author's name in the attribution; a mail can bring a megabyte."""

_QUOTATION = pattern(r"^>", re.MULTILINE)
_SIGNATURE = pattern(r"^-- $", re.MULTILINE)


class Point(NamedTuple):
    """One finding that is said."""

    finding: Finding
    standing: bool = False
    """It was told for an earlier revision."""
    mention: str = ""
    """Bare message-id of the mail that told it; empty when that is not known."""


class Part(NamedTuple):
    """What a reply says of one patch."""

    patch: Patch
    points: tuple[Point, ...]
    """In the order of the diff."""


def body(
    review: Review,
    mail: Mail,
    parts: Sequence[Part],
    settings: ReplySettings,
    link_mask: str,
    gone: Sequence[Entry] = (),
) -> str:
    """The text of the answer to `mail`, LF line ends; `gone` is said at its end."""
    told: set[str] = set()
    pieces: list[dict[str, str]] = []
    for part in parts:
        heading = "" if part.patch.msgid == mail.msgid else one_line(part.patch.subject) + ":"
        for quoted, text in _remarks(review, part, told, link_mask):
            pieces.append({"heading": heading, "quoted": quoted, "remark": clean(text)})
            heading = ""
    values: dict[str, object] = {
        "attribution": _attribution(mail),
        "parts": pieces,
        "addressed": clean(addressed(gone, link_mask)),
        "footer": _footer(rules_of(p.finding for part in parts for p in part.points), settings),
    }
    return fill("reply.txt.j2", values) + "\n"


def rules_of(findings: Iterable[Finding]) -> list[str]:
    """The rules that speak, each once."""
    return sorted({finding.rule for finding in findings})


def _remarks(
    review: Review, part: Part, told: set[str], link_mask: str
) -> Iterator[tuple[str, str]]:
    """Each quotation of one patch, and what is said below it.

    Parameters
    ----------
    told: links and questions that the mail has already; grows
    """
    points = tuple(told_apart(part.points))
    blocks = quote(part.patch.diff, [point.finding.diff_line for point, _ in points])
    for (point, first), quoted in zip(points, blocks, strict=True):
        finding = point.finding
        if first is not None:
            yield quoted, same(review, finding, first)
        elif point.standing:
            link = "".join(links([point.mention], link_mask)) if point.mention else ""
            yield quoted, fill("standing.txt.j2", {"link": link, "again": link in told})
            told.add(link)
        else:
            yield quoted, words(review, finding, told, link_mask)


def words(
    review: Review, finding: Finding, told: set[str], link_mask: str, *, marked: bool = False
) -> str:
    """What is said of `finding`.

    Parameters
    ----------
    told: links and questions that stand above it already; grows
    marked: make Markdown
    """
    urls = [url for url in _cited(finding, link_mask) if url not in told]
    doubt = _doubt(finding, told)
    values = _values(review, finding, urls) | {"doubt": doubt}
    text = remark(finding.rule, values, marked=marked)
    told.update(urls if doubt not in text else (*urls, doubt))
    return text


def same(review: Review, finding: Finding, first: Finding, *, marked: bool = False) -> str:
    """What is said of `finding` where `first`, above it, says the same already."""
    again = finding.suggestion if finding.suggestion != first.suggestion else ""
    values = _values(review, finding, ()) | {"suggestion": _whole(again)}
    return fill("same.txt.j2", values, marked=marked)


def told_apart(points: Iterable[Point]) -> Iterator[tuple[Point, Finding | None]]:
    """Each point, and the finding above it that says the same already.

    That is one with the same words, or of the same kind in the same function.
    A second one on the line of the first adds nothing, unless its words differ.
    """
    firsts: dict[tuple[object, ...], Finding] = {}
    seen: set[tuple[object, ...]] = set()
    for point in points:
        finding = point.finding
        kind = (finding.rule, finding.facts.get("kind"), point.standing, point.mention)
        words = (*kind, finding.diff_line, "" if point.standing else finding.message)
        if words in seen:
            continue
        seen.add(words)
        keys: list[tuple[object, ...]] = [(*kind, finding.message)]
        if finding.symbol:
            keys.append((*kind, finding.file, finding.symbol))
        first = next((firsts[key] for key in keys if key in firsts), finding)
        for key in keys:
            firsts.setdefault(key, finding)
        yield point, None if first.diff_line == finding.diff_line else first


def _doubt(finding: Finding, told: set[str]) -> str:
    """What makes a question of words that are not certain; a mail does not ask it twice."""
    if finding.confidence is Confidence.HIGH or "? " in f"{finding.message} ":
        return ""
    doubt = _doubt_words(again=False)
    return doubt if doubt not in told else _doubt_words(again=True)


@cache
def _doubt_words(*, again: bool) -> str:
    return fill("doubt.txt.j2", {"again": again})


def _cited(finding: Finding, link_mask: str) -> tuple[str, ...]:
    """The sources worth a line of the mail: messages before kernel paths."""
    first = sorted(finding.references, key=lambda reference: "@" not in reference)
    return links(first[:MOST_LINKS], link_mask)


def _values(review: Review, finding: Finding, urls: Sequence[str]) -> dict[str, object]:
    """What a rule's template may name: plain values only."""
    return {
        "message": finding.message,
        "suggestion": _whole(finding.suggestion),
        "facts": finding.facts,
        "symbol": finding.symbol,
        "file": finding.file,
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "edition": review.edition.value,
        "links": urls,
    }


def _whole(suggestion: str) -> str:
    """A suggested change, or nothing where one of its lines could not stand in a mail as it is."""
    return "" if clean(suggestion) != suggestion else suggestion.rstrip("\n")


def clean(text: str) -> str:
    """Own text, which may repeat names of the patch: no control character, no false quotation."""
    return _SIGNATURE.sub("--", _QUOTATION.sub(" >", UNSAFE.sub("?", text)))


def _attribution(mail: Mail) -> str:
    """As mutt writes it, in the time zone of the author."""
    # One that starts with ">" would make the line a quotation.
    name = one_line(mail.author.name).strip().lstrip("> ") or one_line(mail.author.email)
    if len(name) > MOST_NAME:
        name = name[:MOST_NAME] + "..."
    if mail.date is None:
        return f"{name} wrote:"
    return f"On {mail.date:%a, %b %d, %Y at %I:%M:%S%p %z}, {name} wrote:"


def _footer(rules: Sequence[str], settings: ReplySettings) -> str:
    """Who speaks, and by which rules; those that do not fit are in X-Revokebot-Rules."""
    who = who_speaks(settings.operator, settings.homepage)
    what = wrap("Rules: " + ", ".join(rules))
    if who.count("\n") + 1 + what.count("\n") + 1 > FOOTER:
        what = f"Rules: {len(rules)}, all in the header X-Revokebot-Rules"
    return f"{who}\n{what}"


@cache
def who_speaks(operator: str, homepage: str) -> str:
    """The same below every mail."""
    values: dict[str, object] = {"operator": operator, "homepage": homepage, "version": __version__}
    return clean(fill("footer.txt.j2", values))
