# SPDX-License-Identifier: GPL-2.0-or-later
"""A reply that is about to leave is judged again, by the settings, the thread and the clock of now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from bot.look import judge
from bot.outgoing import Action, Counts, Draft, State, Verdict
from bot.rejudge import rejudge
from bot.settings import StoreSettings
from bot.store import Store
from checks.api import Problem
from tests.sending import ALLOWED, LIST, NOW, World, note, remarks, state

DRAFT = Verdict(Action.DRAFT, "a person has to approve")


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with Store.open(StoreSettings(store_url)) as store:
        yield store


@pytest.fixture
def world(store: Store) -> World:
    """A reply that the policy approved."""
    return World(store)


@pytest.fixture
def by_hand(store: Store) -> World:
    """A reply that a person approved."""
    return World(store, DRAFT)


def ended(world: World) -> Draft:
    """The reply after a sender had it, who has sent nothing."""
    assert world.run() is not None
    assert world.delivered == []
    assert world.draft.attempts == 0
    return world.draft


FOR_EVERYBODY = [
    ({"leave": ("author@example.org",)}, "policy.leave"),
    ({"bots": ("author@example.org",)}, "is a bot"),
    ({"exclude": ("author@example.org", "dma-buf@lists.example.org")}, "nobody is left"),
]


@pytest.mark.parametrize("verdict", [ALLOWED, DRAFT])
@pytest.mark.parametrize(("setting", "reason"), FOR_EVERYBODY)
def test_what_nobody_may_send_is_discarded(
    store: Store, verdict: Verdict, setting: dict[str, object], reason: str
) -> None:
    draft = ended(World(store, verdict).policy(**setting))
    assert draft.state is State.DISCARDED
    assert reason in draft.reason


def test_a_series_that_is_to_be_left_alone_is_so_in_every_revision(by_hand: World) -> None:
    seen = judge(by_hand.envelope.msgid, by_hand.reply.parent, by_hand.mails)
    older = seen.line[0]._replace(mails={"older@example.org": seen.mail})
    seen = seen._replace(line=(older, *seen.line))
    settings = by_hand.policy(leave=("<older@example.org>",)).settings
    told = by_hand.store.told(by_hand.id)
    verdict = rejudge(by_hand.draft, told, seen, Counts(), settings, NOW)
    assert verdict.action is Action.DROP
    assert "older@example.org" in verdict.reason


@pytest.mark.parametrize("verdict", [ALLOWED, DRAFT])
def test_what_was_dismissed_while_a_sender_had_it_is_discarded(
    store: Store, verdict: Verdict
) -> None:
    world = World(store, verdict)
    assert store.claim("dead", world.now, timedelta(minutes=1)) is not None
    rule = world.reply.findings[0].rule
    assert store.dismiss(world.id, "the lock is held by the caller", world.now, rule)[1] == ()
    draft = ended(world.after(minutes=2))
    assert draft.state is State.DISCARDED
    assert draft.reason == "dismissed: the lock is held by the caller"


PEOPLE_DECIDE = [
    ({"lists": ()}, "policy.lists is empty"),
    ({"quiet": (LIST,)}, "policy.quiet"),
    ({"authors": ("other@example.org",)}, "policy.authors"),
    ({"post": "draft"}, "policy.post is draft"),
]


@pytest.mark.parametrize(("setting", "reason"), PEOPLE_DECIDE)
def test_what_is_no_longer_allowed_unasked_becomes_a_draft(
    world: World, setting: dict[str, object], reason: str
) -> None:
    draft = ended(world.policy(**setting))
    assert draft.state is State.DRAFT
    assert reason in draft.reason
    world.store.approve(world.id, world.now)
    assert state(world.run()) is State.SENT


@pytest.mark.parametrize("setting", [row[0] for row in PEOPLE_DECIDE])
def test_what_a_person_approved_goes(by_hand: World, setting: dict[str, object]) -> None:
    assert state(by_hand.policy(**setting).run()) is State.SENT


def test_an_old_series_is_left_alone_unless_a_person_means_it(store: Store) -> None:
    world = World(store).after(days=20)
    draft = ended(world)
    assert draft.state is State.DISCARDED
    assert "policy.max_age_days" in draft.reason


def test_a_person_may_answer_an_old_series(by_hand: World) -> None:
    assert state(by_hand.after(days=20).run()) is State.SENT


@pytest.mark.parametrize("verdict", [ALLOWED, DRAFT])
def test_a_rule_that_crashed_meanwhile_is_for_a_person(store: Store, verdict: Verdict) -> None:
    world = World(store, verdict)
    done = world.answer()
    crash = Problem("rule-crashed", "resv-lock", "report it")
    again = done.review._replace(errors=(crash,))
    store.record(again, done.entries, [world.reply.judged(verdict)], world.now)
    assert world.run() is not None
    if verdict is ALLOWED:
        assert world.draft.state is State.DRAFT
        assert "rule resv-lock crashed" in world.draft.reason
    else:
        assert world.draft.state is State.SENT


def test_with_posting_off_nothing_leaves(by_hand: World) -> None:
    draft = ended(by_hand.policy(post="off"))
    assert (draft.state, draft.by_hand) == (State.DRAFT, False)
    assert "policy.post is off" in draft.reason


def test_a_longer_embargo_holds_without_an_attempt(world: World) -> None:
    draft = ended(world.policy(embargo_minutes=48 * 60))
    assert draft.state is State.APPROVED
    assert "people have the word first" in draft.reason
    assert draft.not_before is not None
    assert NOW < draft.not_before < NOW + timedelta(days=2)
    assert world.run() is None
    assert state(world.after(days=2).run()) is State.SENT


@pytest.mark.parametrize("cap", ["per_author", "per_list", "per_day"])
def test_a_cap_holds_and_frees_what_waits(world: World, cap: str) -> None:
    draft = ended(world.policy(**{cap: 0}))
    assert draft.state is State.APPROVED
    assert f"policy.{cap}" in draft.reason
    assert draft.not_before is not None
    world.policy(**{cap: 1}).now = draft.not_before
    assert state(world.run()) is State.SENT, "it does not count itself"


def test_of_many_that_wait_for_a_cap_one_goes_a_day(world: World) -> None:
    done = world.answer()
    first, second = done.replies
    third = second[0]._replace(
        msgid="revokebot-third@example.org", parent=done.review.posting.series.msgid
    )
    judged = [reply.judged(ALLOWED) for reply in (first[0], second[0], third)]
    world.store.record(done.review, done.entries, judged, world.now)
    world.policy(per_author=1)
    left = []
    for _ in range(3 * 24 * 60):
        while (draft := world.run()) is not None:
            left += [world.now] if draft.state is State.SENT else []
        world.after(minutes=1)
    assert left == [NOW + timedelta(days=days) for days in range(3)]


def test_no_cap_binds_a_person(by_hand: World) -> None:
    assert state(by_hand.policy(per_author=0, per_day=0, embargo_minutes=9999).run()) is State.SENT


def test_a_newer_revision_discards_the_reply(by_hand: World) -> None:
    by_hand.seen(*(raw.replace(b"[PATCH ", b"[PATCH v3 ").replace(b"-v1-", b"-v3-")
                   for raw in by_hand.mails))  # fmt: skip
    draft = ended(by_hand)
    assert draft.state is State.DISCARDED
    assert draft.reason == "revision 3 has come"


def test_a_series_that_is_not_whole_in_the_archive_is_for_a_person(world: World) -> None:
    kept = [raw for raw in world.mails if world.reply.parent.encode() in raw.partition(b"\n\n")[0]]
    world.mails = kept[:1]
    draft = ended(world)
    assert draft.state is State.DRAFT
    assert "not complete" in draft.reason


@pytest.mark.parametrize("verdict", [ALLOWED, DRAFT])
def test_what_somebody_has_said_meanwhile_is_discarded(store: Store, verdict: Verdict) -> None:
    world = World(store, verdict)
    found = world.reply.findings
    world.seen(note(world.reply.parent, remarks(found)))
    draft = ended(world)
    assert draft.state is State.DISCARDED
    assert draft.reason.startswith("said meanwhile: ")
    assert f"{found[0].rule} by R E Viewer in <answer-to-" in draft.reason
    again = world.answer(world.mails[-1]).replies
    assert world.reply.parent not in [reply.parent for reply, _ in again], "nor does a new run"


def test_what_is_said_in_part_is_for_a_person(world: World) -> None:
    first, *rest = world.reply.findings
    assert rest
    world.seen(note(world.reply.parent, remarks([first])))
    draft = ended(world)
    assert draft.state is State.DRAFT
    assert draft.reason.startswith("partly said meanwhile: ")
    world.store.approve(world.id, world.now)
    assert state(world.run()) is State.SENT


def test_a_remark_elsewhere_or_a_tag_takes_nothing_away(world: World) -> None:
    world.seen(note(world.reply.parent, "Reviewed-by: R E Viewer <reviewer@example.org>\n"))
    assert state(world.run()) is State.SENT


@pytest.mark.parametrize("key", ["exclude", "leave"])
@pytest.mark.parametrize("verdict", [ALLOWED, DRAFT])
def test_nobody_is_written_to_who_is_left_out_now(store: Store, verdict: Verdict, key: str) -> None:
    world = World(store, verdict)
    email = "dma-buf@lists.example.org"
    assert email in world.envelope.recipients
    draft = ended(world.policy(**{key: (email,)}))
    assert (draft.state, draft.by_hand) == (State.DRAFT, False)
    assert f"not to {email} any more" in draft.reason
    rest = tuple(one for one in draft.envelope.recipients if one != email)
    envelope = draft.envelope._replace(recipients=rest)
    store.replace(world.id, draft.envelope.raw, envelope, draft.subject, world.now)
    store.approve(world.id, world.now)
    assert state(world.run()) is State.SENT
    assert world.delivered[0].recipients == rest


def test_what_is_not_on_record_is_for_a_person(world: World) -> None:
    unknown = world.reply.judged(ALLOWED)._replace(
        envelope=world.envelope._replace(msgid="revokebot-old@example.org"), says=()
    )
    done = world.answer()
    (world.id,) = world.store.record(done.review, done.entries, [unknown], world.now)
    draft = ended(world)
    assert draft.state is State.DRAFT
    assert "on record" in draft.reason
    world.store.approve(world.id, world.now)
    assert state(world.run()) is State.SENT


def test_what_a_later_run_no_longer_finds_while_a_sender_has_it_is_for_a_person(
    world: World,
) -> None:
    done = world.answer()
    assert world.store.claim("dead", world.now, timedelta(minutes=1)) is not None
    lost = world.reply.findings[0].fingerprint
    rest = tuple(one for one in done.review.findings if one.fingerprint != lost)
    world.store.record(done.review._replace(findings=rest), (), [], world.now)
    assert world.draft.state is State.SENDING
    draft = ended(world.after(minutes=2))
    assert draft.state is State.DRAFT
    assert "not all that it says is on record" in draft.reason
