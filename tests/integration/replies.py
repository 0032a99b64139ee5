# SPDX-License-Identifier: GPL-2.0-or-later
"""Patches in an inbox, and many different replies to them, for tests of sending."""

from __future__ import annotations

from bot.model import Review
from bot.outgoing import Envelope
from bot.review import review
from bot.sources.mail import read_mail
from bot.sources.series import assemble
from checks import load_rules
from tests.integration.conftest import Inbox
from tests.integration.mails import LIST, Note, posting

__all__ = ["reply_to", "reviewed"]

THREADS = 12
"""Series that are answered, so that no thread grows long."""


def reviewed(inbox: Inbox) -> tuple[Review, list[str]]:
    """Put patches into `inbox`; return a review of one, and the message-ids of all."""
    notes: list[Note] = []
    for number in range(THREADS):
        cover = f"2026110{number:02d}.7-0-author@example.org"
        for note in posting(1, cover, 100 * number):
            # Each is a series by itself, and no revision of another one.
            notes.append(
                Note(
                    note.msgid,
                    note.subject.replace("drm/toy:", f"drm/toy{number}:"),
                    note.body,
                    note.parent,
                    note.root,
                    note.sender,
                    note.minutes,
                )
            )
    raws = [note.raw() for note in notes]
    inbox.add(raws)
    first = assemble(map(read_mail, raws))[0]
    return review(first, load_rules()), [note.msgid for note in notes if note.parent]


def reply_to(parent: str, number: int) -> tuple[Envelope, str, str]:
    """The `number`-th reply to `parent`: envelope, parent and subject."""
    msgid = f"revokebot-{number:032x}@example.org"
    raw = (
        "From: revokebot <bot@example.org>\nTo: A U Thor <author@example.org>\n"
        f"Cc: {LIST}\nSubject: Re: [PATCH 1/3] drm/toy: count\nIn-Reply-To: <{parent}>\n"
        f"References: <{parent}>\nDate: Mon, 02 Nov 2026 10:00:00 +0000\n"
        f"Message-ID: <{msgid}>\nMIME-Version: 1.0\n"
        "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 7bit\n\n"
        f"> +\tret = toy_step(toy, 1);\n\nRemark {number}.\n"
    ).encode()
    envelope = Envelope(msgid, "bot@example.org", ("author@example.org", LIST), raw)
    return envelope, parent, "Re: [PATCH 1/3] drm/toy: count"
