# SPDX-License-Identifier: GPL-2.0-or-later
"""What there is to do about the series of a thread: review, wait, or nothing, each with its reason.

Pure.  Series are put together anew from all mails each time, so that it makes
no difference in which order they came.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import NamedTuple

from bot.incoming import Fate, Fated, Known, Task
from bot.model import Posting
from bot.sources.lineage import keys_of
from bot.sources.mail import read_mail
from bot.sources.series import assemble
from checks.scope import Scope, in_scope

__all__ = ["Plan", "digest", "plan"]

NOT_WHOLE = ("missing-patch", "cover-only")
"""Problems of a series whose parts may still come."""
ADVICE = "; fetch the whole thread"
"""What is said of them to a person at a shell, and the daemon does anyway."""


class Plan(NamedTuple):
    """What there is to do about a thread."""

    postings: tuple[Posting, ...]
    """All series in its mails, those of other threads with other revisions too."""
    fated: tuple[Fated, ...]
    """The thread's own series."""
    chosen: tuple[Posting, ...]
    """Those of them that are to be reviewed, or reviewed again."""
    due: datetime | None
    """Aware; when something is to be done though no mail comes."""


def plan(
    task: Task,
    scopes: tuple[Scope, ...],
    now: datetime,
    settle: timedelta,
    recheck: frozenset[str] = frozenset(),
) -> Plan:
    """Look through the mails of `task`.

    Parameters
    ----------
    scopes: what the rules can fire on
    settle: how long after its last part a series is waited for
    recheck: series that are reviewed though nothing has changed, by the bare message-id of any of
        their mails: since a series was named, another mail may have become its first
    """
    postings = tuple(assemble(map(read_mail, task.mails.values())))
    fated: list[Fated] = []
    chosen: list[Posting] = []
    for posting in postings:
        if task.own.isdisjoint(posting.mails):
            continue
        again = not recheck.isdisjoint(posting.mails)
        known = None if again else task.known.get(posting.series.msgid)
        one = _fate(posting, task, scopes, now, settle)
        fated.append(one)
        if one.fate in (Fate.REVIEWED, Fate.INCOMPLETE) and not _is_done(one, known):
            chosen.append(posting)
    ends = [one.until for one in fated if one.until is not None]
    return Plan(postings, tuple(fated), tuple(chosen), min(ends, default=None))


def _is_done(one: Fated, known: Known | None) -> bool:
    return known is not None and (known.digest, known.fate) == (one.digest, one.fate)


def _fate(
    posting: Posting, task: Task, scopes: tuple[Scope, ...], now: datetime, settle: timedelta
) -> Fated:
    series = posting.series
    fate, reason = _settled(posting, scopes)
    until = max((task.arrived[msgid] for msgid in posting.mails), default=now) + settle
    waits = any(problem.kind in NOT_WHOLE for problem in posting.problems)
    if waits and fate is not Fate.OUT_OF_SCOPE and now < until:
        fate, reason = Fate.WAITING, f"waits for its other parts: {reason}"
    return Fated(
        msgid=series.msgid,
        subject=series.subject,
        revision=series.revision,
        total=series.total,
        parts=tuple(posting.mails),
        fate=fate,
        reason=reason,
        digest=digest(posting),
        until=until if fate is Fate.WAITING else None,
        keys=keys_of(posting),
    )


def _settled(posting: Posting, scopes: tuple[Scope, ...]) -> tuple[Fate, str]:
    """What becomes of a series when no more of it comes."""
    problems = {one.kind: one.message.removesuffix(ADVICE) for one in posting.problems}
    twice = problems.get("double-part", "")
    if words := problems.get("pull-request"):
        return Fate.PULL_REQUEST, words
    if words := problems.get("cover-only"):
        return Fate.COVER_ONLY, words
    if not posting.series.patches:
        return Fate.NO_PATCH, next(iter(problems.values()), "it has no diff")
    missing = problems.get("missing-patch", "")
    if not in_scope(posting.series, scopes):
        return Fate.OUT_OF_SCOPE, missing or "no word of any rule stands in its diffs"
    if missing:
        return Fate.INCOMPLETE, missing
    return Fate.REVIEWED, twice or "all of its parts have come"


def digest(posting: Posting) -> str:
    """Of the mails that a series is made of, as they were read."""
    seen = hashlib.sha256()
    for msgid, mail in sorted(posting.mails.items()):
        for text in (msgid, mail.subject, mail.text):
            seen.update(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
    return seen.hexdigest()[:32]
