# SPDX-License-Identifier: GPL-2.0-or-later
"""An outbox with a reply to the example series, and an archive and a server that tests direct."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Self

from bot.answer import Answer, Run, answers
from bot.config import Settings
from bot.look import Seen, judge
from bot.outgoing import Action, Draft, Envelope, Outcome, Result, State, Verdict
from bot.sender import Sender
from bot.settings import DeliverySettings, PolicySettings, ReplySettings
from bot.setup import Setup
from bot.sources import SourceOptions, open_thread
from bot.store import Store
from checks.api import Finding
from tests.conftest import ROOT
from tests.integration.mails import Note

__all__ = ["ALLOWED", "LIST", "NOW", "SENT", "World", "note", "remarks", "state"]

NOW = datetime(2026, 2, 4, 9, 0, tzinfo=UTC)
"""The day after the series."""
ALLOWED = Verdict(Action.SEND, "allowed")
SENT = Outcome(Result.SENT, "250 OK")
LIST = "dma-buf.lists.example.org"
SETTINGS = Settings(
    reply=ReplySettings(address="bot@example.org", operator="A U Thor <author@example.org>"),
    policy=PolicySettings(post="send", lists=(LIST,)),
    delivery=DeliverySettings(attempts=3, lease=60, settle=900),
)


class World:
    """One approved reply, a clock, what the archive has, and what was delivered."""

    def __init__(self, store: Store, verdict: Verdict = ALLOWED) -> None:
        self.store, self.now, self.settings = store, NOW, SETTINGS
        raws, _ = open_thread(str(ROOT / "examples/revocable-helper.mbox"), SourceOptions())
        self.mails = list(raws)
        self.delivered: list[Envelope] = []
        self.reply, _verdict = self.answer().replies[0]
        self.record(verdict)

    def answer(self, *further: bytes) -> Answer:
        """What is said of the example, with `further` mails in its thread."""
        raws, postings = open_thread(str(ROOT / "examples/revocable-helper.mbox"), SourceOptions())
        review = Setup.of(self.settings).review
        run = Run(review, self.settings, self.now)
        (done,) = answers([*raws, *further], postings, postings, run)
        return done

    def record(self, verdict: Verdict) -> None:
        """Keep the reply; a person approves what is a draft."""
        done = self.answer()
        (self.id,) = self.store.record(
            done.review, done.entries, [self.reply.judged(verdict)], self.now
        )
        if verdict.action is Action.DRAFT:
            self.store.approve(self.id, self.now)

    @property
    def envelope(self) -> Envelope:
        return self.reply.envelope

    @property
    def draft(self) -> Draft:
        return self.store.draft(self.id)

    def sender(
        self,
        outcome: Outcome | BaseException = SENT,
        error: BaseException | None = None,
        owner: str = "one",
    ) -> Sender:
        """A sender whose server answers `outcome`, or raises it; `error` is the archive's."""

        def ask(msgid: str, parent: str) -> Seen:
            if error is not None:
                raise error
            return judge(msgid, parent, self.mails)

        def deliver(envelope: Envelope) -> Outcome:
            if isinstance(outcome, BaseException):
                raise outcome
            self.delivered.append(envelope)
            return outcome

        return Sender(self.store, self.settings, owner, ask, deliver, lambda: self.now)

    def run(
        self,
        outcome: Outcome | BaseException = SENT,
        error: BaseException | None = None,
        owner: str = "one",
    ) -> Draft | None:
        ran = self.sender(outcome, error, owner).run_once()
        return None if ran is None else ran.draft

    def after(self, **wait: float) -> Self:
        self.now += timedelta(**wait)
        return self

    def policy(self, **changes: object) -> Self:
        """Change the settings of the policy."""
        policy = self.settings.policy._replace(**changes)  # type: ignore[arg-type]
        self.settings = self.settings._replace(policy=policy)
        return self

    def seen(self, *mails: bytes) -> World:
        """Put mails into the archive."""
        self.mails += mails
        return self


def note(parent: str, body: str, sender: str = "R E Viewer <reviewer@example.org>") -> bytes:
    """A mail of somebody in answer to `parent`."""
    return Note(f"answer-to-{parent}", "Re: [PATCH] that", body, parent, sender=sender).raw()


def state(draft: Draft | None) -> State:
    """The state of the reply that was dealt with."""
    assert draft is not None
    return draft.state


def remarks(findings: Iterable[Finding]) -> str:
    """The line of each finding quoted, and somebody's words below it."""
    words = "This does not look right to me at all.\n"
    return "\n".join(f"> {finding.line_text}\n\n{words}" for finding in findings)
