# SPDX-License-Identifier: GPL-2.0-or-later
"""The settings as they are in force right now: those of the operator, and what the outbox adds.

Everybody who judges a reply asks here first, when it is written and once more
right before it is sent.  Nothing is kept: what is counted anew each time can't
be out of date.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from bot.config import Settings
from bot.orders.leaves import with_leaves
from bot.record import muted_by

if TYPE_CHECKING:
    from bot.store import Store

__all__ = ["in_force"]


def in_force(settings: Settings, store: Store, now: datetime) -> Settings:
    """`settings` with what is muted by its record, and what people asked for by mail.

    The rules stand in `policy.muted` then; whom to leave alone, and the lists that may be
    written to, where the operator would put them (`bot.orders`).

    Parameters
    ----------
    now: aware

    `why_muted` says of each of them why.  Other keys stay as they are.
    """
    policy = with_leaves(settings.policy, store.leaves())
    records = store.records(now, policy.record_days, doubted=True) if policy.floor else {}
    why = muted_by(records, policy)
    muted = tuple(dict.fromkeys((*policy.muted, *why)))
    return settings._replace(policy=policy._replace(muted=muted), why_muted=why)
