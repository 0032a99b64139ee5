# SPDX-License-Identifier: GPL-2.0-or-later
"""What the outbox remembers of a series for its later revisions, when no archive shows our mails."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.cli import main
from bot.outgoing import State
from tests.store.memory import EXPORTED, FIXED, Operator

STANDS = "This still stands: https://lore.kernel.org/r/"


@pytest.fixture
def operator(tmp_path: Path, store_url: str, monkeypatch: pytest.MonkeyPatch) -> Operator:
    return Operator(tmp_path, store_url, monkeypatch)


def text(operator: Operator, *states: State) -> str:
    return "".join(one.envelope.raw.decode() for one in operator.drafts(*states))


def test_what_a_sent_mail_told_stands_in_a_revision_that_comes_alone(operator: Operator) -> None:
    first = operator.draft(*operator.mails(1))
    assert len(first) == 2
    operator.send()
    (second,) = operator.draft(*operator.mails(2))
    words = second.envelope.raw.decode()
    assert {STANDS + one.envelope.msgid in words for one in first} == {True}
    assert "please add\nit to the list" not in words, "it is said in one line"


def test_the_first_mail_is_named_over_several_revisions(operator: Operator) -> None:
    first = operator.draft(*operator.mails(1))
    operator.send()
    operator.draft(*operator.mails(2))
    (second,) = operator.send()
    operator.draft(*operator.mails(3))
    words = text(operator)
    assert words.count(STANDS) == text(operator, State.SENT).count(STANDS) > 0
    assert all(one.envelope.msgid in words for one in first)
    assert second.envelope.msgid not in words


def test_a_draft_that_was_never_sent_has_told_nothing(operator: Operator) -> None:
    first = operator.draft(*operator.mails(1))
    second = operator.draft(*operator.mails(2))
    assert len(second) == 2
    assert STANDS not in text(operator)
    assert {one.id for one in first} == {one.id for one in operator.drafts(State.DISCARDED)}
    assert {one.reason for one in operator.drafts(State.DISCARDED)} == {"revision 2 has come"}


def test_what_was_sent_for_this_revision_is_not_written_again(operator: Operator) -> None:
    operator.draft(*operator.mails(1))
    sent = operator.send()
    assert operator.draft(*operator.mails(1)) == []
    assert len(operator.drafts(State.SENT)) == len(sent)


def test_what_was_sent_for_this_revision_is_not_said_in_other_company(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator.draft(*operator.mails(1))
    operator.send()
    monkeypatch.setenv("REVOKEBOT_REVIEW_SELECT", "core-namespace")
    before = operator.drafts(*State)
    operator.draft(*operator.mails(1))
    assert operator.drafts(*State) == before


def test_a_later_run_that_looks_for_less_forgets_no_mail(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator.draft(*operator.mails(1))
    sent = operator.send()
    monkeypatch.setenv("REVOKEBOT_REVIEW_SELECT", "core-namespace")
    operator.draft(*operator.mails(1))
    monkeypatch.delenv("REVOKEBOT_REVIEW_SELECT")
    operator.draft(*operator.mails(1), *operator.mails(2))
    assert all(STANDS + one.envelope.msgid in text(operator) for one in sent)


def test_an_older_revision_is_not_answered_once_a_newer_one_was_seen(operator: Operator) -> None:
    operator.draft(*operator.mails(2))
    sent = operator.send()
    operator.draft(*operator.mails(1))
    dropped = operator.drafts(State.DISCARDED)
    assert len(dropped) == len(sent)
    assert {one.reason for one in dropped} == {"a newer revision of the series is there"}
    assert STANDS not in text(operator, State.DISCARDED)


def test_another_series_of_the_same_author_is_no_earlier_revision(operator: Operator) -> None:
    operator.draft(*operator.mails(1))
    operator.send()
    title = (b"] dma-buf: let exporters revoke", b"] dma-buf: let importers revoke")
    operator.draft(*operator.mails(2, title))
    assert STANDS not in text(operator)


def test_what_came_back_was_told_by_a_mail_that_only_the_outbox_knows(operator: Operator) -> None:
    operator.draft(*operator.mails(1))
    told = next(
        one for one in operator.send() if b"exported into its namespace" in one.envelope.raw
    )
    operator.draft(*operator.mails(2, (EXPORTED, FIXED)))
    operator.send()
    operator.draft(*operator.mails(3))
    export = text(operator).partition(f"> {EXPORTED.decode()}")[2]
    assert export.startswith(f"\n{STANDS}{told.envelope.msgid}\n")


def test_a_reply_that_was_there_is_told_with_its_own_reason(
    operator: Operator, capsys: pytest.CaptureFixture[str]
) -> None:
    drafts = operator.draft(*operator.mails(1))
    assert main(["queue", "discard", str(drafts[0].id), "--reason", "not worth it"]) == 0
    capsys.readouterr()
    operator.draft(*operator.mails(1))
    assert f"{drafts[0].id} discarded: not worth it\n" in capsys.readouterr().out
