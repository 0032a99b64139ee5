# SPDX-License-Identifier: GPL-2.0-or-later
"""A draft that a person has edited, checked: it answers the same mail, and reaches nobody new.

Pure; it opens no editor, and mends nothing but the declared transfer encoding.
"""

from __future__ import annotations

import re
from email import policy
from email.message import Message
from email.parser import BytesParser
from email.utils import getaddresses

from bot.errors import UsageError
from bot.outgoing import MAX_LINE, Draft, Envelope

__all__ = ["edited"]

SAME = ("From", "In-Reply-To", "Message-ID", "Auto-Submitted")
"""What threading, resends and other bots rely on."""
ONCE = (*SAME, "To", "Cc", "Date", "Subject", "References", "Content-Transfer-Encoding")
SENT_TO = ("To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc")


def edited(draft: Draft, raw: bytes) -> tuple[Envelope, str]:
    """The envelope and the subject of `draft` with the mail `raw`.

    Raises `UsageError` that says what has to be put back.
    """
    raw = raw.replace(b"\r\n", b"\n")
    _check_bytes(raw)
    old, new = _parsed(draft.envelope.raw), _parsed(raw)
    if new.defects:
        defect = type(new.defects[0]).__name__
        raise UsageError(f"the header cannot be read ({defect}); keep a blank line below it")
    for name in ONCE:
        if len(new.get_all(name, [])) > max(1, len(old.get_all(name, []))):
            raise UsageError(f"{name} stands there twice; keep one")
    for name in SAME:
        if _value(new, name) != _value(old, name):
            raise UsageError(f"{name} must stay `{_value(old, name)}`")
    if not _value(new, "Subject"):
        raise UsageError("the Subject is gone; put it back")
    recipients = _recipients(new)
    strangers = sorted(set(recipients) - {email.lower() for email in draft.envelope.recipients})
    if strangers:
        raise UsageError(f"{', '.join(strangers)}: recipients can be taken away, but not added")
    if not recipients:
        raise UsageError("no recipient is left; discard the draft instead")
    kept = tuple(email for email in draft.envelope.recipients if email.lower() in recipients)
    raw = _honest(raw, new)
    subject = draft.subject
    if _value(new, "Subject") != _value(old, "Subject"):
        subject = _decoded(raw)
    return draft.envelope._replace(recipients=kept, raw=raw), subject


def _check_bytes(raw: bytes) -> None:
    head, blank, body = raw.partition(b"\n\n")
    if not blank or not body.strip():
        raise UsageError("no text is left; discard the draft instead")
    if re.search(rb"[\x00\r]", raw):
        raise UsageError("it has a NUL or a lone carriage return; take that out")
    if not head.isascii():
        raise UsageError("the header has a character beyond ASCII; encode it, or spell it in ASCII")
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as err:
        raise UsageError("the text is no UTF-8; save it as UTF-8") from err
    if max(map(len, body.split(b"\n"))) > MAX_LINE:
        raise UsageError(f"a line is longer than {MAX_LINE} bytes, which no server takes; wrap it")


def _parsed(raw: bytes) -> Message:
    return BytesParser(policy=policy.compat32).parsebytes(raw, headersonly=True)


def _value(mail: Message, name: str) -> str:
    return " ".join(str(mail.get(name, "")).split())


def _recipients(mail: Message) -> set[str]:
    fields = [str(value) for name in SENT_TO for value in mail.get_all(name, [])]
    addresses = {email.lower() for _, email in getaddresses(fields)}
    if "" in addresses:
        raise UsageError("To or Cc cannot be read; write each as `Name <address>`, with commas")
    return addresses


def _honest(raw: bytes, mail: Message) -> bytes:
    """`raw` with 8bit declared where an edit brought the first character beyond ASCII."""
    if raw.isascii() or _value(mail, "Content-Transfer-Encoding").lower() != "7bit":
        return raw
    head, blank, body = raw.partition(b"\n\n")
    name = rb"(?im)^(Content-Transfer-Encoding:[ \t]*)7bit[ \t]*$"
    return re.sub(name, rb"\g<1>8bit", head) + blank + body


def _decoded(raw: bytes) -> str:
    mail = BytesParser(policy=policy.default).parsebytes(raw, headersonly=True)
    return str(mail["Subject"])
