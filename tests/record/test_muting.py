# SPDX-License-Identifier: GPL-2.0-or-later
"""A rule is muted by its record, by itself, and is heard again by itself; so is what waits."""

from __future__ import annotations

import pytest

from bot.config import load
from bot.errors import UsageError
from bot.in_force import in_force
from bot.outgoing import Action, State, Status
from bot.setup import Setup
from tests.record.desk import BESIDE, GOOD, POLICY, RULE, Desk
from tests.sending import state


@pytest.fixture
def bad(desk: Desk) -> Desk:
    """A desk whose rule has told six findings, of which one was addressed and four dismissed."""
    drafts = [desk.told(name) for name in ("a", "b", "c", "d", "e", "f")]
    for draft in drafts[:4]:
        desk.dismiss(draft)
    desk.post("e", GOOD, 2)
    desk.answer("e", 2)
    return desk


WHY = f"rule {RULE} is muted: 1 of 5 addressed"


def test_below_its_floor_it_is_worth_no_mail(bad: Desk) -> None:
    bad.post("new")
    done = bad.answer("new")
    ((_reply, verdict),) = done.replies
    assert (verdict.action, verdict.reason) == (Action.DROP, f"no finding is worth a mail: {WHY}")
    assert [entry.reason for entry in done.entries] == [f"not told before; {WHY}"]
    (kept,) = bad.store.drafts([State.DISCARDED])
    assert kept.reason == verdict.reason
    assert bad.send() is None


def test_the_review_is_as_it_was(bad: Desk) -> None:
    bad.post("new")
    muted = bad.answer("new").review
    assert [finding.severity for finding in muted.findings] == ["error"]
    assert muted.findings == bad.policy(unmuted=(RULE,)).answer("new").review.findings


def test_what_waits_is_withdrawn_right_before_it_would_leave(desk: Desk) -> None:
    drafts = [desk.told(name) for name in ("a", "b", "c", "d", "e")]
    desk.post("new")
    assert [verdict.action for _reply, verdict in desk.answer("new").replies] == [Action.SEND]
    for draft in drafts[:-1]:
        desk.dismiss(draft)
    desk.post("e", GOOD, 2)
    desk.answer("e", 2)
    before = len(desk.delivered)
    withdrawn = desk.send()
    assert withdrawn is not None
    assert (withdrawn.state, withdrawn.reason) == (
        State.DISCARDED,
        f"no finding is worth a mail: {WHY}",
    )
    assert len(desk.delivered) == before


def test_what_a_person_approved_goes(bad: Desk) -> None:
    bad.policy(post="draft", unmuted=(RULE,)).post("new")
    bad.answer("new")
    (draft,) = bad.store.drafts([State.DRAFT])
    bad.store.approve(draft.id, bad.now)
    sent = bad.policy(unmuted=()).send()
    assert state(sent) is State.SENT


def test_it_comes_along_in_a_mail_about_something_else_and_once(bad: Desk) -> None:
    bad.post("new", BESIDE)
    ((reply, verdict),) = bad.answer("new").replies
    assert verdict.action is Action.SEND
    assert {finding.rule for finding in reply.findings} == {RULE, "export-syntax"}
    assert bad.send() is not None
    bad.post("new", BESIDE, 2)
    told = {entry.finding.rule: entry for entry in bad.answer("new", 2).entries}
    assert told["export-syntax"].status is Status.STANDING
    assert told[RULE].status is Status.SAID
    assert told[RULE].reason == f"first told for v1; {WHY}, and not worth telling twice"


def test_where_notes_are_worth_a_mail_so_is_what_is_muted(bad: Desk) -> None:
    bad.policy(severity="note").post("new")
    assert [verdict.action for _reply, verdict in bad.answer("new").replies] == [Action.SEND]


@pytest.mark.parametrize(
    "changes", [{"floor": 0.2}, {"floor": 0.0}, {"floor_least": 6}, {"unmuted": (RULE,)}]
)
def test_it_is_not_muted_where_the_settings_say_so(bad: Desk, changes: dict[str, object]) -> None:
    bad.policy(**changes).post("new")
    assert [verdict.action for _reply, verdict in bad.answer("new").replies] == [Action.SEND]


def test_it_is_heard_again_when_the_record_is_better(bad: Desk) -> None:
    bad.post("new")
    bad.answer("new")
    for name in ("a", "b", "c"):
        (draft,) = (one for one in bad.store.drafts([State.SENT]) if f"] {name}:" in one.subject)
        bad.store.undismiss(draft.says)
        bad.post(name, GOOD, 2)
        bad.answer(name, 2)
    assert [verdict.action for _reply, verdict in bad.answer("new").replies] == [Action.SEND]
    assert state(bad.send()) is State.SENT


def test_it_is_heard_again_when_the_record_is_old(bad: Desk) -> None:
    muted = in_force(bad.settings, bad.store, bad.now).policy.muted
    assert muted == (RULE,)
    bad.after(days=366)
    assert in_force(bad.settings, bad.store, bad.now) == bad.settings


def test_a_rule_is_muted_by_hand(desk: Desk) -> None:
    desk.policy(muted=(RULE,)).post("new")
    ((_reply, verdict),) = desk.answer("new").replies
    assert verdict.reason == f"no finding is worth a mail: rule {RULE} is muted (policy.muted)"


@pytest.mark.parametrize("key", ["muted", "unmuted"])
def test_a_rule_that_is_not_there_is_told(key: str) -> None:
    settings = load(None, {f"REVOKEBOT_POLICY_{key.upper()}": "wait-resul"})
    with pytest.raises(UsageError, match=f"policy.{key}: no rule is called 'wait-resul'.*{RULE}"):
        Setup.of(settings)


def test_asking_adds_nothing_to_what_it_says(bad: Desk) -> None:
    once = in_force(bad.settings, bad.store, bad.now)
    assert once.why_muted == {RULE: WHY}
    assert in_force(once, bad.store, bad.now) == once
    assert once.policy == POLICY._replace(muted=(RULE,))
