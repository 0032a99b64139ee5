# SPDX-License-Identifier: GPL-2.0-or-later
"""How the bot does, as its store tells it, and what of that a person has to see to.

Pure; `bot.outbox.overview` reads it, `revokebot status`, the metrics and the
health check show it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from bot.config import Settings

__all__ = [
    "LATE", "MISSED", "OFTEN", "Course", "Incident", "Need", "Overview", "Parked", "Polled",
    "Replied", "Traced", "ago", "needs",
]  # fmt: skip

LATE = timedelta(hours=1)
"""How long something that is due may wait for a worker or a sender, as after a long outage."""
OFTEN = 5
"""Attempts to send a reply, an hour as `delivery.pause` comes, before a person has to know."""
MISSED = 3
"""Looks at an inbox that may fail before a person has to know: servers are restarted."""
NOTHING: Mapping[str, int] = {}
NO_REASONS: Mapping[str, str] = {}


class Polled(NamedTuple):
    """An inbox, and how the looks at it went."""

    name: str
    looked: datetime | None
    """Aware; the last time that it could be read, None for never."""
    due: datetime | None
    """Aware; when it is looked at next."""
    failures: int
    """Looks in a row that failed."""
    error: str
    """Why the last look failed; empty where it did not."""
    mails: int
    """That were read from it in all."""
    held: datetime | None = None
    """Aware; how long a watcher that reads it has it for itself."""


class Parked(NamedTuple):
    """A thread that no worker looks at any more."""

    thread: int
    msgid: str
    """Bare message-id of a mail of it, for `revokebot watch --retry`."""
    subject: str
    """Of its series; empty where none was made out."""
    reason: str
    since: datetime


class Replied(NamedTuple):
    """A reply, in a line."""

    id: int
    state: str
    subject: str
    reason: str
    changed: datetime
    parent: str = ""
    """Bare message-id of the mail that it answers."""


class Incident(NamedTuple):
    """Something that went wrong."""

    moment: datetime
    kind: str
    place: str
    words: str


class Overview(NamedTuple):
    """How all does at one moment."""

    inboxes: tuple[Polled, ...] = ()
    threads: Mapping[str, int] = NOTHING
    """By state."""
    series: Mapping[str, int] = NOTHING
    """By fate."""
    replies: Mapping[str, int] = NOTHING
    """By state."""
    oldest_due: datetime | None = None
    """Aware; since when a thread waits for a worker, None where none does."""
    oldest_unsent: datetime | None = None
    """Aware; since when a reply that may go waits for a sender."""
    parked: tuple[Parked, ...] = ()
    failed: tuple[Replied, ...] = ()
    stuck: tuple[Replied, ...] = ()
    """That may go and could not, `OFTEN` times or more; they are tried again, the newest first."""
    stopped: str | None = None
    """Why nothing is sent; None where nothing is stopped."""
    incidents: tuple[Incident, ...] = ()
    """The last ones, the newest first."""
    orders: Mapping[str, int] = NOTHING
    """That came by mail: `obeyed` and `ignored`."""
    muted: Mapping[str, str] = NO_REASONS
    """Rules that are muted, each with a line that says why."""


class Course(NamedTuple):
    """A series that a mail is of, and what became of it."""

    msgid: str
    subject: str
    revision: int
    total: int
    parts: int
    """Mails of it that are there."""
    fate: str
    reason: str
    until: datetime | None
    """Aware; how long the missing ones are waited for."""


class Traced(NamedTuple):
    """What became of one mail."""

    msgid: str
    kind: str = ""
    """What it was taken for; empty where it came through no inbox that is watched."""
    inbox: str = ""
    arrived: datetime | None = None
    thread: int | None = None
    stage: str = ""
    """Of its thread."""
    due: datetime | None = None
    reason: str = ""
    """Why its thread is as it is."""
    courses: tuple[Course, ...] = ()
    reviewed: datetime | None = None
    findings: int = 0
    errors: tuple[str, ...] = ()
    """Of the review."""
    replies: tuple[Replied, ...] = ()
    orders: tuple[str, ...] = ()
    """What came of each order in it."""


class Need(NamedTuple):
    """Something that a person has to see to."""

    place: str
    words: str
    """What is wrong, and what to do."""


def needs(overview: Overview, settings: Settings, now: datetime) -> Iterator[Need]:
    """What a person has to see to, at `now` (aware); nothing where all is well."""
    yield from _unread(overview, settings, now)
    for thread in overview.parked:
        yield Need(
            f"thread {thread.thread}",
            f"parked since {thread.since:%Y-%m-%d %H:%M} UTC: {thread.reason}; "
            f"`revokebot watch --retry {thread.msgid}` reviews it again, --give-up lets it be",
        )
    if overview.oldest_due is not None and now - overview.oldest_due > LATE:
        yield Need(
            "threads",
            f"one became due {ago(overview.oldest_due, now)}; see whether "
            "`revokebot watch` runs, and raise watch.workers if it always does",
        )
    for reply in overview.failed:
        yield Need(
            f"reply {reply.id}",
            f"failed: {reply.reason}; `revokebot queue retry {reply.id}` or `discard {reply.id}`",
        )
    unsent = overview.oldest_unsent
    may_go = overview.stopped is None and settings.policy.post != "off"
    if may_go and overview.stuck:
        last = overview.stuck[0]
        yield Need(
            "replies",
            f"{len(overview.stuck)} could not be sent {OFTEN} times or more, the last one, "
            f"{last.id}, since: {last.reason}; see to that, then they leave by themselves",
        )
    if may_go and unsent is not None and now - unsent > LATE:
        yield Need(
            "replies",
            f"one became due {ago(unsent, now)} and was not sent; see whether a sender runs, "
            "or send them with `revokebot queue send`",
        )


def _unread(overview: Overview, settings: Settings, now: datetime) -> Iterator[Need]:
    """What is wrong with the inboxes that are watched; one that is no longer is history."""
    found = {one.name: one for one in overview.inboxes}
    patience = timedelta(seconds=settings.watch.interval) * MISSED
    for name in settings.watch.inboxes:
        one = found.get(name)
        if one is None:
            yield Need(name, "it was never looked at; start `revokebot watch`")
        elif one.failures >= MISSED:
            since = f", last read {ago(one.looked, now)}" if one.looked else ""
            yield Need(name, f"{one.failures} looks in a row failed{since}: {one.error}")
        elif one.looked is not None and now - one.looked > max(patience, LATE):
            yield Need(
                name,
                f"last read {ago(one.looked, now)}; see whether `revokebot watch` runs",
            )


def ago(moment: datetime, now: datetime) -> str:
    """How long ago it is, for a person: `3 minutes ago`, or `in 3 minutes`."""
    seconds = int((now - moment).total_seconds())
    size, unit = abs(seconds), "second"
    for length, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if size >= 2 * length:
            size, unit = size // length, name
            break
    span = f"{size} {unit}{'' if size == 1 else 's'}"
    return f"in {span}" if seconds < 0 else f"{span} ago"
