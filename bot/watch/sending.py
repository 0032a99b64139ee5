# SPDX-License-Identifier: GPL-2.0-or-later
"""The process that sends what is due, once, and ends; it logs what came of each reply.

What went wrong is kept for `revokebot status`, too.

It takes pickled settings from standard input, and gives back what it has
claimed when that ends, or when it is told to stop.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from datetime import UTC, datetime
from typing import Any

from bot.config import Settings
from bot.errors import BotError
from bot.hiding import secrets_of
from bot.outgoing import State
from bot.sending import Round, may_send, sender_of, terminable
from bot.watch import log
from bot.watched import Watched

__all__ = ["main"]

REFUSED = 3
"""Exit status when there is no use in trying again at once."""


def main() -> int:
    """Send all that is due."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ^C is for the parent
    settings: Settings = pickle.load(sys.stdin.buffer)
    log.set_up(settings.watch.log, secrets_of(settings))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        return _send(settings)
    except BotError as err:
        log.trouble("store", "queue", str(err))
    except Exception as err:
        words = f"{type(err).__name__}: {err}; please report it"
        log.trouble("broken", "queue", words, error=err)
    return REFUSED


def _send(settings: Settings) -> int:
    may_send(settings)
    with Watched.open(settings.store) as store, terminable():
        sending = Round(sender_of(settings, store))
        for draft, missed in sending:
            facts: dict[str, Any] = {
                "reply": draft.id,
                "msgid": draft.envelope.msgid,
                "answers": draft.parent,
            }
            if missed or draft.waits or draft.state is State.FAILED:
                _trouble(store, f"reply {draft.id}", draft.reason, **facts)
            else:
                log.event(draft.state.value, words=draft.reason, **facts)
        if sending.broken_off:
            _trouble(store, "queue", f"{sending.broken_off}; what else is due waits")
            return REFUSED
    return 0


def _trouble(store: Watched, place: str, words: str, **facts: Any) -> None:
    log.trouble("sending", place, words, **facts)
    store.note(datetime.now(UTC), "sending", place, words)


def _end_with_parent() -> None:
    # Past Python's buffer: its lock, held here, would abort the process at its end.
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
