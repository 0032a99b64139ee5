# SPDX-License-Identifier: GPL-2.0-or-later
"""Group mails into patch series: one pure function for every source.

A series is held together by its revision, its number of parts and its thread;
where a sender did not thread it, by its author, message-ids and time.  The
same mails give the same series in any order.  What is missing, double or not
readable is told in `Posting.problems`; nothing is dropped in silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from bot.model import Mail, Posting
from bot.sources.body import find_diff, is_pull_request, split_body, without_footer
from bot.sources.lineage import newest, select
from bot.sources.mail import Scan
from bot.sources.subject import Subject, parse_subject
from bot.sources.threads import Part, bundle
from checks.api import Patch, Problem, Series

__all__ = ["assemble", "better", "newest", "select"]

_NO_DATE = datetime.max.replace(tzinfo=UTC)


class _Pile(NamedTuple):
    """The mails of one `assemble`, sorted out by what they are."""

    parts: list[Part]
    pulls: list[Mail]
    counters: list[Mail | Scan]
    parents: dict[str, str]
    order: dict[str, int]


def assemble(mails: Iterable[Mail | Scan]) -> list[Posting]:
    """Group `mails` into postings, in the order in which their first mail came.

    Replies may be given as `Scan`; they only connect threads.  Mail that is no
    patch, cover, pull request or reply to one is ignored.
    """
    pile = _sort_out(mails)
    postings = [_posting(parts) for parts in bundle(pile.parts, pile.parents)]
    postings += [_pull_request(mail) for mail in pile.pulls]
    postings = _with_counters(postings, pile.counters)
    return sorted(postings, key=lambda posting: _first_seen(posting, pile.order))


def _first_seen(posting: Posting, order: Mapping[str, int]) -> int:
    return min(order[msgid] for msgid in posting.mails)


def _sort_out(mails: Iterable[Mail | Scan]) -> _Pile:
    pile = _Pile([], [], [], {}, {})
    unique: dict[str, Mail | Scan] = {}
    for mail in mails:
        known = unique.get(mail.msgid)
        if known is None:
            pile.order[mail.msgid] = len(pile.order)
        if known is None or better(mail, known):
            unique[mail.msgid] = mail
    for mail in unique.values():
        if mail.in_reply_to:
            pile.parents[mail.msgid] = mail.in_reply_to
        if isinstance(mail, Scan):
            if mail.counter_patch:
                pile.counters.append(mail)
        else:
            _file(pile, mail, parse_subject(mail.subject))
    return pile


def better(mail: Mail | Scan, known: Mail | Scan) -> bool:
    """Which of two copies of one mail to keep, whatever order they came in."""
    if isinstance(mail, Scan) or isinstance(known, Scan):
        return isinstance(known, Scan) and not isinstance(mail, Scan)
    return (len(mail.problems), mail.text, mail.subject) < (
        len(known.problems),
        known.text,
        known.subject,
    )


def _file(pile: _Pile, mail: Mail, subject: Subject) -> None:
    if subject.reply:
        if subject.patch and not mail.automatic and find_diff(mail.text) >= 0:
            pile.counters.append(mail)
    elif subject.pull or (subject.patch and is_pull_request(mail.text)):
        pile.pulls.append(mail)
    elif subject.patch:
        body = split_body(mail.text)
        if (
            subject.number is None
            and not body.diff
            and subject.rfc
            and "diff --git" not in mail.text
        ):
            return  # `[RFC] a question`: a discussion, which promises no patch
        pile.parts.append(Part(mail, subject, body, mail.date or _NO_DATE))


def _posting(parts: Sequence[Part]) -> Posting:
    """Make a posting of the mails of one series, oldest first."""
    problems: list[Problem] = []
    by_number: dict[int, Part] = {}
    for part in parts:
        if double := by_number.get(part.number):
            problems.append(_double(double, part))
        by_number[part.number] = part
    cover = by_number.pop(0, None)
    patches: list[Patch] = []
    for number, part in sorted(by_number.items()):
        if part.body.diff:
            patches.append(_patch(number, part))
        else:
            problems.append(_no_diff(part))
    first = cover or by_number[min(by_number)]
    total = max([first.total, *by_number])
    problems += _missing(first, total, by_number)
    kept = {
        part.mail.msgid: part.mail for part in [*([cover] if cover else []), *by_number.values()]
    }
    problems += [problem for mail in kept.values() for problem in mail.problems]
    series = Series(
        msgid=first.mail.msgid,
        subject=first.mail.subject,
        revision=first.subject.revision,
        patches=tuple(patches),
        total=total,
        date=first.mail.date,
        cover=without_footer(cover.mail.text).rstrip() if cover else "",
    )
    return Posting(series, kept, cover.mail if cover else None, tuple(problems))


def _patch(number: int, part: Part) -> Patch:
    return Patch(
        number=number,
        msgid=part.mail.msgid,
        subject=part.mail.subject,
        message=part.body.message,
        diff=part.body.diff,
    )


def _double(older: Part, newer: Part) -> Problem:
    return Problem(
        "double-part",
        older.mail.msgid,
        f"part {older.number} of {older.total} came twice; {newer.mail.msgid} is taken instead",
    )


def _no_diff(part: Part) -> Problem:
    if part.body.sound:
        return Problem(
            "no-diff",
            part.mail.msgid,
            "the mail is named a patch and has no diff; look at it by hand",
        )
    return Problem(
        "damaged-diff",
        part.mail.msgid,
        "the mail shows a diff header without a diff; ask the author to send it unwrapped",
    )


def _missing(first: Part, total: int, have: Mapping[int, Part]) -> list[Problem]:
    missing = [number for number in range(1, total + 1) if number not in have]
    if not missing and have:
        return []
    if not have:
        text = f"only the cover letter is here, none of its {total} parts; fetch the whole thread"
        return [Problem("cover-only", first.mail.msgid, text)]
    word = "part" if len(missing) == 1 else "parts"
    verb = "is" if len(missing) == 1 else "are"
    text = f"{word} {_ranges(missing)} of {total} {verb} not here; fetch the whole thread"
    return [Problem("missing-patch", first.mail.msgid, text)]


def _ranges(numbers: Sequence[int]) -> str:
    """`[1, 2, 3, 7]` as `1-3, 7`."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in spans)


def _pull_request(mail: Mail) -> Posting:
    revision = parse_subject(mail.subject).revision
    series = Series(mail.msgid, mail.subject, revision, (), 0, mail.date, without_footer(mail.text))
    problem = Problem(
        "pull-request",
        mail.msgid,
        "a pull request carries no patches to review; fetch its branch and give the range A..B",
    )
    return Posting(series, {mail.msgid: mail}, mail, (problem, *mail.problems))


def _with_counters(postings: list[Posting], counters: Sequence[Mail | Scan]) -> list[Posting]:
    """Tell each series of the patches that replies to it propose."""
    owner = {msgid: at for at, posting in enumerate(postings) for msgid in posting.mails}
    told: dict[int, list[Problem]] = {}
    for mail in sorted(counters, key=lambda mail: mail.msgid):
        for ancestor in (mail.in_reply_to, *reversed(mail.references)):
            if ancestor in owner:
                problem = Problem(
                    "counter-patch",
                    mail.msgid,
                    f"a reply to {ancestor} has a patch of its own, which is no part of the series",
                )
                told.setdefault(owner[ancestor], []).append(problem)
                break
    return [
        Posting(
            posting.series, posting.mails, posting.cover, (*posting.problems, *told.get(at, ()))
        )
        for at, posting in enumerate(postings)
    ]
