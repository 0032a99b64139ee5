# SPDX-License-Identifier: GPL-2.0-or-later
"""Which postings are revisions of one another, and the one that is wanted.

Revisions share a change-id, a title, or a thread, and their author.  A series
whose title, thread and change-id all changed counts as a new one: this does
not guess by the diffs.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice

from bot.model import Posting
from bot.sources.subject import parse_subject
from checks.source.pattern import pattern

__all__ = [
    "UNSURE", "keys_of", "line_of", "lineages", "names_of", "newest", "select", "together",
]  # fmt: skip

UNSURE = ("newer-revisions-unknown", "other-revisions-unknown")
"""Problems of a source that could not tell whether there is a newer revision."""

_CHANGE_ID = pattern(r"^change-id: ([\w.-]{4,200})[ \t\r]*$", re.MULTILINE)
_REVISION = pattern(r"(.*[^ ,;(])[ ,;(]+v(\d{1,3})\)?")
_SPACE = pattern(r"\s+")
_LONGEST_KEY = 500
"""Characters of a key that are kept: a database has to index them.  Lineages compare the whole."""
_CHANGE_IDS = 10
"""Of one series; b4 writes one."""
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def newest(postings: Iterable[Posting]) -> list[Posting]:
    """The newest revision of each series, by number, then by date, in the order given."""
    return select(postings, None)


def select(postings: Iterable[Posting], revision: int | None) -> list[Posting]:
    """The given revision of each series that has it, or the newest where it is None."""
    postings = list(postings)
    chosen: list[Posting] = []
    for line in lineages(postings):
        fitting = [one for one in line if revision in (None, one.series.revision)]
        if fitting:
            chosen.append(max(fitting, key=_age))
    places = {id(posting): at for at, posting in enumerate(postings)}
    return sorted(chosen, key=lambda posting: places[id(posting)])


def _age(posting: Posting) -> tuple[bool, int, datetime, str]:
    series = posting.series
    # A cover or pull request alone supersedes nothing that can be reviewed.
    return bool(series.patches), series.revision, series.date or _LONG_AGO, series.msgid


def lineages(postings: Sequence[Posting]) -> list[list[Posting]]:
    """Group postings that are revisions of one series, in the order given."""
    owner = {msgid: at for at, posting in enumerate(postings) for msgid in posting.mails}
    keys = [
        {at, *_keys(posting), *_revised(posting, postings, owner)}
        for at, posting in enumerate(postings)
    ]
    return [[postings[at] for at in line] for line in together(keys)]


def together(keys: Sequence[Iterable[Hashable]]) -> list[list[int]]:
    """Group the indexes of `keys` of which each has a key of another one of the group, in order."""
    head = list(range(len(keys)))
    known: dict[Hashable, int] = {}
    for at, some in enumerate(keys):
        for key in some:
            _join(head, at, known.setdefault(key, at))
    groups: dict[int, list[int]] = {}
    for at in range(len(keys)):
        groups.setdefault(_find(head, at), []).append(at)
    return list(groups.values())


def line_of(msgid: str, lines: Iterable[list[Posting]]) -> list[Posting]:
    """The one of `lineages` that has the mail `msgid`; empty for none."""
    return next((line for line in lines if any(msgid in one.mails for one in line)), [])


def names_of(author: str, subject: str) -> frozenset[tuple[str, str, str]]:
    """What all revisions of a series have in common, one of it, by their first subject.

    That is the title; and without its revision where it repeats that: `[PATCH v3] a teapot, v3`.

    Parameters
    ----------
    author: address of who sent it, lower case
    """
    parsed = parse_subject(subject)
    title = _SPACE.sub(" ", parsed.title).lower()
    titles = {title}
    if found := _REVISION.fullmatch(title):
        titles |= {found[1]} if int(found[2]) == parsed.revision else set()
    return frozenset((author, parsed.branch, one) for one in titles)


def keys_of(posting: Posting) -> frozenset[str]:
    """What all revisions of a series have in common, as text: titles and change-ids."""
    return frozenset("\t".join(key)[:_LONGEST_KEY] for key in _keys(posting))


def _keys(posting: Posting) -> Iterator[tuple[str, ...]]:
    first = posting.mails[posting.series.msgid]
    yield from names_of(_author(posting), first.subject)
    for change in islice(_CHANGE_ID.finditer(first.text), _CHANGE_IDS):
        yield "change-id", change[1]


def _answered(posting: Posting, owner: Mapping[str, int]) -> Iterator[int]:
    """Postings that the first mail of this one is a reply to, at any depth."""
    first = posting.mails[posting.series.msgid]
    for msgid in first.references:
        if msgid in owner and msgid not in posting.mails:
            yield owner[msgid]


def _revised(
    posting: Posting, postings: Sequence[Posting], owner: Mapping[str, int]
) -> Iterator[int]:
    """Indexes of the postings in whose threads this one is another revision."""
    for above in _answered(posting, owner):
        if _author(postings[above]) == _author(posting) and (
            postings[above].series.revision != posting.series.revision
        ):
            yield above


def _author(posting: Posting) -> str:
    return posting.mails[posting.series.msgid].author.email.lower()


def _join(head: list[int], one: int, other: int) -> None:
    one, other = _find(head, one), _find(head, other)
    head[max(one, other)] = min(one, other)


def _find(head: list[int], at: int) -> int:
    while head[at] != at:
        head[at] = head[head[at]]
        at = head[at]
    return at
