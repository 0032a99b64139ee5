# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of the outbox put into it: a real review and its rendered replies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.outgoing import Action, Draft, Entry, Judged, Status, Verdict
from bot.render.mail import replies
from bot.settings import ReplySettings, StoreSettings
from bot.store import Store
from tests.render.reviews import review

NOW = datetime(2026, 2, 3, 12, 0, tzinfo=UTC)
LEASE = timedelta(minutes=5)
SEND = Verdict(Action.SEND, "post = send")
DRAFT = Verdict(Action.DRAFT, "post = draft")
REVIEW = review()
RECIPIENTS = ("author@example.org", "dma-buf@lists.example.org", "maintainer@example.org")


def settings(folder: Path) -> StoreSettings:
    """An outbox in `folder`."""
    return StoreSettings(f"sqlite:///{folder}/state/outbox.db")


def written(verdict: Verdict = SEND) -> list[Judged]:
    """The two replies to the review, as they are rendered, all under `verdict`."""
    made, _ = replies(REVIEW, ReplySettings(), "https://lore.kernel.org/r/%s", NOW)
    return [
        one.judged(verdict)._replace(envelope=one.envelope._replace(recipients=RECIPIENTS))
        for one in made
    ]


def claimed(store: Store, owner: str = "one") -> Draft:
    """The oldest reply that is due, leased."""
    draft = store.claim(owner, NOW, LEASE)
    assert draft is not None
    return draft


def entries() -> tuple[Entry, ...]:
    """The ledger of the review, all new."""
    return tuple(Entry(found, Status.NEW, "new") for found in REVIEW.findings)


def fill(store: Store, verdict: Verdict = SEND) -> tuple[int, ...]:
    """Record the review with its replies, all under `verdict`."""
    return store.record(REVIEW, entries(), written(verdict), NOW)
