# SPDX-License-Identifier: GPL-2.0-or-later
"""A sender made of the settings: the outbox, the archive that is asked, and the way mails leave."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from bot.config import Settings
from bot.delivery import check
from bot.errors import UsageError
from bot.outgoing import Envelope, Outcome, Result, State
from bot.render.plain import one_line
from bot.sender import Sender
from bot.sources.options import SourceOptions

if TYPE_CHECKING:
    from bot.store import Store

__all__ = ["may_send", "send_due", "sender_of"]

REFUSED = 3
"""Exit status when a server did not take a reply or a recipient, or could not be asked."""
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
        f"{socket.gethostname()}:{os.getpid()}:{os.urandom(4).hex()}",
        partial(ask, options=options),
        partial(deliver, settings=settings.delivery),
        lambda: datetime.now(UTC),
    )


def send_due(settings: Settings, store: Store) -> int:
    """Send all that is due, oldest first, and say what became of it.

    Returns the exit status: 3 when a server refused something, or could not be reached.
    """
    may_send(settings)
    stopped = store.stopped()
    if stopped is not None:
        print(f"nothing is sent, all is stopped: {one_line(stopped)}")
        print("`revokebot queue start` lets replies go again")
        return 0
    missed: list[Outcome] = []
    sender = sender_of(settings, store)
    sender = sender._replace(deliver=partial(_delivered, sender.deliver, missed))
    status = silent = untaken = 0
    with _terminable():
        while max(silent, untaken) < MOST and (draft := sender.run_once()) is not None:
            print(f"{draft.id:>5} {draft.state.value:<9} {one_line(draft.reason)}", flush=True)
            silent = silent + 1 if draft.waits else 0
            untaken = untaken + 1 if missed else 0
            if silent or missed or draft.refused or draft.state is State.FAILED:
                status = REFUSED
            missed.clear()
    for count, words in (
        (silent, "the archive does not answer"),
        (untaken, f"{MOST} in a row were not taken"),
    ):
        if count == MOST:
            print(f"revokebot: {words}; what else is due waits", file=sys.stderr)
    return status


def _delivered(
    deliver: Callable[[Envelope], Outcome], missed: list[Outcome], envelope: Envelope
) -> Outcome:
    """Deliver, and keep what became of a mail that was not taken."""
    outcome = deliver(envelope)
    if outcome.result is not Result.SENT:
        missed.append(outcome)
    return outcome


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end this process as ^C does, so that a reply that is claimed is given back."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
