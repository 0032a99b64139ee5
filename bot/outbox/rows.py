# SPDX-License-Identifier: GPL-2.0-or-later
"""Between the frozen types and the rows of the outbox, both ways; pure, no database here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from bot.lists import reached
from bot.model import Review
from bot.outgoing import (
    Action,
    Draft,
    Earlier,
    Entry,
    Envelope,
    Judged,
    Kind,
    Mention,
    State,
    Status,
)
from checks.api import Confidence, Finding, Patch, PatchRef, Severity
from checks.source.diff import split_sections
from checks.source.pattern import pattern

__all__ = [
    "draft_of", "earlier_of", "entry_row", "finding_of", "notice_row", "reply_row", "review_row",
]  # fmt: skip

HEAD = 10_000
"""Characters of the part of a diff above the hunks of a file."""
_RENAMED = pattern(r"^rename from (\S{1,1000})$", re.MULTILINE)
NEW_STATE = {
    Action.DRAFT: State.DRAFT,
    Action.SEND: State.APPROVED,
    Action.HOLD: State.APPROVED,
    Action.DROP: State.DISCARDED,
}


def review_row(review: Review, now: datetime) -> dict[str, Any]:
    """The row of `review`, without its id."""
    series = review.posting.series
    mails = review.posting.mails
    first = review.posting.cover or next(
        (mails[patch.msgid] for patch in series.patches if patch.msgid in mails), None
    )
    return {
        "msgid": series.msgid,
        "subject": series.subject,
        "revision": series.revision,
        "list_id": first.list_id if first else "",
        "author": first.author.email.lower() if first else "",
        "date": series.date,
        "edition": review.edition.value,
        "findings": [finding._asdict() for finding in review.findings],
        "errors": [problem._asdict() for problem in review.errors],
        "recorded": now,
        "files": _files(series.patches),
    }


def _files(patches: Iterable[Patch]) -> list[str]:
    """What a series touches, renamed files by both names."""
    names = (
        name
        for patch in patches
        for section in split_sections(patch.diff)
        for name in (section.path, *_RENAMED.findall(section.text[:HEAD]))
    )
    return sorted(set(names))


def entry_row(review_id: int, entry: Entry) -> dict[str, Any]:
    """The row of one line of the ledger."""
    return {
        "review_id": review_id,
        "fingerprint": entry.finding.fingerprint,
        "rule": entry.finding.rule,
        "status": entry.status.value,
        "reason": entry.reason,
        "mention": entry.mention,
        "revision": entry.revision,
    }


def reply_row(review: Review, review_id: int, judged: Judged, now: datetime) -> dict[str, Any]:
    """The row of a new reply, without id."""
    envelope, verdict = judged.envelope, judged.verdict
    mail = review.posting.mails.get(judged.parent)
    author = mail.author.email.lower() if mail else ""
    return {
        "review_id": review_id,
        "msgid": envelope.msgid,
        "parent": judged.parent,
        "subject": judged.subject,
        "sender": envelope.sender,
        "recipients": list(envelope.recipients),
        "raw": envelope.raw,
        "author": author,
        "lists": list(reached(mail)) if mail else [],
        "state": NEW_STATE[verdict.action].value,
        "reason": verdict.reason,
        "attempts": 0,
        "not_before": verdict.until if verdict.action is Action.HOLD else None,
        "changed": now,
        "owner": None,
        "lease_until": None,
        "doubtful": False,
        "refused": {},
        "sent": None,
        "says": list(judged.says),
        "dkim": judged.dkim,
        "by_hand": False,
        "waits": 0,
        "kind": Kind.REVIEW.value,
    }


def notice_row(
    kind: Kind, envelope: Envelope, parent: str, subject: str, reason: str, now: datetime
) -> dict[str, Any]:
    """The row of a mail of ours that tells of no review, to be sent at once."""
    return {
        "review_id": None,
        "msgid": envelope.msgid,
        "parent": parent,
        "subject": subject,
        "sender": envelope.sender,
        "recipients": list(envelope.recipients),
        "raw": envelope.raw,
        "author": envelope.recipients[0].lower(),
        "lists": [],
        "state": State.APPROVED.value,
        "reason": reason,
        "attempts": 0,
        "changed": now,
        "doubtful": False,
        "refused": {},
        "kind": kind.value,
    }


def draft_of(row: Mapping[Any, Any], state: State | None = None) -> Draft:
    """The reply of `row`; `state` is told in the place of the row's own."""
    envelope = Envelope(row["msgid"], row["sender"], tuple(row["recipients"]), bytes(row["raw"]))
    return Draft(
        id=row["id"],
        envelope=envelope,
        parent=row["parent"],
        subject=row["subject"],
        state=state or State(row["state"]),
        reason=row["reason"],
        attempts=row["attempts"],
        not_before=row["not_before"],
        changed=row["changed"],
        refused=row["refused"],
        says=tuple(row["says"]),
        dkim=row["dkim"],
        by_hand=row["by_hand"],
        waits=row["waits"],
        kind=Kind(row["kind"]),
    )


def finding_of(fields: Mapping[str, Any]) -> Finding:
    """The finding that `review_row` wrote down."""
    return Finding(
        **{
            **fields,
            "severity": Severity(fields["severity"]),
            "confidence": Confidence(fields["confidence"]),
            "patch": PatchRef(*fields["patch"]),
            "references": tuple(fields["references"]),
        }
    )


def earlier_of(
    row: Mapping[Any, Any], entries: Iterable[Mapping[Any, Any]], sent: Iterable[Mapping[Any, Any]]
) -> Earlier:
    """What the review of `row` found, and which mails told it.

    Parameters
    ----------
    entries: the rows of its ledger
    sent: the rows of its replies that have left, the oldest first
    """
    findings = tuple(finding_of(fields) for fields in row["findings"])
    lines = {finding.fingerprint: finding.line_text for finding in findings}
    told: dict[str, tuple[Mention, ...]] = {}

    def add(fingerprint: str, msgid: str, revision: int) -> None:
        mail = Mention(msgid, revision, lines.get(fingerprint, ""))
        told[fingerprint] = (*told.get(fingerprint, ()), mail)

    for line in entries:
        if line["status"] == Status.STANDING.value and 1 <= line["revision"] < row["revision"]:
            add(line["fingerprint"], line["mention"], line["revision"])
    for mail in sent:
        for fingerprint in mail["says"]:
            add(fingerprint, mail["msgid"], row["revision"])
    return Earlier(row["revision"], row["msgid"], findings, told, date=row["date"])
