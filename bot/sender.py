# SPDX-License-Identifier: GPL-2.0-or-later
"""Take one reply from the outbox, make sure that it may still go, deliver it, and write that down.

The order is what makes a crash harmless: the outbox says `sending` before
anything leaves, the archive is asked before every delivery, and a mail whose
sender died is left alone until the archive has had time to show it.
Which way a mail leaves is `bot.delivery`'s business.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from bot.errors import ArchiveError
from bot.look import Seen
from bot.outgoing import Draft, Envelope, Outcome, Result, State
from bot.settings import DeliverySettings

if TYPE_CHECKING:
    from bot.store import Store

__all__ = ["Sender"]

FIRST_WAIT = timedelta(minutes=2)
"""Before the second attempt; each further one waits twice as long."""
LONGEST_WAIT = timedelta(hours=4)


class Sender(NamedTuple):
    """All that is needed to send, so that a test can put real servers in place."""

    store: Store
    settings: DeliverySettings
    owner: str
    """Who holds the lease: host, process and a random part."""
    ask: Callable[[str, str], Seen]
    """Asks the archive for (message-id, parent); see `bot.look.ask`."""
    deliver: Callable[[Envelope], Outcome]
    clock: Callable[[], datetime]
    """Gives aware times."""

    def run_once(self) -> Draft | None:
        """Deal with the next reply that is due; return it as it then stands, None for none."""
        lease = timedelta(seconds=self.settings.lease)
        draft = self.store.claim(self.owner, self.clock(), lease)
        if draft is None:
            return None
        self._deal_with(draft)
        return self.store.draft(draft.id)

    def _deal_with(self, draft: Draft) -> None:
        unsure = draft.state is State.SENDING
        try:
            seen = self.ask(draft.envelope.msgid, draft.parent)
        except ArchiveError as err:
            self._wait(draft, f"the archive could not be asked: {err}", unsure)
            return
        now = self.clock()
        if seen.there:
            self.store.sent(draft.id, self.owner, now, "found in the archive", {})
        elif seen.newer:
            self.store.withdraw(draft.id, self.owner, now, f"revision {seen.newer} has come")
        elif unsure:
            # It may be on its way: whoever had it before us did not live to tell.
            until = now + timedelta(seconds=self.settings.settle)
            words = "its sender died while sending; waiting for the archive to show it"
            self.store.later(draft.id, self.owner, now, until, words)
        else:
            self._send(draft)

    def _send(self, draft: Draft) -> None:
        if reason := self.store.stopped():
            now = self.clock()
            self.store.later(draft.id, self.owner, now, now, f"sending is switched off: {reason}")
            return
        outcome = self.deliver(draft.envelope)
        now = self.clock()
        if outcome.result is Result.SENT:
            self.store.sent(draft.id, self.owner, now, outcome.words, outcome.refused)
        elif outcome.result is Result.REFUSED:
            self.store.failed(draft.id, self.owner, now, outcome.words)
        elif outcome.result is Result.UNKNOWN:
            until = now + timedelta(seconds=self.settings.settle)
            words = f"handed over without an answer ({outcome.words}); the archive will be asked"
            self.store.later(draft.id, self.owner, now, until, words)
        else:
            self._wait(draft, outcome.words)

    def _wait(self, draft: Draft, words: str, unsure: bool = False) -> None:
        """Try again later, each time later; after the last attempt it is parked.

        Parameters
        ----------
        unsure: it may have left already
        """
        now = self.clock()
        if draft.attempts >= self.settings.attempts:
            words = f"{words}; that was the last attempt"
            self.store.failed(draft.id, self.owner, now, words, doubtful=unsure)
            return
        wait = min(FIRST_WAIT * 2 ** min(max(draft.attempts - 1, 0), 10), LONGEST_WAIT)
        self.store.later(draft.id, self.owner, now, now + wait, words, doubtful=unsure)
