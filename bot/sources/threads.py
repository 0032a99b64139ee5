# SPDX-License-Identifier: GPL-2.0-or-later
"""Which patch mails belong to one posting of a series.

Works on headers alone.  Mails of one revision and one number of parts go
together when one answers the other; those that answer none of them, when they
have author and parent, message-id stem, or time in common.  A second cover
letter always begins another posting.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from bot.model import Mail
from bot.sources.body import Body
from bot.sources.mail import Scan
from bot.sources.subject import Subject
from checks.source.pattern import pattern

__all__ = ["Part", "ancestors", "bundle"]

LOOSE_WINDOW = timedelta(hours=24)
"""How far apart the parts of a series that was sent without threading may be."""
CLIMB_CAP = 20
"""Ancestors looked at through other mails where a mail names its parent only."""

_STEM = pattern(r"(.{6,200}?)-\d{1,4}-[^-]{1,200}")
"""git send-email: `20240102030405.678-3-author@host`; all parts share what is before `-3-`."""
_GIT_ID = "@git.invalid"


class Part(NamedTuple):
    """A patch or cover mail, its subject and body parsed."""

    mail: Mail
    subject: Subject
    body: Body
    date: datetime
    """Far in the future when the mail has none."""

    @property
    def number(self) -> int:
        return 1 if self.subject.number is None else self.subject.number

    @property
    def total(self) -> int:
        return 1 if self.subject.total is None else self.subject.total

    @property
    def author(self) -> str:
        """Who sent the series; for `git format-patch` files, whose `From:` varies, nobody."""
        return "" if self.mail.msgid.endswith(_GIT_ID) else self.mail.author.email.lower()

    @property
    def sort_key(self) -> tuple[datetime, int, str]:
        return self.date, self.number, self.mail.msgid


def bundle(parts: Iterable[Part], parents: Mapping[str, str]) -> Iterator[list[Part]]:
    """Yield the parts of each posting, oldest first.

    `parents` gives In-Reply-To of all mails known, by message-id.
    """
    buckets: dict[tuple[object, ...], list[Part]] = {}
    for part in parts:
        subject = part.subject
        if subject.number is None:
            yield [part]
        else:
            key = (subject.revision, subject.total, subject.branch, subject.resend)
            buckets.setdefault(key, []).append(part)
    for bucket in buckets.values():
        yield from _split(sorted(bucket, key=lambda part: part.sort_key), parents)


def _split(bucket: Sequence[Part], parents: Mapping[str, str]) -> Iterator[list[Part]]:
    """Split mails of one revision and size, oldest first, into postings."""
    groups: list[_Group] = []
    latest: dict[tuple[str, ...], _Group] = {}
    for root, tree in _trees(bucket, parents):
        numbers = {part.number for part in tree}
        keys = list(_keys(root))
        known = (latest[key] for key in keys if key in latest)
        group = next((group for group in known if group.takes(numbers, root)), None)
        if group is None:
            group = _Group(root.date)
            groups.append(group)
        group.parts += tree
        group.numbers |= numbers
        for key in keys:
            latest[key] = group
    for group in groups:
        yield sorted(group.parts, key=lambda part: part.sort_key)


class _Group:
    """A posting in the making: when it began, its parts and their numbers."""

    def __init__(self, started: datetime) -> None:
        self.started = started
        self.parts: list[Part] = []
        self.numbers: set[int] = set()

    def takes(self, numbers: set[int], root: Part) -> bool:
        near = not root.author or root.date - self.started <= LOOSE_WINDOW
        return near and self.numbers.isdisjoint(numbers)


def _trees(bucket: Sequence[Part], parents: Mapping[str, str]) -> Iterator[tuple[Part, list[Part]]]:
    """Parts that answer one another, with the one that answers none, oldest first.

    Disjoint sets, since a hostile thread may answer itself in a circle.
    """
    by_id = {part.mail.msgid: part for part in bucket}
    head = {msgid: msgid for msgid in by_id}
    roots: dict[str, Part] = {}
    for msgid, part in by_id.items():
        above = None
        if part.number:
            above = next((up for up in ancestors(part.mail, parents) if up in by_id), None)
        if above is None:
            roots[msgid] = part
        else:
            head[_find(head, msgid)] = _find(head, above)
    trees: dict[str, list[Part]] = {}
    for msgid, part in by_id.items():
        trees.setdefault(_find(head, msgid), []).append(part)
    for tree in trees.values():
        yield next((part for part in tree if part.mail.msgid in roots), tree[0]), tree


def _find(head: dict[str, str], msgid: str) -> str:
    while head[msgid] != msgid:
        head[msgid] = head[head[msgid]]
        msgid = head[msgid]
    return msgid


def ancestors(mail: Mail | Scan, parents: Mapping[str, str]) -> Iterator[str]:
    """Parent first, then on towards the thread's start."""
    yield from dict.fromkeys((mail.in_reply_to, *reversed(mail.references)))
    above = mail.references[0] if mail.references else ""
    for _ in range(CLIMB_CAP):
        above = parents.get(above, "")
        if not above:
            return
        yield above


def _keys(root: Part) -> Iterator[tuple[str, ...]]:
    """What a mail has in common with others of its series that it does not answer."""
    if root.author == "":
        yield ("git",)
        return
    if stem := _STEM.match(root.mail.msgid):
        yield (root.author, "stem", stem[1])
    if root.mail.in_reply_to:
        yield (root.author, "parent", root.mail.in_reply_to)
    else:
        yield (root.author, "loose")
