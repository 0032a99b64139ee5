# SPDX-License-Identifier: GPL-2.0-or-later
"""The frozen types on the way in: what a glance at a mail tells, what is due, what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from bot.model import Review
from bot.outgoing import Entry, Judged

__all__ = [
    "Fate",
    "Fated",
    "Glance",
    "Kind",
    "Known",
    "Lease",
    "Reviewed",
    "Stage",
    "Taken",
    "Task",
    "Worked",
]


class Kind(StrEnum):
    """What a mail is to the watcher."""

    PATCH = "patch"
    """A patch, a cover letter or a pull request."""
    REPLY = "reply"
    """Everything else that people write."""
    ORDER = "order"
    """A reply that asks something of the bot (`bot.orders`)."""
    GHOST = "ghost"
    """A mail that others refer to and that has not come."""


class Stage(StrEnum):
    """Where a thread is."""

    QUIET = "quiet"
    """It holds no word that a rule is about: nothing is ever parsed."""
    DUE = "due"
    """It is looked at as soon as its time has come."""
    WORKING = "working"
    """A worker looks at it, until its lease is over."""
    DONE = "done"
    PARKED = "parked"
    """Its review failed too often; a person has to look."""


class Fate(StrEnum):
    """What became of a series."""

    WAITING = "waiting"
    """Not all of its parts have come; `until` tells when that no longer matters."""
    REVIEWED = "reviewed"
    INCOMPLETE = "incomplete"
    """Reviewed without the parts that have not come; what there is to say stays a draft."""
    OUT_OF_SCOPE = "out of scope"
    COVER_ONLY = "cover only"
    PULL_REQUEST = "pull request"
    NO_PATCH = "no patch"
    """Named patches, but no diff that can be read."""
    REPLACED = "replaced"
    """Its parts belong to another series since a mail came late."""


class Glance(NamedTuple):
    """What the header of a mail tells, and whether a rule's words stand in it."""

    msgid: str
    """Bare message-id."""
    kind: Kind
    links: tuple[str, ...]
    """Bare message-ids of mails that it refers to, the parent first."""
    author: str = ""
    """Who sent it, lower case."""
    bucket: str = ""
    """Of a numbered patch: revision, number of parts and so on; parts that were sent without
    threading have it in common.  Empty for all else."""
    date: datetime | None = None
    """Aware."""
    scope: bool = False
    """A word of some rule stands in the patch."""


class Lease(NamedTuple):
    """An inbox that this process may read."""

    name: str
    owner: str
    cursor: str
    failures: int = 0
    """Looks in a row that failed."""


class Taken(NamedTuple):
    """What became of a batch of mails."""

    new: int
    """Mails that were not known; the others came through another list, or once more."""
    due: int
    """Threads that are to be looked at."""


class Known(NamedTuple):
    """What is known of a series from the last time."""

    digest: str
    fate: Fate
    until: datetime | None
    """Aware; when waiting ends."""


class Task(NamedTuple):
    """A thread that is to be looked at."""

    thread: int
    owner: str
    version: int
    waits: int
    """Times in a row that the archive gave no answer about it."""
    mails: Mapping[str, bytes]
    """Raw mails by message-id, those of other threads with the same series too."""
    own: frozenset[str]
    """Message-ids of the thread's own mails."""
    arrived: Mapping[str, datetime]
    """When each mail came; aware."""
    ghosts: frozenset[str]
    """Mails of the thread that have not come."""
    asked: datetime | None
    """Aware; when the archive was asked for the rest of the thread."""
    keys: frozenset[str]
    """What other revisions have in common with its series, as far as that was known."""
    known: Mapping[str, Known]
    """The thread's series by message-id."""


class Reviewed(NamedTuple):
    """The answer to one series, as it is kept."""

    review: Review
    entries: tuple[Entry, ...]
    replies: tuple[Judged, ...]
    older: tuple[str, ...]
    """Bare message-ids of older revisions, to which nothing is to be sent any more."""


class Fated(NamedTuple):
    """A series and what became of it."""

    msgid: str
    subject: str
    revision: int
    total: int
    parts: tuple[str, ...]
    """Bare message-ids of the mails that are there."""
    fate: Fate
    reason: str
    digest: str
    """Of all that the review goes by, so that the same mails are not reviewed again."""
    until: datetime | None
    keys: frozenset[str]
    """What its other revisions have in common with it."""


class Worked(NamedTuple):
    """All that came of looking at a thread."""

    series: tuple[Fated, ...]
    reviewed: tuple[Reviewed, ...]
    due: datetime | None = None
    """Aware; when it has to be looked at again, though no mail comes."""
