# SPDX-License-Identifier: GPL-2.0-or-later
"""Every way through the states of a reply, and what is kept of a review."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.errors import UsageError
from bot.lists import reached
from bot.outgoing import Action, Entry, Mention, Sent, State, Status, Verdict
from bot.store import Store
from tests.store.outbox import (
    DRAFT,
    LEASE,
    NOW,
    RECIPIENTS,
    REVIEW,
    SEND,
    claimed,
    entries,
    fill,
    written,
)


def test_a_reply_comes_out_as_it_went_in(store: Store) -> None:
    ids = fill(store)
    for id_, one in zip(ids, written(), strict=True):
        draft = store.draft(id_)
        assert (draft.envelope, draft.parent, draft.subject) == one[:3]
        assert (draft.says, draft.dkim, draft.by_hand) == (one.says, one.dkim, False)
        assert (draft.state, draft.reason) == (State.APPROVED, "post = send")
        assert (draft.changed, draft.not_before, draft.attempts) == (NOW, None, 0)
    assert len(set(ids)) == 2


@pytest.mark.parametrize(
    ("verdict", "state"),
    [
        (DRAFT, State.DRAFT),
        (SEND, State.APPROVED),
        (Verdict(Action.HOLD, "embargo", NOW + LEASE), State.APPROVED),
        (Verdict(Action.DROP, "too old"), State.DISCARDED),
    ],
)
def test_the_verdict_says_where_a_reply_begins(
    store: Store, verdict: Verdict, state: State
) -> None:
    draft = store.draft(fill(store, verdict)[0])
    assert (draft.state, draft.reason, draft.not_before) == (state, verdict.reason, verdict.until)


def test_what_no_database_takes_is_kept_in_other_words(store: Store) -> None:
    finding = REVIEW.findings[0]._replace(message="a NUL \0 and half \udc80", line_text="+\0")
    one = written()[0]._replace(subject="Re: \0 \udcff ö \U0001f600")
    (id_,) = store.record(REVIEW._replace(findings=(finding,)), (), [one], NOW)
    store.discard(id_, NOW, "said \0")
    assert store.draft(id_).subject == "Re: \ufffd \ufffd ö \U0001f600"
    assert store.draft(id_).reason == "said \ufffd"
    (earlier,) = store.earlier([REVIEW.posting])
    assert earlier.findings[0].message == finding.message
    assert earlier.findings[0].line_text == "+\0"


def test_recording_again_changes_no_reply(store: Store) -> None:
    ids = fill(store)
    draft = claimed(store)
    store.sent(draft.id, "one", NOW, "250 ok", {})
    store.discard(ids[1], NOW, "no")
    before = store.drafts()
    assert fill(store, DRAFT) == ids
    assert store.drafts() == before


def test_what_a_later_run_no_longer_says_is_discarded_unless_sent(store: Store) -> None:
    first, second = fill(store)
    store.sent(claimed(store).id, "one", NOW, "250 ok", {})
    store.record(REVIEW, entries(), [], NOW)
    assert store.draft(first).state is State.SENT
    assert store.draft(second).state is State.DISCARDED


def test_no_mail_is_answered_twice(store: Store) -> None:
    fill(store)
    store.sent(claimed(store).id, "one", NOW, "250 ok", {})
    first = written()[0]
    other = first._replace(envelope=first.envelope._replace(msgid="other@localhost"))
    (id_,) = store.record(REVIEW, entries(), [other], NOW)
    draft = store.draft(id_)
    assert draft.state is State.DISCARDED
    assert first.envelope.msgid in draft.reason


def test_a_record_that_fails_keeps_nothing(store: Store) -> None:
    naive = written(Verdict(Action.HOLD, "embargo", NOW.replace(tzinfo=None)))
    with pytest.raises(Exception, match="no time zone"):
        store.record(REVIEW, entries(), naive, NOW)
    assert store.drafts() == []
    assert store.earlier([REVIEW.posting]) == ()


def test_claims_go_by_age_and_each_reply_once(store: Store) -> None:
    ids = fill(store)
    taken = [store.claim("one", NOW, LEASE) for _ in range(3)]
    assert [draft and draft.id for draft in taken] == [*ids, None]
    assert taken[0] is not None
    assert (taken[0].state, taken[0].attempts) == (State.APPROVED, 0)
    assert store.draft(ids[0]).state is State.SENDING


def test_a_held_reply_waits(store: Store) -> None:
    fill(store, Verdict(Action.HOLD, "embargo", NOW + LEASE))
    assert store.claim("one", NOW + LEASE - timedelta(microseconds=1), LEASE) is None
    assert store.claim("one", NOW + LEASE, LEASE) is not None


def test_a_lease_that_is_over_is_claimed_as_possibly_sent(store: Store) -> None:
    first = fill(store)[0]
    store.discard(fill(store)[1], NOW, "no")
    assert store.begin(claimed(store).id, "one", NOW, LEASE) is None
    assert store.claim("two", NOW + LEASE - timedelta(seconds=1), LEASE) is None
    again = store.claim("two", NOW + LEASE, LEASE)
    assert again is not None
    assert (again.id, again.state, again.attempts) == (first, State.SENDING, 1)
    with pytest.raises(UsageError, match="sent by two now, not by one"):
        store.sent(first, "one", NOW + LEASE, "250 ok", {})
    store.sent(first, "two", NOW + LEASE, "in the archive", {})
    assert store.draft(first).state is State.SENT


@pytest.mark.parametrize("doubtful", [True, False])
def test_later_remembers_whether_it_may_have_left(store: Store, doubtful: bool) -> None:
    fill(store)
    draft = claimed(store)
    store.later(draft.id, "one", NOW, NOW, "451 wait", doubtful=doubtful)
    assert store.draft(draft.id).state is State.APPROVED
    assert claimed(store).state is (State.SENDING if doubtful else State.APPROVED)


def test_failed_is_parked_until_retried(store: Store) -> None:
    id_ = fill(store)[0]
    store.failed(claimed(store).id, "one", NOW, "550 no")
    assert (store.draft(id_).state, store.draft(id_).reason) == (State.FAILED, "550 no")
    assert claimed(store).id != id_
    assert store.claim("one", NOW, LEASE) is None
    store.retry(id_, NOW)
    assert claimed(store).id == id_


@pytest.mark.parametrize("doubtful", [True, False])
def test_a_refused_reply_is_retried_as_not_sent(store: Store, doubtful: bool) -> None:
    id_ = fill(store)[0]
    store.failed(claimed(store).id, "one", NOW, "550 no", doubtful=doubtful)
    store.retry(id_, NOW)
    assert claimed(store).state is (State.SENDING if doubtful else State.APPROVED)


def test_a_sender_withdraws_only_what_it_holds(store: Store) -> None:
    fill(store)
    draft = claimed(store)
    with pytest.raises(UsageError, match="sent by one now, not by two"):
        store.withdraw(draft.id, "two", NOW, "v3 has come")
    store.withdraw(draft.id, "one", NOW, "v3 has come")
    after = store.draft(draft.id)
    assert (after.state, after.reason) == (State.DISCARDED, "v3 has come")


@pytest.mark.parametrize("ended", ["withdrawn", "replaced", "dismissed"])
def test_an_approved_reply_that_no_person_discarded_comes_back(store: Store, ended: str) -> None:
    second = fill(store, DRAFT)[1]
    store.approve(second, NOW)
    if ended == "withdrawn":
        store.withdraw(claimed(store).id, "one", NOW, "the author asked to be left alone")
    elif ended == "replaced":
        store.discard_for(REVIEW.posting.series.msgid, NOW, "v3 is out")
    else:
        chosen, _discarded = store.dismiss(second, "wrong", NOW)
        store.undismiss([one.fingerprint for one in chosen])
    assert store.draft(second).state is State.DISCARDED
    fill(store, DRAFT)
    assert store.draft(second).state is State.DRAFT
    store.discard(second, NOW, "by hand")
    fill(store, DRAFT)
    assert store.draft(second).state is State.DISCARDED


def test_refused_recipients_are_kept(store: Store) -> None:
    fill(store)
    draft = claimed(store)
    store.sent(draft.id, "one", NOW, "250 ok", {RECIPIENTS[2]: "550 unknown"})
    assert store.draft(draft.id).refused == {RECIPIENTS[2]: "550 unknown"}


def test_wrong_transitions_say_the_state_and_the_way_out(store: Store) -> None:
    first, second = fill(store)
    with pytest.raises(UsageError, match=f"reply {first} is approved and can't be approved"):
        store.approve(first, NOW)
    with pytest.raises(UsageError, match="is approved and can't become sent"):
        store.sent(first, "one", NOW, "250 ok", {})
    with pytest.raises(UsageError, match="is approved and can't be retried: it will be sent"):
        store.retry(first, NOW)
    claimed(store)
    with pytest.raises(UsageError, match=r"be discarded: wait .*, who has until 20.* UTC"):
        store.discard(first, NOW, "no")
    store.discard(first, NOW + LEASE, "its sender died")
    store.discard(second, NOW, "no")
    with pytest.raises(UsageError, match="is discarded and can't be discarded"):
        store.discard(second, NOW, "no")
    with pytest.raises(UsageError, match="there is no reply 99"):
        store.draft(99)


def test_drafts_leave_only_when_approved(store: Store) -> None:
    first, second = fill(store, DRAFT)
    assert store.claim("one", NOW, LEASE) is None
    store.approve(second, NOW)
    assert claimed(store).id == second
    assert store.claim("one", NOW, LEASE) is None
    assert [draft.id for draft in store.drafts([State.DRAFT])] == [first]


def test_only_a_draft_is_replaced_and_keeps_its_id(store: Store) -> None:
    id_ = fill(store, DRAFT)[0]
    envelope = store.draft(id_).envelope
    edited = envelope._replace(raw=envelope.raw + b"more\n", recipients=RECIPIENTS[:1])
    with pytest.raises(UsageError, match="edited by somebody else meanwhile"):
        store.replace(id_, b"what another editor was given", edited, "Re: that", NOW)
    store.replace(id_, envelope.raw, edited, "Re: that", NOW)
    assert store.draft(id_).envelope == edited
    assert store.draft(id_).subject == "Re: that"
    with pytest.raises(UsageError, match="Message-ID must stay"):
        store.replace(id_, edited.raw, edited._replace(msgid="x@localhost"), "Re: that", NOW)
    store.approve(id_, NOW)
    with pytest.raises(UsageError, match="is approved and can't be edited"):
        store.replace(id_, edited.raw, envelope, "Re: it", NOW)


def test_a_newer_revision_discards_what_is_unsent(store: Store) -> None:
    first, second = fill(store)
    store.sent(claimed(store).id, "one", NOW, "250 ok", {})
    assert store.discard_for("else@example.org", NOW, "v3") == 0
    assert store.discard_for(REVIEW.posting.series.msgid, NOW, "v3 is out") == 1
    assert store.draft(first).state is State.SENT
    assert (store.draft(second).state, store.draft(second).reason) == (
        State.DISCARDED,
        "v3 is out",
    )


def test_counts_are_by_author_and_list(store: Store) -> None:
    fill(store)
    waiting = store.counts(NOW).total.mails
    assert store.counts(NOW).total == Sent(waiting), "an approved reply is about to leave"
    first = claimed(store)
    store.sent(first.id, "one", NOW, "250 ok", {})
    counts = store.counts(NOW + timedelta(hours=1))
    assert counts.total == Sent(waiting, NOW)
    assert counts.authors == {"author@example.org": Sent(waiting, NOW)}
    assert counts.lists["dma-buf.lists.example.org"] == Sent(waiting, NOW)
    assert set(counts.lists) == set(reached(REVIEW.posting.mails[first.parent]))
    assert store.counts(NOW + timedelta(hours=25)).total == Sent(waiting - 1)


def test_the_switch_stops_every_claim(store: Store) -> None:
    fill(store)
    assert store.stopped() is None
    store.stop("the tree is on fire")
    store.stop("still")
    assert store.stopped() == "still"
    assert store.claim("one", NOW, LEASE) is None
    store.start()
    assert store.stopped() is None
    claimed(store)


def test_history_has_the_findings_and_the_mails_that_told_them(store: Store) -> None:
    fill(store)
    msgid = REVIEW.posting.series.msgid
    (before,) = store.earlier([REVIEW.posting])
    assert (before.revision, before.msgid) == (2, msgid)
    assert [found.fingerprint for found in before.findings] == [
        found.fingerprint for found in REVIEW.findings
    ]
    assert before.findings[0]._replace(facts={}) == REVIEW.findings[0]._replace(facts={})
    assert before.told == {}
    draft = claimed(store)
    store.sent(draft.id, "one", NOW, "250 ok", {})
    (after,) = store.earlier([REVIEW.posting])
    assert draft.says
    lines = {found.fingerprint: found.line_text for found in REVIEW.findings}
    assert after.told == {
        mark: (Mention(draft.envelope.msgid, 2, lines[mark]),) for mark in draft.says
    }
    standing = Entry(REVIEW.findings[0], Status.STANDING, "first told for v1", "v1@localhost", 1)
    store.record(REVIEW, [standing], [], NOW)
    (third,) = store.earlier([REVIEW.posting])
    mark = REVIEW.findings[0].fingerprint
    assert [mail[:2] for mail in third.told[mark]] == [
        ("v1@localhost", 1),
        (draft.envelope.msgid, 2),
    ]
