# SPDX-License-Identifier: GPL-2.0-or-later
"""A sender made of the settings, and one round of all that is due; nothing is shown here."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from bot.config import Settings
from bot.delivery import check
from bot.errors import UsageError
from bot.owner import new_owner
from bot.sender import Ran, Sender
from bot.sources.options import SourceOptions

if TYPE_CHECKING:
    from bot.store import Store

__all__ = ["Round", "may_send", "sender_of", "terminable"]

TERMINATED = 143
"""128 + SIGTERM, as a shell reports it."""
MOST = 3
"""Replies in a row for which the archive can't be asked, or that no server takes, before the others
are left for later: a wrong password is no reason to park them all."""


def may_send(settings: Settings) -> None:
    """Raise `UsageError` where the settings name nobody who answers for mails, or no way out."""
    if settings.policy.post == "off":
        raise UsageError("policy.post is off: nothing is sent; set it to draft or send")
    if settings.reply.address.endswith("@localhost") or "@" not in settings.reply.address:
        raise UsageError("reply.address: set the address that replies are sent from")
    if not settings.reply.operator:
        raise UsageError("reply.operator: set who runs the bot; the footer names them")
    check(settings.delivery)


def sender_of(settings: Settings, store: Store) -> Sender:
    """The sender of this process."""
    from bot.delivery import deliver
    from bot.look import ask

    options = SourceOptions(archive=settings.archive)
    return Sender(
        store,
        settings,
        new_owner(),
        partial(ask, options=options),
        partial(deliver, settings=settings.delivery),
        lambda: datetime.now(UTC),
    )


class Round:
    """All that is due, oldest first, until there is no use in going on."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self.broken_off = ""
        """Why what else is due waits; empty for nothing."""

    def __iter__(self) -> Iterator[Ran]:
        silent = untaken = 0
        while max(silent, untaken) < MOST and (ran := self._sender.run_once()) is not None:
            silent = silent + 1 if ran.draft.waits else 0
            untaken = untaken + 1 if ran.missed else 0
            yield ran
        if silent == MOST:
            self.broken_off = "the archive does not answer"
        elif untaken == MOST:
            self.broken_off = f"{MOST} in a row were not taken"


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM end this process as ^C does, so that a reply that is claimed is given back."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
