# SPDX-License-Identifier: GPL-2.0-or-later
"""What a forge is to say of the reviews of a branch: one comment for all, and some on lines.

Pure.  A comment is written only where one of the findings is worth a mail, too
(`policy.severity`, `policy.confidence`); then it tells all that a mail would, in
the words of a mail.  Marks that no reader sees tell our comments from others.
Nothing of it but links depends on the commit, so that a push that changes nothing
for a finding changes nothing of its comment.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple
from urllib.parse import quote

from bot.config import Settings
from bot.model import Review
from bot.policy import passes
from bot.render.body import Point, told_apart
from bot.render.comment import Entry, entry, footer, most_that_fit, problems, said, seen
from bot.render.templates import fill
from bot.render.text import count
from bot.settings import PolicySettings
from bot.told import numbered
from bot.web.whole import Place, WholeDiff
from bot.web.wish import Remark, Wish
from checks.api import Finding
from checks.source.pattern import pattern

__all__ = ["Dialect", "Told", "keyed", "linked", "mark", "tell", "wish"]

ALL = "all"
"""The key in the mark of the comment for all."""
_MARK = pattern(r"<!-- revokebot (?P<context>\S*) (?P<key>all|[0-9a-f]{1,64}(?:-[0-9]{1,9})?) -->")


class Dialect(NamedTuple):
    """How one forge wants it."""

    request: str
    """What it calls a pull request."""
    most: int
    """Characters that it takes in one comment."""
    link: Callable[[Place], str]
    """URL of a line of the change."""
    lines: bool = True
    """Whether it has good comments on lines; else all is told in the comment for all."""


class Told(NamedTuple):
    """One finding, and where the forge can show it."""

    finding: Finding
    place: Place | None
    """None where the whole change does not show that line."""
    key: str
    """Tells it from all others of the same branch, through all pushes."""
    review: Review


def linked(files: str, base: str, head: str) -> Callable[[Place], str]:
    """What makes the URL of a line, for `Dialect`.

    Parameters
    ----------
    files: URL below which the forge shows files, by commit and path
    base, head: commits that the lines are of, before and after the change
    """

    def link(place: Place) -> str:
        old = place.side == "old"
        path = quote(place.old_path if old else place.path)
        return f"{files}/{base if old else head}/{path}#L{place.line}"

    return link


def tell(reviews: Sequence[Review], whole: WholeDiff) -> tuple[Told, ...]:
    """All that is told of `reviews`, in the order of patches and lines."""
    return tuple(
        Told(one.finding, whole.place(one.finding, one.review.posting.series), one.key, one.review)
        for one in numbered(reviews)
    )


def worth(found: Sequence[Told], policy: PolicySettings) -> bool:
    """Whether any of it is worth a comment."""
    return any(passes(one.finding, policy) for one in found)


def mark(context: str, key: str = "") -> str:
    """The mark of a comment: an HTML comment, which nobody sees; `key` is empty for the sticky."""
    return f"<!-- revokebot {_named(context)} {key or ALL} -->"


def keyed(body: str, context: str) -> str | None:
    """The key in the mark of `body`; empty for the sticky one, None where it has no such mark."""
    found = _MARK.fullmatch(body.partition("\n")[0].rstrip())
    if found is None or found["context"] != _named(context):
        return None
    return "" if found["key"] == ALL else found["key"]


def _named(context: str) -> str:
    """`context` as one word that ends no HTML comment."""
    return quote(context, errors="replace").replace("-", "%2D")


def wish(
    reviews: Sequence[Review],
    found: Sequence[Told],
    refused: Collection[str],
    *,
    dialect: Dialect,
    settings: Settings,
) -> Wish:
    """What is to be there of `reviews`.

    Parameters
    ----------
    found: what `tell` says of them
    refused: keys of what cannot stand on its line, though the diff has it
    """
    context = settings.ci.context
    clean = f"{mark(context)}\n{fill('comment/clean.md.j2', problems(reviews))}"
    sure = not any(one.kind == "rule-crashed" for review in reviews for one in review.errors)
    if not worth(found, settings.policy):
        return Wish("", clean, sure=sure)
    apart = list(_apart(found))
    able = [pair for pair in apart if pair[0].place is not None and pair[0].key not in refused]
    able = able[: settings.ci.line_comments if dialect.lines else 0]
    remarks = tuple(_remarks(able, dialect, settings))
    on_lines = {remark.key for remark in remarks}
    lines = [entry(_entry(one, dialect)) for one, _ in apart if one.key in on_lines]
    full = list(_full([one for one, _ in apart if one.key not in on_lines], dialect, settings))
    values: dict[str, object] = {
        "count": count(len(apart), "remark"),
        "on_lines": len(lines),
        **problems(reviews),
        **seen(reviews),
        **footer((one.finding for one in found), settings.reply, answers=True),
    }

    def sticky(number: int) -> str:
        """With the first `number` of those said in full, then of those on lines."""
        rest = max(number - len(full), 0)
        shown = {"full": full[:number], "lines": lines[:rest], "more": len(apart) - number}
        return f"{mark(context)}\n{fill('comment/sticky.md.j2', values | shown)}"

    return Wish(most_that_fit(len(apart), sticky, dialect.most), clean, remarks, sure)


def _apart(found: Sequence[Told]) -> Iterator[tuple[Told, Finding | None]]:
    """Each that is said, and the finding of the same patch that says the same already."""
    for _, group in groupby(found, lambda one: (id(one.review), one.finding.patch.number)):
        known = {id(one.finding): one for one in group}
        for point, first in told_apart(Point(one.finding) for one in known.values()):
            yield known[id(point.finding)], first


def _remarks(
    able: Sequence[tuple[Told, Finding | None]], dialect: Dialect, settings: Settings
) -> Iterator[Remark]:
    """The comments on lines; each has to be understood by itself, unless one is right above."""
    above = {id(one.finding) for one, _ in able}
    for one, first in able:
        finding = one.finding
        if first is not None and (id(first) not in above or not _near(first, finding)):
            first = None
        start = f"{mark(settings.ci.context, one.key)}\n"
        most, mask = dialect.most - len(start), settings.review.link_mask
        assert one.place is not None
        text = said(one.review, finding, first, set(), mask, most)
        yield Remark(one.key, one.place, start + text)


def _near(one: Finding, other: Finding) -> bool:
    return one.symbol is not None and (one.file, one.symbol) == (other.file, other.symbol)


def _full(found: Sequence[Told], dialect: Dialect, settings: Settings) -> Iterator[str]:
    """What is said of findings that stand on no line."""
    told: set[str] = set()
    most, mask = dialect.most // 4, settings.review.link_mask
    for one in found:
        yield entry(_entry(one, dialect), said(one.review, one.finding, None, told, mask, most))


def _entry(one: Told, dialect: Dialect) -> Entry:
    finding, place = one.finding, one.place
    if place is None:
        return Entry(one.review, finding, finding.file, finding.line, "")
    path = place.old_path if place.side == "old" else place.path
    return Entry(one.review, finding, path, place.line, dialect.link(place))
