# SPDX-License-Identifier: GPL-2.0-or-later
"""From the bytes of a mail to a `Mail`, in two stages: a cheap `scan`, then `parse_mail`.

An archive is read by scanning every mail and parsing only patches, covers and
pull requests.  Neither stage raises on any bytes: what cannot be read exactly
becomes a `Problem`.  Time is linear in the size of the mail.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple

from bot.model import BY_HAND, Address, Mail
from bot.sources.body import find_diff
from bot.sources.header import (
    HEADER_CAP,
    SUBJECT_CAP,
    addresses,
    bare_msgids,
    decode_words,
    fields,
    parse_date,
    split_head,
    unfold,
)
from bot.sources.mime import Trouble, body_text, transfer_decoded
from bot.sources.subject import Subject, parse_subject
from checks.api import Problem
from checks.source.pattern import pattern

__all__ = ["Scan", "parse_mail", "read_mail", "scan", "sender_of"]

MAIL_CAP = 4 << 20
"""Bytes of a mail that is read; no patch comes near, and a bigger one is told as a problem."""

_FORMAT_PATCH = pattern(rb"From ([0-9a-f]{40}|[0-9a-f]{64}) Mon Sep 17 00:00:00 2001\n")
_MAYBE_PATCH = pattern(rb"patch|rfc|pull|\d/\d|=\?", re.IGNORECASE)
_IN_BODY_FROM = pattern(r"\s{0,200}From:[ \t]*([^\n]{1,500})")
_ANGLE = pattern(rb"<mailto:([^>\s]{1,300})>")
_DIFF = b"\n+++ "
"""Stands unquoted in every diff that changes a text."""
_NOBODY = Address("", "")


class Scan(NamedTuple):
    """What a thread needs to know of a mail that is no patch."""

    msgid: str
    subject: str
    """Decoded; left empty where it cannot name a patch."""
    in_reply_to: str
    references: tuple[str, ...]
    counter_patch: bool = False
    """A person's reply to a patch, with a diff of its own that is not quoted."""


def read_mail(raw: bytes) -> Mail | Scan:
    """Scan a mail, and parse it in full when it is a patch, a cover or a pull request."""
    head, body = split_head(raw[:MAIL_CAP])
    found = fields(head)
    subject, verdict = _subject(found)
    if verdict.reply or not (verdict.patch or verdict.pull):
        return _scan(raw, found, body, subject, verdict)
    return _parse(raw, head, found, body)


def scan(raw: bytes) -> Scan:
    """Read the few header fields by which mails are put in threads.  Never raises."""
    head, body = split_head(raw[:MAIL_CAP])
    found = fields(head)
    return _scan(raw, found, body, *_subject(found))


def parse_mail(raw: bytes) -> Mail:
    """Parse a whole mail.  Never raises; `Mail.problems` says what was not readable."""
    head, body = split_head(raw[:MAIL_CAP])
    return _parse(raw, head, fields(head), body)


def sender_of(found: dict[bytes, bytes]) -> Address:
    """Who wrote a mail, as far as its header fields tell."""
    sender = (addresses(found.get(b"from", b"")) or (_NOBODY,))[0]
    reply_to = addresses(found[b"reply-to"]) if b"reply-to" in found else ()
    return _author(found, sender, reply_to, "")


def _subject(found: dict[bytes, bytes]) -> tuple[str, Subject]:
    value = found.get(b"subject", b"")[:SUBJECT_CAP]
    if not _MAYBE_PATCH.search(value):
        return "", Subject("")
    subject = decode_words(unfold(value))
    return subject, parse_subject(subject)


def _scan(
    raw: bytes, found: dict[bytes, bytes], body: bytes, subject: str, verdict: Subject
) -> Scan:
    parent, references = _thread(found)
    return Scan(
        _msgid(raw, found)[0],
        subject,
        parent,
        references,
        counter_patch=verdict.reply
        and verdict.patch
        and _auto_submitted(found) in BY_HAND
        and _has_diff(found, body),
    )


def _auto_submitted(found: dict[bytes, bytes]) -> str:
    return unfold(found.get(b"auto-submitted", b"")).lower()


def _has_diff(found: dict[bytes, bytes], body: bytes) -> bool:
    """Whether the text has an unquoted diff; decodes only where it could."""
    encoding = found.get(b"content-transfer-encoding", b"").strip().lower()
    multipart = found.get(b"content-type", b"").lstrip()[:10].lower() == b"multipart/"
    if not multipart:
        plain = transfer_decoded(body, encoding.decode("latin-1"), [])
        if _DIFF not in plain:
            return False
    return find_diff(body_text(found, body)[0]) >= 0


def _thread(found: dict[bytes, bytes]) -> tuple[str, tuple[str, ...]]:
    """Parent and chain of ancestors; the parent is the chain's end also where it was left out."""
    references = bare_msgids(found[b"references"]) if b"references" in found else ()
    parents = bare_msgids(found[b"in-reply-to"]) if b"in-reply-to" in found else ()
    parent = parents[0] if parents else (references[-1] if references else "")
    if parent and parent not in references:
        references = (*references, parent)
    return parent, references


def _msgid(raw: bytes, found: dict[bytes, bytes]) -> tuple[str, bool]:
    """The bare message-id, and whether the mail had one; otherwise one made from its content."""
    ids = bare_msgids(found[b"message-id"]) if b"message-id" in found else ()
    if ids:
        return ids[0], True
    if commit := _FORMAT_PATCH.match(raw):
        return f"{commit[1].decode()}@git.invalid", True
    from hashlib import sha256

    return f"{sha256(raw).hexdigest()[:32]}@no-message-id.invalid", False


def _parse(raw: bytes, head: bytes, found: dict[bytes, bytes], body: bytes) -> Mail:
    troubles: list[Trouble] = []
    msgid, has_id = _msgid(raw, found)
    if not has_id:
        troubles.append(
            ("no-message-id", "the mail has no readable Message-ID, so none can answer it")
        )
    if len(raw) > MAIL_CAP or len(head) > HEADER_CAP:
        troubles.append(
            ("too-large", "the mail is over 4 MiB or its header over 64 KiB; cut there")
        )
    text, body_troubles = body_text(found, body)
    parent, references = _thread(found)
    subject = decode_words(unfold(found.get(b"subject", b"")[:SUBJECT_CAP]))
    sender = (addresses(found.get(b"from", b"")) or (_NOBODY,))[0]
    reply_to = addresses(found[b"reply-to"]) if b"reply-to" in found else ()
    return Mail(
        msgid=msgid,
        subject=subject,
        author=_author(found, sender, reply_to, text),
        sender=sender,
        date=_date(found),
        to=addresses(found.get(b"to", b"")),
        cc=addresses(found.get(b"cc", b"")),
        reply_to=reply_to,
        in_reply_to=parent,
        references=references,
        list_id=unfold(found.get(b"list-id", b"")).rpartition("<")[2].rstrip("> "),
        auto_submitted=_auto_submitted(found),
        text=text,
        problems=tuple(Problem(kind, msgid, message) for kind, message in troubles + body_troubles),
    )


def _date(found: dict[bytes, bytes]) -> datetime | None:
    return parse_date(unfold(found.get(b"date", b"")))


def _author(
    found: dict[bytes, bytes], sender: Address, reply_to: tuple[Address, ...], text: str
) -> Address:
    """Who wrote it: the sender, or whom a relay or a list sent it for."""
    if original := addresses(found.get(b"x-original-from", b"")):
        return original[0]
    post = _ANGLE.search(found.get(b"list-post", b""))
    relayed = (
        sender.email.lower().startswith("devnull+")
        or " via " in sender.name
        or (post is not None and post[1].decode("latin-1").lower() == sender.email.lower())
    )
    if not relayed:
        return sender
    for address in reply_to:
        if address.email.lower() != sender.email.lower():
            return address
    if match := _IN_BODY_FROM.match(text):
        return (addresses(match[1].encode()) or (sender,))[0]
    return sender
