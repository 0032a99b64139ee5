# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a reply may be sent, must wait, needs a person's word, or is dropped.

Pure: clock, counts and everything else it goes by stand in the `Case`.  It fails
closed: whatever it doesn't know, or cannot tell, keeps a reply from going out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from bot.lists import lists_of, named, reached, unknown_lists
from bot.model import Mail, Posting
from bot.outgoing import NONE_SENT, NOTHING, Action, Counts, Recipients, Sent, Verdict
from bot.recipients import is_bot, lowered
from bot.settings import PolicySettings
from checks.api import Confidence, Finding, Problem, Severity

__all__ = ["Case", "case_of", "decide", "passes", "unanswerable", "why_muted"]

DAY = timedelta(hours=24)
SKEW = timedelta(hours=1)
"""How far in the future the date of a series may lie: clocks differ, forgers exaggerate."""
CENTURY = 100 * 365 * 24 * 60
"""Minutes; a longer embargo is the same, and would leave what a date can say."""
CONFIDENCES = (Confidence.LOW, Confidence.MEDIUM, Confidence.HIGH)


class Case(NamedTuple):
    """All that the policy goes by for one reply."""

    findings: tuple[Finding, ...]
    """What the reply says."""
    mail: Mail
    """The mail that it answers."""
    recipients: Recipients
    lists: tuple[str, ...]
    """List-Ids that the mail reached (`bot.lists.lists_of`)."""
    now: datetime
    """Aware."""
    own: str
    """The bot's address."""
    unknown_lists: tuple[str, ...] = ()
    """Addresses that look like lists (`bot.lists.unknown_lists`)."""
    complete: bool = False
    """All patches of the series are there."""
    history: bool = True
    """What was said of earlier revisions could be looked up."""
    newest: bool = False
    """There is no newer revision of the series."""
    date: datetime | None = None
    """Aware; when the series was sent."""
    errors: tuple[Problem, ...] = ()
    """Of the review: a rule that crashed may have kept silent about what another finding needs."""
    author_sent: Sent = Sent()
    """To this author."""
    list_sent: Mapping[str, Sent] = NONE_SENT
    """By List-Id, lower case."""
    all_sent: Sent = Sent()
    series: frozenset[str] = frozenset()
    """Bare message-ids of the mails of the series, in all revisions that are known."""
    by_hand: bool = False
    """A person approved it: then only what holds for everybody stops it."""


def case_of(
    findings: tuple[Finding, ...],
    mail: Mail,
    posting: Posting | None,
    recipients: Recipients,
    counts: Counts,
    now: datetime,
    own: str,
) -> Case:
    """The case of a reply that says `findings` to `mail`.

    Parameters
    ----------
    posting: the series that `mail` belongs to; None where it is not known
    now: aware
    own: the bot's address

    What else is known (`newest`, `errors`, ...) is the caller's to add.
    """
    return Case(
        findings=findings,
        mail=mail,
        recipients=recipients,
        lists=lists_of(mail),
        now=now,
        own=own,
        unknown_lists=unknown_lists(mail),
        complete=posting is not None and posting.series.complete,
        date=posting.series.date if posting is not None else None,
        series=frozenset(posting.mails if posting is not None else ()),
        author_sent=counts.authors.get(mail.author.email.lower(), Sent()),
        list_sent=counts.lists,
        all_sent=counts.total,
    )


def decide(case: Case, settings: PolicySettings, reasons: Mapping[str, str] = NOTHING) -> Verdict:
    """What may be done with a reply; the first reason that applies is given.

    Parameters
    ----------
    reasons: by the id of a muted rule, a line that says why
    """
    reason = next(_drop_first(case, settings), "")
    if reason:
        return Verdict(Action.DROP, reason)
    crashed = next((e for e in case.errors if e.kind == "rule-crashed"), None)
    if crashed is not None and not case.by_hand:
        return Verdict(Action.DRAFT, f"rule {crashed.where} crashed, so the review is not whole")
    if settings.post == "off":
        return Verdict(Action.DRAFT, "policy.post is off: nothing leaves")
    if case.by_hand:
        return Verdict(Action.SEND, "approved by hand")
    if not any(passes(finding, settings) for finding in case.findings):
        why = _too_low(case, settings, reasons)
        return Verdict(Action.DROP, f"no finding is worth a mail: {why}")
    reason = next(_draft(case, settings), "")
    if reason:
        return Verdict(Action.DRAFT, reason)
    held = next(_hold(case, settings), None)
    if held is not None:
        return Verdict(Action.HOLD, *held)
    if settings.post != "send":
        return Verdict(Action.DRAFT, f"policy.post is {settings.post}: a person has to approve")
    names = ", ".join((*case.lists, *map(named, case.unknown_lists)))
    return Verdict(Action.SEND, f"allowed on {names}")


def unanswerable(mail: Mail, own: str, settings: PolicySettings) -> str:
    """Why `mail` is never answered, whatever there is to say; empty when it may be.

    Parameters
    ----------
    own: the bot's address
    """
    return next(_never(mail, own, settings), "")


def _never(mail: Mail, own: str, settings: PolicySettings) -> Iterator[str]:
    people = (mail.author.email, mail.sender.email)
    if {email.strip().lower() for email in people} & lowered((own,)):
        yield "the mail is our own"
    if mail.automatic:
        yield f"a program sent the mail (Auto-Submitted: {mail.auto_submitted})"
    bots = lowered(settings.bots)
    bot = next((one for one in (mail.author, mail.sender) if is_bot(one, bots)), None)
    if bot:
        yield f"{bot.email} is a bot"
    authors = lowered((*people, *(address.email for address in mail.reply_to)))
    left = sorted(authors & lowered(settings.leave))
    if left:
        yield f"{left[0]} asked to be left alone (policy.leave)"
    lists = sorted({name.lower() for name in reached(mail)} & lowered(settings.leave))
    if lists:
        yield f"the list {lists[0]} is to be left alone (policy.leave)"


def _drop_first(case: Case, settings: PolicySettings) -> Iterator[str]:
    """Reasons never to send it that hold for whatever it says."""
    yield from _never(case.mail, case.own, settings)
    told = sorted(case.series.intersection(one.strip("<> ") for one in settings.leave))
    if told:
        yield f"we were told to leave the series of {told[0]} (policy.leave)"
    if not case.recipients.to:
        yield "nobody is left whom it could be sent to"
    if not case.newest:
        yield "a newer revision of the series is there"
    if case.by_hand or case.date is None:
        return
    if case.now - case.date > DAY * min(settings.max_age_days, 36500):
        yield f"the series is older than {settings.max_age_days} days (policy.max_age_days)"


def why_muted(rule: str, reasons: Mapping[str, str]) -> str:
    """A line that says why `rule`, which is muted, is so."""
    return reasons.get(rule, f"rule {rule} is muted (policy.muted)")


def _too_low(case: Case, settings: PolicySettings, reasons: Mapping[str, str]) -> str:
    """Why no finding passes."""
    aloud = settings._replace(muted=())
    muted = dict.fromkeys(one.rule for one in case.findings if passes(one, aloud))
    if muted:
        return "; ".join(why_muted(rule, reasons) for rule in muted)
    return f"none reaches {settings.severity} with {settings.confidence} confidence"


def passes(finding: Finding, settings: PolicySettings) -> bool:
    """Whether `finding` is worth a mail; low confidence never is, whatever is set.

    What a muted rule finds counts as a note.
    """
    severity = Severity.NOTE if finding.rule in settings.muted else finding.severity
    sure = CONFIDENCES.index(finding.confidence)
    return (
        severity.rank >= Severity(settings.severity).rank
        and sure >= CONFIDENCES.index(Confidence(settings.confidence))
        and sure > 0
    )


def _draft(case: Case, settings: PolicySettings) -> Iterator[str]:
    """Reasons why a person has to look first."""
    allowed, quiet = lowered(settings.lists), lowered(settings.quiet)
    unknown = {email: named(email) for email in case.unknown_lists}
    reached = (*lowered(case.lists), *unknown.values())
    hushed = sorted(quiet.intersection(reached))
    if hushed:
        yield f"{hushed[0]} is in quiet mode (policy.quiet)"
    if not allowed:
        yield "no list is allowed yet (policy.lists is empty)"
    barred = sorted(lowered(case.lists) - allowed)
    if barred:
        yield f"{barred[0]} is not in policy.lists"
    strange = [email for email, name in unknown.items() if name not in allowed]
    if strange:
        name = unknown[strange[0]]
        yield f"{strange[0]} looks like a list that is not known (policy.lists would say {name})"
    if not reached:
        yield "the mail reached no list, so nobody allowed an answer"
    author = case.mail.author.email
    if settings.authors and author.strip().lower() not in lowered(settings.authors):
        yield f"{author} is not in policy.authors"
    if not case.complete:
        yield "the series is not complete"
    if not case.history:
        yield "what was said of its earlier revisions could not be looked up"
    if case.date is None:
        yield "the series has no date, so neither age nor embargo can be told"
    elif case.date - case.now > SKEW:
        yield f"the date of the series lies in the future: {case.date.isoformat()}"


def _hold(case: Case, settings: PolicySettings) -> Iterator[tuple[str, datetime]]:
    """Reasons to wait, each with the time until when."""
    assert case.date is not None
    embargo = timedelta(minutes=min(settings.embargo_minutes, CENTURY))
    if case.now - case.date < embargo:
        until = case.date + embargo
        yield f"people have the word first, {settings.embargo_minutes} minutes long", until
    caps = [
        ("this author", case.author_sent, settings.per_author, "per_author"),
        *(
            (list_id, case.list_sent.get(list_id, Sent()), settings.per_list, "per_list")
            for list_id in sorted((*lowered(case.lists), *map(named, case.unknown_lists)))
        ),
        ("everybody", case.all_sent, settings.per_day, "per_day"),
    ]
    full = [(name, sent, key) for name, sent, cap, key in caps if sent.mails >= cap]
    if full:
        name, sent, key = full[0]
        until = max(_free_again(each, case.now) for _, each, _ in full)
        yield f"{sent.mails} mails to {name} in 24 hours (policy.{key})", until


def _free_again(sent: Sent, now: datetime) -> datetime:
    """When the oldest mail no longer counts; a whole day where its time is not known."""
    until = now + DAY if sent.oldest is None else sent.oldest + DAY
    return max(until, now + timedelta(minutes=1))
