# SPDX-License-Identifier: GPL-2.0-or-later
"""From the mails of a thread to replies with their verdicts: review, ledger, words, policy.

Pure but for reading the source, which is done before.  It stores and sends
nothing, and knows no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from bot.config import Settings
from bot.history import history
from bot.ledger import ledger
from bot.lists import reached
from bot.model import Mail, Posting, Review
from bot.outgoing import NOTHING, Action, Counts, Earlier, Entry, Said, Status, Verdict
from bot.policy import Case, case_of, decide, passes, unanswerable, why_muted
from bot.recipients import lowered
from bot.render.mail import MOST_MAILS, Reply, replies
from bot.settings import PolicySettings
from bot.sources.lineage import UNSURE, line_of, lineages, newest
from bot.sources.mail import read_mail
from bot.sources.said import said

__all__ = ["Answer", "Run", "answerable", "answers"]


class Answer(NamedTuple):
    """What there is to say of one posting, and whether it may be sent."""

    review: Review
    entries: tuple[Entry, ...]
    replies: tuple[tuple[Reply, Verdict], ...]
    refused: tuple[str, ...]
    """A line for each mail that can't be answered."""
    older: tuple[str, ...] = ()
    """Bare message-ids of the earlier revisions, to which nothing is to be sent any more."""
    dkim: Mapping[str, str] = NOTHING
    """What is known of the signature of each mail that is answered, by bare message-id.

    Empty where nobody looked: without `attest`, and where the reply is dropped anyhow.
    """


class Run(NamedTuple):
    """What all series that are answered in one run have in common."""

    review: Callable[[Posting], Review]
    settings: Settings
    now: datetime
    """Aware."""
    counts: Callable[[], Counts] = Counts
    """Asked before each posting, what has left and what is about to."""
    attest: Callable[[bytes, Mail], str] | None = None
    """What looks at the signature of a mail (`bot.attest`); without it nobody does."""
    stored: Callable[[Sequence[Posting]], Sequence[Earlier]] = lambda line: ()
    """What is remembered of the revisions of a series, asked with those that were found."""
    dismissed: Mapping[str, str] = NOTHING
    """Fingerprints that the operator does not want to hear of, with the reason."""


class _Source(NamedTuple):
    """What all postings of one source have in common."""

    run: Run
    raws: Sequence[bytes]
    said: Sequence[Said]


def answers(
    raws: Sequence[bytes], postings: Sequence[Posting], chosen: Sequence[Posting], run: Run
) -> Iterator[Answer]:
    """Answer each of `chosen`.

    Parameters
    ----------
    raws: all mails of the source, replies too
    postings: all series found in them, older revisions too
    """
    settings = run.settings
    remarks = said(raws, postings, settings.reply.address, lowered(settings.policy.bots))
    source = _Source(run, raws, remarks)
    lines = lineages(postings)
    for posting in chosen:
        yield _answer(posting, line_of(posting.series.msgid, lines), source)


def answerable(
    written: Iterable[Reply], review: Review, settings: Settings
) -> tuple[tuple[Reply, ...], tuple[str, ...]]:
    """The replies that a person may choose to send, whatever the policy says of sending them.

    Also returns a line for each of the others.
    """
    kept, refused = [], []
    for reply in written:
        mail = review.posting.mails[reply.parent]
        if reason := unanswerable(mail, settings.reply.address, settings.policy):
            refused.append(f"{mail.msgid}: left out, since {reason}")
        else:
            kept.append(reply)
    return tuple(kept), tuple(refused)


def _answer(posting: Posting, line: Sequence[Posting], source: _Source) -> Answer:
    run = source.run
    review = run.review(posting)
    stored = run.stored(line)
    earlier = history(line, posting, run.review, source.said, stored)
    here = _told_for(posting, stored)
    settings = run.settings
    told = ledger(review, earlier, source.said, run.dismissed, here)
    entries = _asked_once(_with_mutes(told, settings), settings.policy)
    left = _left(posting, here, source.said)
    written, refused = replies(
        review,
        settings.reply,
        settings.review.link_mask,
        run.now,
        settings.policy,
        entries=entries,
        gone=_gone(entries) if settings.policy.tell_addressed and not left else (),
    )
    latest = all(one.series.msgid == posting.series.msgid for one in newest(line))
    latest = latest and all(one.revision <= posting.series.revision for one in stored)
    current = latest and not any(problem.kind in UNSURE for problem in posting.problems)
    mails = frozenset(msgid for one in line for msgid in one.mails)
    mails |= {one.msgid for one in stored}
    judged = tuple(_judged(written, review, mails, left, current, source))
    verdicts = tuple((reply, verdict) for reply, verdict, _dkim in judged)
    dkim = {reply.parent: told for reply, _verdict, told in judged}
    older = tuple(one.msgid for one in earlier) if latest else ()
    return Answer(review, entries, verdicts, refused, older, dkim)


def _signature(mail: Mail, source: _Source) -> str:
    """What is known of the signature of the very copy of `mail` that is answered."""
    attest, msgid = source.run.attest, mail.msgid.encode()
    if attest is None:
        return ""
    raw = next((raw for raw in source.raws if msgid in raw and read_mail(raw) == mail), None)
    return "" if raw is None else attest(raw, mail)


def _told_for(posting: Posting, stored: Iterable[Earlier]) -> dict[str, str]:
    """Fingerprints that have left with a mail for `posting`, which no archive may show yet."""
    series = posting.series
    return {
        fingerprint: mail.msgid
        for one in stored
        if one.msgid == series.msgid
        for fingerprint, mails in one.told.items()
        for mail in mails
        if mail.revision == series.revision
    }


def _asked_once(entries: Iterable[Entry], policy: PolicySettings) -> tuple[Entry, ...]:
    """Keep still about what came along in an earlier mail and is not worth one by itself."""
    return tuple(
        entry._replace(status=Status.SAID, reason=f"{entry.reason}, and not worth telling twice")
        if entry.status is Status.STANDING and not passes(entry.finding, policy)
        else entry
        for entry in entries
    )


def _with_mutes(entries: Iterable[Entry], settings: Settings) -> Iterator[Entry]:
    """The entries; the reason of what a muted rule finds says so."""
    for entry in entries:
        rule = entry.finding.rule
        if entry.spoken and rule in settings.policy.muted:
            why = why_muted(rule, settings.why_muted)
            entry = entry._replace(reason=f"{entry.reason}; {why}")
        yield entry


def _left(posting: Posting, here: Mapping[str, str], said: Iterable[Said]) -> dict[str, str]:
    """Our mails to `posting` that have left, each with what it answers where that is known."""
    ours = (one for one in said if one.own and one.parent in posting.mails)
    return dict.fromkeys(here.values(), "") | {one.msgid: one.parent for one in ours}


def _gone(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """What a mail told and is not there any more."""
    there = {_place(entry) for entry in entries if entry.status is not Status.ADDRESSED}
    gone = (e for e in entries if e.status is Status.ADDRESSED and e.mention)
    # Where the rule found something else, the same words would now be wrong.
    return tuple(entry for entry in gone if _place(entry) not in there)


def _place(entry: Entry) -> tuple[str, str, str | None]:
    return entry.finding.rule, entry.finding.file, entry.finding.symbol


def _judged(
    written: Iterable[Reply],
    review: Review,
    mails: frozenset[str],
    left: Mapping[str, str],
    current: bool,
    source: _Source,
) -> Iterator[tuple[Reply, Verdict, str]]:
    """Each reply with its verdict and what is known of the signature of the mail that it answers.

    One that may leave counts for the caps of the next.

    Parameters
    ----------
    mails: message-ids of all patches and covers of the series
    left: our mails to this revision that have left, with what they answer
    """
    counts, settings = source.run.counts(), source.run.settings
    for reply in written:
        case = _case(reply, review, current, counts, source.run)._replace(series=mails)
        verdict = _enough(reply, left) or decide(case, settings.policy, settings.why_muted)
        dkim = ""
        if verdict.action is not Action.DROP:
            left = {**left, reply.msgid: reply.parent}
            dkim = _signature(case.mail, source)
        yield reply, verdict, dkim
        if verdict.action in (Action.SEND, Action.HOLD):
            counts = counts.and_one(case.mail.author.email.lower(), reached(case.mail))


def _enough(reply: Reply, left: Mapping[str, str]) -> Verdict | None:
    """Why `reply` is one too many after those that have left; None where it isn't."""
    for msgid, parent in left.items():
        if parent == reply.parent:
            return Verdict(Action.DROP, f"the mail was answered by <{msgid}> already")
    if len(left) >= MOST_MAILS:
        return Verdict(Action.DROP, f"{len(left)} mails have answered this revision already")
    return None


def _case(reply: Reply, review: Review, current: bool, counts: Counts, run: Run) -> Case:
    case = case_of(
        reply.findings,
        review.posting.mails[reply.parent],
        review.posting,
        reply.recipients,
        counts,
        run.now,
        run.settings.reply.address,
    )
    lost = any(problem.kind == "older-revisions-unknown" for problem in review.posting.problems)
    return case._replace(newest=current, history=not lost, errors=review.errors)
