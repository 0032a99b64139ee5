# SPDX-License-Identifier: GPL-2.0-or-later
"""Put a mail as a draft into a folder on an IMAP server, from a child process."""

from __future__ import annotations

from bot.child import start
from bot.delivery.attempt import attempt
from bot.delivery.imap_url import place_of
from bot.outgoing import Envelope, Outcome
from bot.settings import DeliverySettings

__all__ = ["deliver"]

_START = start("bot.delivery.imap_child")


def deliver(envelope: Envelope, settings: DeliverySettings) -> Outcome:
    """Make one attempt to have `envelope` in the folder `settings.imap_url`.

    Raises:
        UsageError: the URL is none.
    """
    file = settings.password_file
    facts = {
        "place": place_of(settings.imap_url),
        "password_file": str(file.resolve()) if file else None,
    }
    return attempt(_START, envelope, settings, facts)
