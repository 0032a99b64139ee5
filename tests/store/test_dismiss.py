# SPDX-License-Identifier: GPL-2.0-or-later
"""What the operator dismisses is not told again, in this revision or a later one, until taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.cli import main
from bot.outgoing import Draft, State
from bot.store import Store
from tests.store.memory import Operator
from tests.store.outbox import LEASE

EXPORT = "exported into its namespace"
LOCKING = 'the list in "DOC: locking convention"'
CHANGED = (b"+void dma_buf_revoke_and_wait(", b"+void noinline dma_buf_revoke_and_wait(")
REASON = "not for \x1b[31mhelpers"


@pytest.fixture
def operator(tmp_path: Path, store_url: str, monkeypatch: pytest.MonkeyPatch) -> Operator:
    monkeypatch.setenv("REVOKEBOT_POLICY_CONFIDENCE", "medium")
    monkeypatch.setenv("REVOKEBOT_POLICY_SEVERITY", "note")
    return Operator(tmp_path, store_url, monkeypatch)


def second(drafts: list[Draft]) -> Draft:
    """The reply to patch 2, which has two findings."""
    return next(one for one in drafts if "[PATCH" in one.subject and "2/2]" in one.subject)


def said(draft: Draft) -> tuple[bool, bool]:
    """Whether it tells of the export, and of the locking convention, however it is wrapped."""
    text = " ".join(draft.envelope.raw.decode().split())
    return EXPORT in text, LOCKING in text


def dismiss(id_: int, *rule: str) -> int:
    return main(["queue", "dismiss", str(id_), *rule, "--reason", REASON])


def test_all_that_a_draft_tells(operator: Operator, capsys: pytest.CaptureFixture[str]) -> None:
    draft = second(operator.draft(*operator.mails(1)))
    assert said(draft) == (True, True)
    assert dismiss(draft.id) == 0
    (discarded,) = operator.drafts(State.DISCARDED)
    assert (discarded.id, discarded.reason) == (draft.id, f"dismissed: {REASON}")
    capsys.readouterr()
    for revision in (1, 2):
        left = operator.draft(*operator.mails(revision))
        assert [said(one) for one in left] == [(False, False)], "patch 1 is answered all the same"
    assert main(["queue", "dismissals"]) == 0
    out = capsys.readouterr().out
    assert out.count("not for \\x1b[31mhelpers") == 2
    assert "\x1b" not in out


def test_what_is_shown_is_what_would_be_kept(
    operator: Operator, capsys: pytest.CaptureFixture[str]
) -> None:
    series = operator.mbox(*operator.mails(1))
    assert main(["reply", series]) == 0
    assert EXPORT in " ".join(capsys.readouterr().out.split())
    assert list(operator.folder.glob("state/*")) == [], "to look at replies makes no outbox"
    assert dismiss(second(operator.draft(*operator.mails(1))).id) == 0
    before = operator.drafts(*State)
    capsys.readouterr()
    assert main(["reply", series]) == 0
    out = capsys.readouterr().out
    assert EXPORT not in " ".join(out.split())
    assert "# not said, dismissed: core-namespace in drivers/dma-buf/dma-buf.c: not for" in out
    assert operator.drafts(*State) == before


def test_to_look_at_replies_with_a_wrong_url_says_so(
    operator: Operator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REVOKEBOT_STORE_URL", "outbox.db")
    assert main(["reply", operator.mbox(*operator.mails(1))]) == 2
    assert "store.url: " in capsys.readouterr().err


def test_what_one_rule_found(operator: Operator, capsys: pytest.CaptureFixture[str]) -> None:
    draft = second(operator.draft(*operator.mails(1)))
    assert dismiss(draft.id, "--rule", "core-namespace") == 0
    assert f"reply {draft.id} is discarded: partly dismissed" in capsys.readouterr().out
    (reason,) = {one.reason for one in operator.drafts(State.DISCARDED)}
    assert reason == f"partly dismissed: {REASON}; review the series again for the rest"
    assert said(second(operator.draft(*operator.mails(1)))) == (False, True)
    assert said(second(operator.draft(*operator.mails(2)))) == (False, True)


def test_a_finding_whose_line_changes_stays_dismissed(
    tmp_path: Path, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVOKEBOT_POLICY_CONFIDENCE", "medium")
    monkeypatch.setenv("REVOKEBOT_POLICY_SEVERITY", "note")
    other = Operator(tmp_path / "other", f"sqlite:///{tmp_path}/other.db", monkeypatch)
    anew = second(other.draft(*other.mails(2, CHANGED)))
    operator = Operator(tmp_path, store_url, monkeypatch)
    draft = second(operator.draft(*operator.mails(1)))
    assert said(anew) == said(draft) == (True, True)
    assert set(anew.says) != set(draft.says)
    assert dismiss(draft.id) == 0
    for revision in (2, 3):
        drafts = operator.draft(*operator.mails(revision, CHANGED))
        assert [said(one) for one in drafts] == [(False, False)]


def test_a_sent_mail_stays_sent_and_is_not_repeated(operator: Operator) -> None:
    operator.draft(*operator.mails(1))
    sent = second(operator.send())
    assert dismiss(sent.id) == 0
    assert sent.id in [one.id for one in operator.drafts(State.SENT)]
    drafts = operator.draft(*operator.mails(2))
    assert drafts
    assert sent.envelope.msgid not in "".join(one.envelope.raw.decode() for one in drafts)


def test_a_waiting_mail_to_a_later_revision_goes_too(
    operator: Operator, capsys: pytest.CaptureFixture[str]
) -> None:
    operator.draft(*operator.mails(1))
    sent = second(operator.send())
    (waiting,) = operator.draft(*operator.mails(2))
    assert set(sent.says) & set(waiting.says)
    assert dismiss(sent.id) == 0
    out = capsys.readouterr().out
    assert f"reply {sent.id} is sent" in out
    assert f"reply {waiting.id} is discarded: partly dismissed" in out


@pytest.mark.parametrize("state", [State.APPROVED, State.FAILED, State.SENDING])
def test_a_mail_on_its_way_is_stopped_where_that_can_be(operator: Operator, state: State) -> None:
    draft = second(operator.draft(*operator.mails(1)))
    assert main(["queue", "approve", str(draft.id)]) == 0
    with Store.open(operator.settings) as store:
        if state is not State.APPROVED:
            assert store.claim("one", operator.now, LEASE) is not None
        if state is State.FAILED:
            store.failed(draft.id, "one", operator.now, "550 no")
    assert dismiss(draft.id) == 0
    stopped = [] if state is State.SENDING else [draft.id]
    assert [one.id for one in operator.drafts(State.DISCARDED)] == stopped


def test_taken_back_it_is_told_again(
    operator: Operator, capsys: pytest.CaptureFixture[str]
) -> None:
    draft = second(operator.draft(*operator.mails(1)))
    assert dismiss(draft.id) == 0
    assert len(operator.draft(*operator.mails(1))) == 1
    assert main(["queue", "undismiss", *draft.says]) == 0
    assert draft in [
        one._replace(changed=draft.changed) for one in operator.draft(*operator.mails(1))
    ]
    assert main(["queue", "undismiss", draft.says[0]]) == 2
    assert "so nothing was changed; `revokebot queue dismissals`" in capsys.readouterr().err


def test_what_a_person_discarded_stays_so(operator: Operator) -> None:
    draft = second(operator.draft(*operator.mails(1)))
    assert main(["queue", "discard", str(draft.id)]) == 0
    operator.draft(*operator.mails(1))
    assert [one.id for one in operator.drafts(State.DISCARDED)] == [draft.id]


def test_the_newest_reason_counts(operator: Operator, capsys: pytest.CaptureFixture[str]) -> None:
    draft = second(operator.draft(*operator.mails(1)))
    assert dismiss(draft.id) == 0
    assert main(["queue", "dismiss", str(draft.id), "--reason", "another"]) == 0
    capsys.readouterr()
    assert main(["queue", "dismissals"]) == 0
    assert capsys.readouterr().out.count(": another\n") == 2


def test_mistakes_say_what_there_is(operator: Operator, capsys: pytest.CaptureFixture[str]) -> None:
    draft = second(operator.draft(*operator.mails(1)))
    assert dismiss(draft.id, "--rule", "resv-lock") == 2
    err = capsys.readouterr().err
    assert "tells nothing of resv-lock" in err
    assert err.endswith("that knows of core-namespace, locking-list\n")
    assert dismiss(99) == 2
    assert "there is no reply 99" in capsys.readouterr().err
    assert main(["queue", "dismiss", str(draft.id)]) == 2
    assert operator.drafts(State.DISCARDED) == []
    assert main(["queue", "dismiss", "1", "--reason", " "]) == 2
    assert "--reason: is empty; say why" in capsys.readouterr().err
