# SPDX-License-Identifier: GPL-2.0-or-later
"""What is said of a finding that a mail told and that a later revision does not have any more."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.cli import main
from tests.store.memory import EXPORTED, FIXED, Operator

EDIT = (EXPORTED, FIXED)


@pytest.fixture
def operator(tmp_path: Path, store_url: str, monkeypatch: pytest.MonkeyPatch) -> Operator:
    monkeypatch.setenv("REVOKEBOT_POLICY_TELL_ADDRESSED", "true")
    monkeypatch.setenv("REVOKEBOT_POLICY_CONFIDENCE", "medium")
    return Operator(tmp_path, store_url, monkeypatch)


def lines(operator: Operator) -> list[str]:
    """The sentences about what is gone, in all drafts."""
    texts = (" ".join(one.envelope.raw.decode().split()) for one in operator.drafts())
    return [
        "No longer " + part.split(" -- ")[0]
        for text in texts
        for part in text.split("No longer ")[1:]
    ]


def answered(operator: Operator) -> str:
    """Answer v1; return the message-id of the mail that tells of the export."""
    operator.draft(*operator.mails(1))
    return next(one.envelope.msgid for one in operator.send() if EXPORTED in one.envelope.raw)


def test_it_is_said_once(operator: Operator) -> None:
    msgid = answered(operator)
    operator.draft(*operator.mails(2, EDIT))
    line = "No longer seen in v2: core-namespace in dma_buf_revoke_and_wait, see "
    assert lines(operator) == [f"{line}https://lore.kernel.org/r/{msgid}"]
    operator.draft(*operator.mails(2, EDIT))
    assert len(lines(operator)) == 1
    operator.send()
    operator.draft(*operator.mails(2, EDIT))
    operator.draft(*operator.mails(3, EDIT))
    assert operator.drafts()
    assert lines(operator) == []


def test_only_where_that_is_set(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    answered(operator)
    monkeypatch.delenv("REVOKEBOT_POLICY_TELL_ADDRESSED")
    operator.draft(*operator.mails(2, EDIT))
    assert operator.drafts()
    assert lines(operator) == []


def test_a_draft_that_was_not_sent_told_nothing(operator: Operator) -> None:
    operator.draft(*operator.mails(1))
    operator.draft(*operator.mails(2, EDIT))
    assert lines(operator) == []


def test_no_mail_is_written_for_it(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVOKEBOT_REVIEW_SELECT", "core-namespace")
    answered(operator)
    assert operator.draft(*operator.mails(2, EDIT)) == []


def test_a_rule_that_is_not_run_has_not_lost_sight(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered(operator)
    monkeypatch.setenv("REVOKEBOT_REVIEW_IGNORE", "core-namespace")
    operator.draft(*operator.mails(2))
    assert operator.drafts()
    assert lines(operator) == []


def test_what_a_missing_patch_had_is_not_called_gone(operator: Operator) -> None:
    answered(operator)
    operator.draft(*operator.mails(2)[:2])
    assert operator.drafts()
    assert lines(operator) == []


def test_what_is_dismissed_is_not_called_gone(operator: Operator) -> None:
    operator.draft(*operator.mails(1))
    sent = next(one for one in operator.send() if EXPORTED in one.envelope.raw)
    dismiss = ["queue", "dismiss", str(sent.id), "--rule", "core-namespace", "--reason", "wrong"]
    assert main(dismiss) == 0
    operator.draft(*operator.mails(2, EDIT))
    assert operator.drafts()
    assert lines(operator) == []
