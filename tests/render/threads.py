# SPDX-License-Identifier: GPL-2.0-or-later
"""The example series as threads of one or two revisions, and the answers to them."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.answer import Answer, Run, answers
from bot.config import Settings
from bot.outgoing import Action
from bot.settings import PolicySettings, ReplySettings
from bot.setup import Setup
from bot.sources.mail import read_mail
from bot.sources.mbox import read_file
from bot.sources.series import assemble
from tests.conftest import ROOT

__all__ = ["OPEN", "actions", "answered", "first_revision", "second_revision"]

EXAMPLE = ROOT / "examples/revocable-helper.mbox"
OWN = ReplySettings(address="bot@example.org", operator="A U Thor")
OPEN = PolicySettings(post="send", lists=("dma-buf.lists.example.org",), embargo_minutes=0)
SOON = datetime(2026, 2, 4, 9, 0, tzinfo=UTC)


def first_revision() -> list[bytes]:
    return list(read_file(EXAMPLE))


def second_revision() -> list[bytes]:
    return [
        raw.replace(b"[PATCH ", b"[PATCH v2 ").replace(b"revoke-v1-", b"revoke-v2-")
        for raw in first_revision()
    ]


def answered(*raws: bytes, policy: PolicySettings = OPEN) -> list[Answer]:
    """The answers to every series in `raws`, in the order of their revisions."""
    settings = Settings(reply=OWN, policy=policy)
    postings = sorted(assemble(map(read_mail, raws)), key=lambda one: one.series.revision)
    review = Setup.of(settings).review
    return list(answers(raws, postings, postings, Run(review, settings, SOON)))


def actions(answer: Answer) -> set[Action]:
    return {verdict.action for _, verdict in answer.replies}
