# SPDX-License-Identifier: GPL-2.0-or-later
"""Deliver through b4, which runs in a child process.  Nothing here imports b4."""

from __future__ import annotations

from bot.child import start
from bot.delivery.attempt import attempt
from bot.outgoing import Envelope, Outcome
from bot.settings import DeliverySettings

__all__ = ["deliver"]

_START = start("bot.delivery.b4_child")


def deliver(envelope: Envelope, settings: DeliverySettings) -> Outcome:
    """Make one attempt as git's sendemail.* says, or to give it to git's b4.send-endpoint-web."""
    facts = {"via": settings.via, "identity": settings.identity, "sign": settings.sign}
    return attempt(_START, envelope, settings, facts)
