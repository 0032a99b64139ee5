# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a reply that is about to leave may still go: by the settings, mails and people of now.

Pure.  A reply can wait for days in the outbox; meanwhile an author may have
asked to be left alone, or somebody may have said the same.  Its text is fixed,
so where that no longer fits, a person has to look at it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.config import Settings
from bot.look import Seen
from bot.outgoing import Action, Counts, Draft, Recipients, Said, Told, Verdict
from bot.policy import case_of, decide
from bot.recipients import lowered, recipients
from bot.remarks import Thread
from bot.sources.said import said
from checks.api import Finding

__all__ = ["rejudge"]


def rejudge(
    draft: Draft, told: Told, seen: Seen, counts: Counts, settings: Settings, now: datetime
) -> Verdict:
    """What may be done with `draft` now.

    Parameters
    ----------
    told: what it says, as the outbox has kept it
    seen: what the archive has just answered
    counts: what has left lately, and what goes before this one
    now: aware

    What a person approved goes, unless the policy has it that nobody may let it
    go, all of it has been said meanwhile, or it would reach somebody who is left out now.
    """
    if seen.newer:
        return Verdict(Action.DROP, f"revision {seen.newer} has come")
    policy, own = settings.policy, settings.reply.address
    chosen = recipients(seen.mail, settings.reply, policy)
    case = case_of(told.findings, seen.mail, seen.posting, chosen, counts, now, own)
    case = case._replace(
        newest=True,
        errors=told.errors,
        series=frozenset(msgid for one in seen.line for msgid in one.mails),
        by_hand=draft.by_hand or not told.findings,
    )
    verdict = decide(case, policy, settings.why_muted)
    if verdict.action is Action.DROP:
        return verdict
    if told.dismissed:
        return Verdict(Action.DROP, f"dismissed: {told.dismissed[0]}")
    spoken = _spoken(told.findings, seen, settings)
    words = "; ".join(f"{finding.rule} by {_who(remark)}" for finding, remark in spoken)
    if spoken and len(spoken) == len(told.findings):
        return Verdict(Action.DROP, f"said meanwhile: {words}")
    if reason := _unwanted(draft, chosen):
        return Verdict(Action.DRAFT, reason)
    if draft.by_hand:
        return verdict
    if not told.findings or set(draft.says) - {one.fingerprint for one in told.findings}:
        return Verdict(Action.DRAFT, "not all that it says is on record: read it, then approve it")
    if spoken:
        reason = f"partly said meanwhile: {words}; review again for a shorter one, or approve it"
        return Verdict(Action.DRAFT, reason)
    return verdict


def _spoken(
    findings: Sequence[Finding], seen: Seen, settings: Settings
) -> list[tuple[Finding, Said]]:
    """The findings whose place somebody has remarked on, each with the first remark."""
    if seen.posting is None or not findings:
        return []
    bots = lowered(settings.policy.bots)
    remarks = said(seen.mails, seen.postings, settings.reply.address, bots)
    thread = Thread(seen.posting.series.patches, remarks)
    found = ((finding, thread.remark(finding)) for finding in findings)
    return [(finding, remark) for finding, remark in found if remark is not None]


def _who(remark: Said) -> str:
    who = "us" if remark.own else remark.author.name or remark.author.email
    return f"{who} in <{remark.msgid}>"


def _unwanted(draft: Draft, chosen: Recipients) -> str:
    """Why one of its recipients would not be chosen any more; empty when all would."""
    left_out = {email.lower(): reason for email, reason in chosen.left_out}
    for email in draft.envelope.recipients:
        if reason := left_out.get(email.lower()):
            return f"not to {email} any more ({reason}): edit the draft and take it out"
    return ""
