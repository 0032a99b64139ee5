# SPDX-License-Identifier: GPL-2.0-or-later
"""A sender made of the settings: the outbox, the archive that is asked, and the way mails leave."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from bot.config import Settings
from bot.errors import UsageError
from bot.outgoing import Draft
from bot.policy import Sent
from bot.sender import Sender
from bot.sources.options import SourceOptions

if TYPE_CHECKING:
    from bot.store import Store

__all__ = ["may_send", "send_due", "sender_of", "sent_so_far"]


def may_send(settings: Settings) -> None:
    """Raise `UsageError` where the settings name nobody who answers for what is sent."""
    if settings.policy.post == "off":
        raise UsageError("policy.post is off: nothing is sent; set it to draft or send")
    if settings.reply.address.endswith("@localhost") or "@" not in settings.reply.address:
        raise UsageError("reply.address: set the address that replies are sent from")
    if not settings.reply.operator:
        raise UsageError("reply.operator: set who runs the bot; the footer names them")
    if settings.delivery.via in ("maildir", "mbox") and settings.delivery.path is None:
        raise UsageError("delivery.path: set the Maildir or mbox that drafts are put into")
    if settings.delivery.lease <= settings.delivery.deadline:
        raise UsageError("delivery.lease must be above delivery.deadline; raise it")


def sender_of(settings: Settings, store: Store) -> Sender:
    """The sender of this process."""
    from bot.delivery import deliver
    from bot.look import ask

    options = SourceOptions(archive=settings.archive)
    return Sender(
        store,
        settings.delivery,
        f"{socket.gethostname()}:{os.getpid()}:{os.urandom(4).hex()}",
        partial(ask, options=options),
        partial(deliver, settings=settings.delivery),
        lambda: datetime.now(UTC),
    )


def send_due(settings: Settings, store: Store) -> Iterator[Draft]:
    """Send all that is due, oldest first; yield each reply as it stands afterwards."""
    may_send(settings)
    sender = sender_of(settings, store)
    while (draft := sender.run_once()) is not None:
        yield draft


def sent_so_far(
    store: Store, now: datetime, author: str, lists: Sequence[str]
) -> tuple[Sent, Mapping[str, Sent], Sent]:
    """What went to `author`, to each of `lists`, and in all, in the 24 hours before `now`."""
    counts = store.sent_since(now - timedelta(hours=24))
    by_list = {name.lower(): Sent(counts.lists.get(name.lower(), 0)) for name in lists}
    return Sent(counts.authors.get(author.lower(), 0)), by_list, Sent(counts.total)
