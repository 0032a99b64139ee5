# SPDX-License-Identifier: GPL-2.0-or-later
"""The reply to a patch mail, as the bytes of a mail; nothing is sent.

It answers one patch the way a person would (DESIGN: The reply).  Findings of
low confidence are never mailed.  Pure: the time is an argument, and the
Message-ID follows from what is answered and what is said.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from bot import __version__
from bot.model import Address, Mail, Review
from bot.outgoing import MAX_LINE, Entry, Envelope, Judged, Recipients, Status, Verdict
from bot.recipients import recipients
from bot.render.address import fold, printable, spelt, usable_msgid
from bot.render.addressed import shared_out
from bot.render.body import Part, Point, body, rules_of
from bot.settings import PolicySettings, ReplySettings
from bot.sources.mime import quoted_printable
from checks.api import Confidence, Finding

__all__ = ["Reply", "dated", "replies", "transfer"]

DEFAULT_POLICY = PolicySettings()
NOBODY = Recipients((), ())
MOST_MAILS = 3
"""Mails for one revision; with findings on more patches, all go into one answer to the cover."""


class Reply(NamedTuple):
    """One mail, ready to be delivered."""

    msgid: str
    """Bare message-id; the same whenever the same is said to the same mail."""
    parent: str
    """Bare message-id of the mail that is answered."""
    findings: tuple[Finding, ...]
    """What it says, in the order in which it says it."""
    raw: bytes
    """The mail, LF line ends."""
    sender: str = ""
    """Address for `MAIL FROM`."""
    recipients: Recipients = NOBODY
    """To whom it goes, and who was left out."""
    subject: str = ""
    """As in the header, decoded."""
    gone: tuple[Entry, ...] = ()
    """What it says of findings that are not there any more."""

    @property
    def envelope(self) -> Envelope:
        """The mail as the outbox and the delivery take it."""
        return Envelope(self.msgid, self.sender, self.recipients.emails, self.raw)

    def judged(self, verdict: Verdict, dkim: str = "") -> Judged:
        """The reply as the outbox takes it, with what is known of the answered mail's signature."""
        says = tuple(finding.fingerprint for finding in self.findings)
        return Judged(self.envelope, self.parent, self.subject, verdict, says, dkim)


class _Answer(NamedTuple):
    """What one reply is made of."""

    mail: Mail
    """That is answered."""
    recipients: Recipients
    parts: tuple[Part, ...]
    gone: tuple[Entry, ...] = ()

    @property
    def points(self) -> tuple[Point, ...]:
        """In the order in which they are said."""
        return tuple(point for part in self.parts for point in part.points)


def replies(
    review: Review,
    settings: ReplySettings,
    link_mask: str,
    now: datetime,
    policy: PolicySettings = DEFAULT_POLICY,
    entries: Sequence[Entry] | None = None,
    gone: Sequence[Entry] = (),
) -> tuple[tuple[Reply, ...], tuple[str, ...]]:
    """Write the replies to `review`.

    Parameters
    ----------
    link_mask: URL of a message that is cited, with `%s` for its message-id
    now: aware; what `Date:` says
    policy: who is left out of To and Cc
    entries: the ledger of `review`: new findings are said, standing ones in one line, others
        not at all; without it everything counts as new
    gone: what is to be said of findings that are gone, in replies that are written anyway

    Returns the replies in patch order, and a line for each mail that cannot be answered.
    """
    parts = list(_parts(review, entries))
    answers: list[tuple[str, tuple[Part, ...]]] = [(part.patch.msgid, (part,)) for part in parts]
    if len(parts) > MOST_MAILS or (len(parts) > 1 and _known(parts, review)):
        answers = [(review.posting.series.msgid, tuple(parts))]
    able: list[_Answer] = []
    refused = []
    for msgid, gathered in answers:
        mail = review.posting.mails.get(msgid)
        if mail is None:
            refused.append(_told(msgid, "is not at hand as a mail"))
            continue
        chosen = recipients(mail, settings, policy)
        if reason := _refusal(mail, chosen):
            refused.append(_told(msgid, reason))
        else:
            able.append(_Answer(mail, chosen, gathered))
    shares = shared_out(gone, [[part.patch for part in one.parts] for one in able])
    written = (
        _reply(one._replace(gone=share), review, settings, link_mask, now)
        for one, share in zip(able, shares, strict=True)
    )
    return tuple(written), tuple(refused)


def _known(parts: Sequence[Part], review: Review) -> bool:
    """Whether nothing is new: one short mail is enough then, however many the patches."""
    whole = review.posting.series.msgid in review.posting.mails
    return whole and all(point.standing for part in parts for point in part.points)


def _told(msgid: str, reason: str) -> str:
    return f"{msgid}: {reason}, so no reply is made; --format text shows all"


def _refusal(mail: Mail, chosen: Recipients) -> str:
    """Why there can be no answer to `mail`; empty when there can.  Who may get one is policy."""
    if not usable_msgid(mail.msgid):
        return "has no Message-ID that a reply could name"
    if not chosen.to:
        return "has no address that could be answered"
    return ""


def _parts(review: Review, entries: Sequence[Entry] | None) -> Iterator[Part]:
    points = [Point(finding) for finding in review.findings]
    if entries is not None:
        points = [
            Point(entry.finding, entry.status is Status.STANDING, entry.mention)
            for entry in entries
            if entry.spoken
        ]
    points = [point for point in points if point.finding.confidence is not Confidence.LOW]
    for patch in review.posting.series.patches:
        found = (point for point in points if point.finding.patch == patch.ref)
        ordered = tuple(sorted(found, key=lambda point: point.finding.diff_line))
        if ordered:
            yield Part(patch, ordered)


def _reply(
    answer: _Answer, review: Review, settings: ReplySettings, link_mask: str, now: datetime
) -> Reply:
    mail, chosen, parts, gone = answer
    msgid = _message_id(answer, settings)
    encoding, content = transfer(body(review, mail, parts, settings, link_mask, gone))
    headers = list(_headers(answer, settings))
    headers += [
        f"Date: {dated(now)}",
        f"Message-ID: <{msgid}>",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Transfer-Encoding: {encoding}",
    ]
    raw = "\n".join(headers).encode("ascii") + b"\n\n" + content
    subject = printable(f"Re: {mail.subject}")
    findings = tuple(point.finding for point in answer.points)
    return Reply(msgid, mail.msgid, findings, raw, settings.address, chosen, subject, gone)


def _headers(answer: _Answer, settings: ReplySettings) -> Iterator[str]:
    mail, chosen = answer.mail, answer.recipients
    yield "From: " + spelt(Address(settings.name, settings.address))
    yield "To: " + ",\n ".join(map(spelt, chosen.to))
    if chosen.cc:
        yield "Cc: " + ",\n ".join(map(spelt, chosen.cc))
    yield fold("Subject", f"Re: {mail.subject}")
    yield f"In-Reply-To: <{mail.msgid}>"
    # A patch that names itself among its own ancestors is the last of them all the same.
    above = (m for m in mail.references if usable_msgid(m) and m != mail.msgid)
    chain = (*dict.fromkeys(above), mail.msgid)
    yield "References: " + "\n ".join(f"<{msgid}>" for msgid in chain)
    yield "Auto-Submitted: auto-replied"
    if any(point.finding.suggestion for point in answer.points if not point.standing):
        yield "X-Patchwork-Hint: ignore"
    yield fold("X-Revokebot-Rules", ", ".join(rules_of(point.finding for point in answer.points)))
    yield f"X-Revokebot-Version: {__version__}"


def _message_id(answer: _Answer, settings: ReplySettings) -> str:
    domain = settings.address.rpartition("@")[2]
    marks = sorted(point.finding.fingerprint for point in answer.points)
    marks += sorted(f"gone {entry.finding.fingerprint}" for entry in answer.gone)
    said = "\0".join((settings.address, answer.mail.msgid, *marks))
    digest = hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()
    return f"revokebot-{digest[:32]}@{domain}"


def transfer(text: str) -> tuple[str, bytes]:
    """Transfer encoding and bytes of `text`: as it is where that is allowed."""
    raw = text.encode("utf-8", "replace")
    if max(map(len, raw.split(b"\n"))) <= MAX_LINE and not re.search(rb"[\x00\r]", raw):
        return ("7bit" if raw.isascii() else "8bit"), raw
    return "quoted-printable", quoted_printable(raw)


def dated(moment: datetime) -> str:
    """`moment`, which is aware, as RFC 5322 3.3 has it."""
    from email.utils import format_datetime

    return format_datetime(moment)
