# SPDX-License-Identifier: GPL-2.0-or-later
"""Send what is due, and show what became of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bot.config import Settings
from bot.outgoing import State
from bot.render.plain import one_line
from bot.sending import Round, may_send, sender_of, terminable

if TYPE_CHECKING:
    from bot.store import Store

__all__ = ["send_due"]

REFUSED = 3
"""Exit status when a server did not take a reply or a recipient, or could not be asked."""


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
    status = 0
    sending = Round(sender_of(settings, store))
    with terminable():
        for draft, missed in sending:
            print(f"{draft.id:>5} {draft.state.value:<9} {one_line(draft.reason)}", flush=True)
            if draft.waits or missed or draft.refused or draft.state is State.FAILED:
                status = REFUSED
    if sending.broken_off:
        print(f"revokebot: {sending.broken_off}; what else is due waits", file=sys.stderr)
    return status
