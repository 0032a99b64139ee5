# SPDX-License-Identifier: GPL-2.0-or-later
"""The reply to a patch mail, as the bytes of a mail; nothing is sent.

It answers one patch the way a person would (DESIGN: The reply).  Findings of
low confidence are never mailed.  Pure: the time is an argument, and the
Message-ID follows from what is answered and what is said.
"""

from __future__ import annotations

import hashlib
import re
from binascii import b2a_qp
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from bot import __version__
from bot.model import Address, Mail, Review
from bot.outgoing import Recipients
from bot.recipients import recipients
from bot.render.address import fold, spelt, usable_msgid
from bot.render.links import links
from bot.render.plain import one_line
from bot.render.quote import quote
from bot.render.templates import fill, remark
from bot.settings import PolicySettings, ReplySettings
from checks.api import Confidence, Finding, Patch
from checks.source.pattern import pattern

__all__ = ["Reply", "mboxrd", "replies"]

DEFAULT_POLICY = PolicySettings()
MOST_MAILS = 3
"""Mails for one revision; with findings on more patches, all go into one answer to the cover."""
MAX_BYTES = 998
"""Of a line; RFC 5322 2.1.1."""
MOST_LINKS = 1
"""Sources cited for one finding; the rest is in `revokebot rules ID`."""

_HOSTILE = pattern(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


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


class _Part(NamedTuple):
    """What a reply says of one patch."""

    patch: Patch
    findings: tuple[Finding, ...]


def replies(
    review: Review,
    settings: ReplySettings,
    link_mask: str,
    now: datetime,
    policy: PolicySettings = DEFAULT_POLICY,
) -> tuple[tuple[Reply, ...], tuple[str, ...]]:
    """Write the replies to `review`.

    Parameters
    ----------
    link_mask: URL of a message that is cited, with `%s` for its message-id
    now: aware; what `Date:` says
    policy: who is left out of To and Cc

    Returns the replies in patch order, and a line for each mail that cannot be answered.
    """
    parts = list(_parts(review))
    answers: list[tuple[str, tuple[_Part, ...]]] = [(part.patch.msgid, (part,)) for part in parts]
    if len(parts) > MOST_MAILS:
        answers = [(review.posting.series.msgid, tuple(parts))]
    written, refused = [], []
    for msgid, gathered in answers:
        mail = review.posting.mails.get(msgid)
        reason = "is not at hand as a mail" if mail is None else _refusal(mail, settings, policy)
        if mail is None or reason:
            refused.append(f"{msgid}: {reason}, so no reply is made; --format text shows all")
            continue
        chosen = recipients(mail, settings, policy)
        written.append(_reply(review, mail, gathered, chosen, settings, link_mask, now))
    return tuple(written), tuple(refused)


def _refusal(mail: Mail, settings: ReplySettings, policy: PolicySettings) -> str:
    """Why `mail` can't or must not be answered; empty when it may be."""
    if not usable_msgid(mail.msgid):
        return "has no Message-ID that a reply could name"
    if not recipients(mail, settings, policy).to:
        return "has no address that could be answered"
    if mail.auto_submitted not in ("", "no"):
        return "was sent by a program (Auto-Submitted)"
    if settings.address.lower() in (mail.sender.email.lower(), mail.author.email.lower()):
        return "is our own"
    return ""


def mboxrd(reply: Reply) -> bytes:
    """`reply` as one entry of an mboxrd, which mutt, b4 and git read."""
    escaped = re.sub(rb"^(>*From )", rb">\1", reply.raw, flags=re.MULTILINE)
    return b"From mboxrd@z Thu Jan  1 00:00:00 1970\n" + escaped + b"\n"


def _parts(review: Review) -> Iterator[_Part]:
    for patch in review.posting.series.patches:
        found = tuple(
            finding
            for finding in review.findings
            if finding.patch == patch.ref and finding.confidence is not Confidence.LOW
        )
        if found:
            yield _Part(patch, tuple(sorted(found, key=lambda finding: finding.diff_line)))


def _reply(
    review: Review,
    mail: Mail,
    parts: Sequence[_Part],
    chosen: Recipients,
    settings: ReplySettings,
    link_mask: str,
    now: datetime,
) -> Reply:
    findings = tuple(finding for part in parts for finding in part.findings)
    msgid = _message_id(mail.msgid, findings, settings)
    body = _body(review, mail, parts, settings, link_mask)
    encoding, content = _transfer(body)
    headers = list(_headers(mail, findings, chosen, settings))
    headers += [
        f"Date: {_rfc5322(now)}",
        f"Message-ID: <{msgid}>",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Transfer-Encoding: {encoding}",
    ]
    raw = "\n".join(headers).encode("ascii") + b"\n\n" + content
    return Reply(msgid, mail.msgid, findings, raw)


def _headers(
    mail: Mail, findings: Sequence[Finding], chosen: Recipients, settings: ReplySettings
) -> Iterator[str]:
    yield "From: " + spelt(Address(settings.name, settings.address))
    yield "To: " + ",\n ".join(map(spelt, chosen.to))
    if chosen.cc:
        yield "Cc: " + ",\n ".join(map(spelt, chosen.cc))
    yield fold("Subject", f"Re: {mail.subject}")
    yield f"In-Reply-To: <{mail.msgid}>"
    chain = dict.fromkeys((*(m for m in mail.references if usable_msgid(m)), mail.msgid))
    yield "References: " + "\n ".join(f"<{msgid}>" for msgid in chain)
    yield "Auto-Submitted: auto-replied"
    if any(finding.suggestion for finding in findings):
        yield "X-Patchwork-Hint: ignore"
    yield fold("X-Revokebot-Rules", ", ".join(_rules(findings)))
    yield f"X-Revokebot-Version: {__version__}"


def _message_id(parent: str, findings: Iterable[Finding], settings: ReplySettings) -> str:
    domain = settings.address.rpartition("@")[2]
    said = "\0".join((settings.address, parent, *sorted(f.fingerprint for f in findings)))
    digest = hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()
    return f"revokebot-{digest[:32]}@{domain}"


def _body(
    review: Review, mail: Mail, parts: Sequence[_Part], settings: ReplySettings, link_mask: str
) -> str:
    cited: set[str] = set()
    pieces: list[dict[str, str]] = []
    for part in parts:
        blocks = quote(part.patch.diff, [finding.diff_line for finding in part.findings])
        heading = "" if part.patch.msgid == mail.msgid else one_line(part.patch.subject) + ":"
        for finding, quoted in zip(part.findings, blocks, strict=True):
            urls = [url for url in _cited(finding, link_mask) if url not in cited]
            cited.update(urls)
            text = remark(finding.rule, _values(review, finding, urls))
            pieces.append({"heading": heading, "quoted": quoted, "remark": _clean(text)})
            heading = ""
    values: dict[str, object] = {
        "attribution": _attribution(mail),
        "parts": pieces,
        "operator": settings.operator,
        "homepage": settings.homepage,
        "version": __version__,
        "rules": _shortened(_rules([f for part in parts for f in part.findings])),
    }
    return fill("reply.txt.j2", values) + "\n"


def _cited(finding: Finding, link_mask: str) -> tuple[str, ...]:
    """The sources worth a line of the mail: messages before kernel paths."""
    first = sorted(finding.references, key=lambda reference: "@" not in reference)
    return links(first[:MOST_LINKS], link_mask)


def _values(review: Review, finding: Finding, urls: Sequence[str]) -> dict[str, object]:
    """What a rule's template may name: plain values only."""
    return {
        "message": finding.message,
        "suggestion": finding.suggestion.rstrip("\n"),
        "facts": finding.facts,
        "symbol": finding.symbol,
        "file": finding.file,
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "edition": review.edition.value,
        "links": urls,
    }


def _clean(text: str) -> str:
    """Own text, which may repeat names of the patch: no control characters, no signature mark."""
    text = _HOSTILE.sub("?", text)
    return re.sub(r"^-- $", "--", text, flags=re.MULTILINE)


def _attribution(mail: Mail) -> str:
    """As mutt writes it, in the time zone of the author."""
    name = one_line(mail.author.name or mail.author.email)
    if mail.date is None:
        return f"{name} wrote:"
    return f"On {mail.date:%a, %b %d, %Y at %I:%M:%S%p %z}, {name} wrote:"


def _rules(findings: Iterable[Finding]) -> list[str]:
    return sorted({finding.rule for finding in findings})


def _shortened(rules: Sequence[str]) -> str:
    """The rules, on two lines of the footer; more than fit are in X-Revokebot-Rules."""
    text = ", ".join(rules)
    return text if len(text) <= 130 else f"{len(rules)}, all in the header X-Revokebot-Rules"


def _transfer(body: str) -> tuple[str, bytes]:
    """Transfer encoding and bytes of `body`: as it is where that is allowed."""
    raw = body.encode("utf-8", "replace")
    lines = raw.split(b"\n")
    if max(map(len, lines)) <= MAX_BYTES and not re.search(rb"[\x00\r]", raw):
        return ("7bit" if raw.isascii() else "8bit"), raw
    return "quoted-printable", b"\n".join(b2a_qp(line, istext=False) for line in lines)


def _rfc5322(moment: datetime) -> str:
    from email.utils import format_datetime

    return format_datetime(moment)
