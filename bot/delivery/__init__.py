# SPDX-License-Identifier: GPL-2.0-or-later
"""Hand one mail over, and say truthfully what became of it.

Chooses the way by `delivery.via`.  Refuses mails that SMTP cannot carry as
they are; never tries twice, waits for no one beyond `delivery.deadline`, and
keeps no record: that is the outbox's (bot.store).
"""

from __future__ import annotations

import re

from bot.errors import UsageError
from bot.outgoing import MAX_LINE, Envelope, Outcome, Result
from bot.settings import DeliverySettings

__all__ = ["WAYS", "check", "deliver"]

WAYS = ("b4", "web", "imap", "maildir", "mbox")
"""What `delivery.via` can be."""

_ADDRESS = re.compile(r"[!-;=?-~]+@[!-;=?-~]+", re.ASCII)
_HEADER = re.compile(rb"[!-9;-~]+:|[ \t]")


def deliver(envelope: Envelope, settings: DeliverySettings) -> Outcome:
    """Make one attempt to deliver `envelope`.

    Raises:
        UsageError: the settings do not say where to.
    """
    check(settings)
    reason = _unfit(envelope)
    if reason:
        return Outcome(Result.REFUSED, f"not sent: {reason}")
    if settings.via in ("b4", "web"):
        from bot.delivery import b4

        return b4.deliver(envelope, settings)
    if settings.via in ("maildir", "mbox"):
        from bot.delivery import drafts

        return {"maildir": drafts.maildir, "mbox": drafts.mbox}[settings.via](envelope, settings)
    from bot.delivery import imap

    return imap.deliver(envelope, settings)


def check(settings: DeliverySettings) -> None:
    """See whether the settings say where to, before any mail is taken up.

    Raises:
        UsageError: they don't.
    """
    if settings.via not in WAYS:
        raise UsageError(f"delivery.via {settings.via!r}: not known; give {', '.join(WAYS)}")
    if settings.via in ("maildir", "mbox") and settings.path is None:
        raise UsageError("delivery.path: set the Maildir or mbox that drafts are put into")
    if settings.via == "web" and not settings.sign:
        raise UsageError(
            "delivery.sign: the web endpoint takes only signed mail; set the patatt key,"
            " the one that `b4 send --web-auth-new` told it of"
        )
    if settings.via == "imap":
        from bot.delivery.imap_url import place_of

        place_of(settings.imap_url)
        if settings.password_file and not settings.password_file.is_file():
            raise UsageError(f"delivery.password_file: no file {settings.password_file}")
    if settings.ca_file and not settings.ca_file.exists():
        raise UsageError(f"delivery.ca_file: no file {settings.ca_file}")
    if settings.lease <= settings.deadline:
        raise UsageError("delivery.lease must be above delivery.deadline; raise it")


def _unfit(envelope: Envelope) -> str:
    """Why the mail can't go out as it is; empty when it can."""
    if not envelope.recipients:
        return "it has no recipients"
    for address in (envelope.sender, *envelope.recipients):
        if not _ADDRESS.fullmatch(address) or address.startswith("-"):
            return f"{address!r} is no address that a mail server could be told"
    if re.search(rb"[\x00\r]", envelope.raw):
        return "it has NUL bytes or carriage returns"
    if max(map(len, envelope.raw.split(b"\n"))) > MAX_LINE:
        return f"it has a line of more than {MAX_LINE} bytes"
    head, blank, _body = envelope.raw.partition(b"\n\n")
    if not blank or not head.isascii() or not all(map(_HEADER.match, head.split(b"\n"))):
        return "its header is no plain ASCII mail header"
    if re.search(rb"^bcc:", head, re.IGNORECASE | re.MULTILINE):
        return "it has a Bcc, which all recipients would see"
    return ""
