# SPDX-License-Identifier: GPL-2.0-or-later
"""The mail to the operators about what waits for them: once a day, when something does."""

from __future__ import annotations

from datetime import datetime

from bot.config import Settings
from bot.outgoing import Kind, State
from bot.recipients import lowered
from bot.render.notice import digest, digest_id
from bot.store import Store

__all__ = ["digest_due"]

WAITING = (State.DRAFT, State.FAILED)


def digest_due(store: Store, settings: Settings, now: datetime) -> bool:
    """Put the day's mail to each operator into the outbox, where one is due; True when it was.

    Cheap, so that it can be asked every minute, by several watchers too: the day (in UTC) is
    part of its Message-ID, and all of it is one transaction.

    Parameters
    ----------
    now: aware
    """
    operators = sorted(lowered(settings.orders.operators))
    if not settings.orders.digest or not operators or settings.policy.post == "off":
        return False
    if store.is_there(digest_id(operators[0], settings.reply, now)):
        return False
    waiting = [one for one in store.drafts(WAITING) if one.kind is Kind.REVIEW]
    if not waiting:
        return False
    notices = [digest(waiting, to, settings.reply, now) for to in operators]
    return store.notify(Kind.DIGEST, notices, "the day's digest", now)
