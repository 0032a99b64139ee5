# SPDX-License-Identifier: GPL-2.0-or-later
"""Replies as a reader gets them, for the tests: parsed, and their text taken apart."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Sequence
from email.message import EmailMessage

from bot.model import Posting
from bot.outgoing import Entry, Status
from bot.render.mail import Reply, replies
from checks.api import Finding, Patch
from tests.render.reviews import (
    FIRST,
    HEADER_DIFF,
    MASK,
    NOW,
    SETTINGS,
    finding,
    mail_of,
    posting,
    review,
    review_of,
)

__all__ = ["RETURN", "changed", "footer_of", "one", "own_text", "parsed", "text_of", "written"]

RETURN = "+\treturn attach->importer_ops->invalidate_mappings;"
"""The line that most remarks of these tests are about."""


def written() -> tuple[Reply, ...]:
    """The replies to the review of `tests.render.reviews`."""
    return replies(review(), SETTINGS, MASK, NOW)[0]


def changed(**changes: object) -> tuple[Posting, Patch]:
    """A series of one patch whose mail has `changes`."""
    patch = Patch(1, FIRST, "[PATCH] dma-buf: lend buffers", "", HEADER_DIFF)
    made = posting(patch)
    mails = {**made.mails, FIRST: mail_of(patch, **changes)}
    return made._replace(mails=mails), patch


def one(*findings: Finding, standing: Sequence[str] = (), **changes: object) -> Reply:
    """The one reply to the mail of `changed`, by default about `RETURN`.

    Parameters
    ----------
    standing: fingerprints of the findings that an earlier revision was told of
    """
    made, patch = changed(**changes)
    found = findings or (finding(patch, RETURN),)
    entries = [
        Entry(each, Status.STANDING if each.fingerprint in standing else Status.NEW, "")
        for each in found
    ]
    (reply,) = replies(review_of(made, *found), SETTINGS, MASK, NOW, entries=entries)[0]
    return reply


def parsed(reply: Reply) -> EmailMessage:
    found = email.message_from_bytes(reply.raw, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    assert found.defects == []
    return found


def text_of(reply: Reply) -> str:
    return str(parsed(reply).get_content())


def own_text(body: str) -> list[str]:
    """The lines that are neither attribution, quotation, suggested change, link nor footer."""
    text = body.partition("\n-- \n")[0]
    others = (">", "+", "-", "@@", " ", "\t", "diff ", "index ", "See http")
    return [line for line in text.split("\n")[1:] if not line.startswith(others)]


def footer_of(body: str) -> list[str]:
    """The lines below the signature mark."""
    return body.partition("\n-- \n")[2].rstrip("\n").split("\n")
