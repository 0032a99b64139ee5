# SPDX-License-Identifier: GPL-2.0-or-later
"""Take one reply from the outbox, make sure that it may still go, deliver it, and write that down.

The order is what makes a crash harmless: the archive is asked before every
delivery, the outbox says that it has begun before anything leaves, and a mail
whose sender died after that is left alone until the archive has had time to
show it.  Which way a mail leaves is `bot.delivery`'s business, whether it may
is that of `bot.rejudge`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from bot.config import Settings
from bot.errors import ArchiveError, BotError, NotFoundError
from bot.in_force import in_force
from bot.lists import is_list
from bot.look import Seen
from bot.outgoing import Action, Draft, Envelope, Kind, Outcome, Result, State, Verdict
from bot.rejudge import rejudge

if TYPE_CHECKING:
    from bot.store import Store

__all__ = ["Ran", "Sender"]

LONGEST_WAIT = timedelta(hours=4)


class Ran(NamedTuple):
    """What came of one reply."""

    draft: Draft
    """As it then stands."""
    missed: bool
    """A delivery was begun, and no server took the mail."""


class Sender(NamedTuple):
    """All that is needed to send, so that a test can put real servers in place."""

    store: Store
    settings: Settings
    owner: str
    """Who holds the lease: host, process and a random part."""
    ask: Callable[[str, str], Seen]
    """Asks the archive for (message-id, parent); see `bot.look.ask`."""
    deliver: Callable[[Envelope], Outcome]
    clock: Callable[[], datetime]
    """Gives aware times."""

    def run_once(self) -> Ran | None:
        """Deal with the next reply that is due; None where there is none.

        Whatever `ask` or `deliver` raise besides `ArchiveError` is raised; the reply is given
        back first.
        """
        draft = self.store.claim(self.owner, self.clock(), self._lease)
        if draft is None:
            return None
        if draft.kind is not Kind.REVIEW:
            missed = self._follow_notice(draft)
            return Ran(self.store.draft(draft.id), missed)
        missed = False
        try:
            seen = self.ask(draft.envelope.msgid, draft.parent)
            verdict = self._judged(draft, seen)
        except ArchiveError as err:
            self._wait_for_archive(draft, err)
        except BaseException as err:
            self._give_back(draft, err)
            raise
        else:
            missed = self._follow(draft, seen, verdict)
        return Ran(self.store.draft(draft.id), missed)

    def _pause(self, times: int) -> timedelta:
        """How long to wait after `times` failures in a row."""
        doublings: int = min(times - 1, 10)
        return min(timedelta(seconds=self.settings.delivery.pause) * (1 << doublings), LONGEST_WAIT)

    @property
    def _lease(self) -> timedelta:
        return timedelta(seconds=self.settings.delivery.lease)

    def _judged(self, draft: Draft, seen: Seen) -> Verdict:
        now = self.clock()
        settings = in_force(self.settings, self.store, now)
        counts = self.store.counts(now, draft.id)
        return rejudge(draft, self.store.told(draft.id), seen, counts, settings, now)

    def _follow(self, draft: Draft, seen: Seen, verdict: Verdict) -> bool:
        """Do what the archive and the policy ask for; return whether no server took the mail."""
        now = self.clock()
        if seen.there:
            self.store.sent(draft.id, self.owner, now, "found in the archive", {})
        elif draft.state is State.SENDING:
            # It may be on its way: whoever had it before us did not live to tell.
            until = now + timedelta(seconds=self.settings.delivery.settle)
            words = "its sender died while sending; waiting for the archive to show it"
            self.store.later(draft.id, self.owner, now, until, words)
        elif verdict.action is Action.DROP:
            self.store.withdraw(draft.id, self.owner, now, verdict.reason)
        elif verdict.action is Action.DRAFT:
            self.store.unapprove(draft.id, self.owner, now, verdict.reason)
        elif verdict.action is Action.HOLD:
            self.store.later(draft.id, self.owner, now, verdict.until or now, verdict.reason)
        else:
            return self._send(draft)
        return False

    def _follow_notice(self, draft: Draft) -> bool:
        """Send what somebody asked for: no archive has it, and a second copy bears the same id."""
        if self.settings.policy.post != "off":
            return self._send(draft)
        reason = "policy.post is off: nothing leaves"
        self.store.unapprove(draft.id, self.owner, self.clock(), reason)
        return False

    def _send(self, draft: Draft) -> bool:
        now = self.clock()
        stopped = self.store.begin(draft.id, self.owner, now, self._lease)
        if stopped is not None:
            words = f"sending is switched off: {stopped}"
            self.store.later(draft.id, self.owner, now, now, words)
            return False
        try:
            outcome = self.deliver(draft.envelope)
        except BaseException as err:
            self._give_back_begun(draft, err)
            raise
        self._note(draft, outcome)
        return outcome.result is not Result.SENT

    def _note(self, draft: Draft, outcome: Outcome) -> None:
        """Write down what became of a delivery."""
        now = self.clock()
        attempts = draft.attempts + 1
        if outcome.result is Result.SENT:
            self.store.sent(draft.id, self.owner, now, _sent(outcome), outcome.refused)
        elif outcome.result is Result.REFUSED:
            self.store.failed(draft.id, self.owner, now, outcome.words)
        elif outcome.result is Result.UNKNOWN and attempts < self.settings.delivery.attempts:
            until = now + timedelta(seconds=self.settings.delivery.settle)
            words = f"handed over without an answer ({outcome.words}); {_next(draft)}"
            self.store.later(draft.id, self.owner, now, until, words)
        elif attempts >= self.settings.delivery.attempts:
            unsure = outcome.result is Result.UNKNOWN
            words = f"{outcome.words}; that was the last attempt"
            self.store.failed(draft.id, self.owner, now, words, doubtful=unsure)
        else:
            self.store.later(draft.id, self.owner, now, now + self._pause(attempts), outcome.words)

    def _wait_for_archive(self, draft: Draft, err: ArchiveError) -> None:
        """Ask again later, each time later; one that does not have the patch is given up on."""
        now = self.clock()
        unsure = draft.state is State.SENDING
        waits = draft.waits + 1
        words = f"the archive could not be asked: {err}"
        if isinstance(err, NotFoundError) and waits >= self.settings.delivery.attempts:
            words = f"{words}; that was the last attempt"
            self.store.failed(draft.id, self.owner, now, words, doubtful=unsure)
            return
        until = now + self._pause(waits)
        self.store.later(draft.id, self.owner, now, until, words, doubtful=unsure, waits=waits)

    def _give_back(self, draft: Draft, err: BaseException) -> None:
        """Let go of a reply of which this sender has sent nothing."""
        now = self.clock()
        unsure = draft.state is State.SENDING
        until, waits = now, draft.waits
        if isinstance(err, Exception):  # else somebody has stopped this process
            waits += 1
            until += self._pause(waits)
        words = f"could not be looked at: {_said(err)}"
        with suppress(BotError):  # what is told is what came first
            self.store.later(draft.id, self.owner, now, until, words, doubtful=unsure, waits=waits)

    def _give_back_begun(self, draft: Draft, err: BaseException) -> None:
        """Let go of a reply whose delivery broke off; only our own errors say: nothing has left."""
        now = self.clock()
        with suppress(BotError):
            if isinstance(err, BotError):
                waits = draft.waits + 1
                until, words = now + self._pause(waits), f"could not be sent: {err}"
                self.store.later(draft.id, self.owner, now, until, words, waits=waits, begun=False)
            else:
                words = f"broke off while sending ({_said(err)}); {_next(draft)}"
                self.store.later(draft.id, self.owner, now, now, words, doubtful=True)


def _next(draft: Draft) -> str:
    """What is done about a mail that may have left."""
    if draft.kind is Kind.REVIEW:
        return "the archive will be asked"
    return "it goes again, with the same Message-ID"


def _said(err: BaseException) -> str:
    if not isinstance(err, Exception):
        return "its sender was stopped"
    name = type(err).__name__
    return f"{name}: {err}" if str(err) else name


def _sent(outcome: Outcome) -> str:
    """What the server said, with all whom it refused: lists first, since they are what counts."""
    if not outcome.refused:
        return outcome.words
    emails = sorted(outcome.refused, key=lambda email: (not is_list(email), email))
    return f"sent, but not to {'; not to '.join(_refused(emails, outcome.refused))}"


def _refused(emails: list[str], words: Mapping[str, str]) -> list[str]:
    return [f"{'the list ' if is_list(email) else ''}{email}: {words[email]}" for email in emails]
