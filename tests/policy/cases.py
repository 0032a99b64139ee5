# SPDX-License-Identifier: GPL-2.0-or-later
"""A case that may be sent, and the settings that allow it; tests change one thing of them."""

from __future__ import annotations

from datetime import timedelta

from bot.model import Address, Mail
from bot.outgoing import Recipients
from bot.policy import Case
from bot.settings import PolicySettings
from checks.api import Finding, Patch
from tests.render.reviews import NOW, SETTINGS, finding, mail_of

__all__ = ["ALLOWED", "CASE", "LIST", "OTHER", "found", "mail"]

LIST = "linux-media.vger.kernel.org"
OTHER = "dri-devel.lists.freedesktop.org"
PATCH = Patch(1, "1@example.org", "[PATCH] x", "", "+x")

ALLOWED = PolicySettings(post="send", lists=(LIST, OTHER))


def mail(**changes: object) -> Mail:
    """The patch mail, with `changes`."""
    return mail_of(PATCH, to=(Address("", "linux-media@vger.kernel.org"),), cc=(), **changes)


def found(**changes: object) -> Finding:
    """A finding worth a mail, with `changes`."""
    return finding(PATCH, "+x", **changes)


CASE = Case(
    findings=(found(),),
    mail=mail(),
    recipients=Recipients((Address("", "author@example.org"),), ()),
    lists=(LIST,),
    now=NOW,
    own=SETTINGS.address,
    complete=True,
    newest=True,
    date=NOW - timedelta(days=1),
)
