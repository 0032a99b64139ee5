# SPDX-License-Identifier: GPL-2.0-or-later
"""Between claim and delivery: what a sender writes down, and what it may take back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.errors import UsageError
from bot.outgoing import Draft, Sent, State
from bot.store import Store
from tests.store.outbox import DRAFT, LEASE, NOW, REVIEW, claimed, fill, written


def begun(store: Store, owner: str = "one") -> Draft:
    draft = claimed(store, owner)
    assert store.begin(draft.id, owner, NOW, LEASE) is None
    return draft


def test_a_sender_that_died_before_it_began_has_sent_nothing(store: Store) -> None:
    fill(store)
    claimed(store)
    again = store.claim("two", NOW + LEASE, LEASE)
    assert again is not None
    assert (again.state, again.attempts) == (State.APPROVED, 0)
    with pytest.raises(UsageError, match="sent by two now, not by one"):
        store.begin(again.id, "one", NOW + LEASE, LEASE)
    assert store.begin(again.id, "two", NOW + LEASE, LEASE) is None
    assert store.claim("three", NOW + 2 * LEASE, LEASE) is not None, "another reply"


def test_the_lease_is_full_again_when_the_delivery_begins(store: Store) -> None:
    store.discard(fill(store)[1], NOW, "no")
    claimed(store)
    soon = NOW + LEASE / 2
    assert store.begin(store.drafts()[0].id, "one", soon, LEASE) is None
    assert store.claim("two", NOW + LEASE, LEASE) is None
    assert store.claim("two", soon + LEASE, LEASE) is not None


def test_what_was_stopped_is_not_begun(store: Store) -> None:
    fill(store)
    draft = claimed(store)
    store.stop("a maintainer asked")
    assert store.begin(draft.id, "one", NOW, LEASE) == "a maintainer asked"
    assert store.draft(draft.id).attempts == 0
    store.later(draft.id, "one", NOW, NOW, "stopped")
    store.start()
    assert claimed(store) == store.draft(draft.id)._replace(state=State.APPROVED)


def test_an_attempt_that_was_none_is_taken_back(store: Store) -> None:
    fill(store)
    draft = begun(store)
    store.later(draft.id, "one", NOW, NOW, "no such way", begun=False, waits=2)
    after = store.draft(draft.id)
    assert (after.attempts, after.waits) == (0, 2)
    assert begun(store).id == draft.id
    assert (store.draft(draft.id).attempts, store.draft(draft.id).waits) == (1, 0)


def test_a_sender_gives_a_reply_back_to_a_person(store: Store) -> None:
    id_ = fill(store, DRAFT)[0]
    store.approve(id_, NOW)
    draft = claimed(store)
    assert draft.by_hand
    store.unapprove(id_, "one", NOW, "x@example.org is excluded")
    after = store.draft(id_)
    assert (after.state, after.by_hand) == (State.DRAFT, False)
    assert (after.reason, after.not_before) == ("x@example.org is excluded", None)


def test_the_contents_of_a_reply_are_kept(store: Store) -> None:
    for id_, one in zip(fill(store), written(), strict=True):
        found = store.told(id_)
        assert sorted(finding.fingerprint for finding in found.findings) == sorted(one.says)
        assert found.errors == REVIEW.errors
    with pytest.raises(UsageError, match="there is no reply 99"):
        store.told(99)


def test_before_a_claimed_reply_go_only_those_on_their_way(store: Store) -> None:
    fill(store)
    first, second = claimed(store), claimed(store)
    store.later(second.id, "one", NOW, NOW, "the embargo")
    assert store.counts(NOW, first.id).total == Sent(), "neither itself nor one that waits"
    store.later(first.id, "one", NOW, NOW, "broke off", doubtful=True)
    assert store.counts(NOW, second.id).total.mails == 1, "it may have left"
    claimed(store)
    again = claimed(store)
    assert again.id == second.id
    counts = store.counts(NOW, second.id)
    assert counts.total == Sent(1, NOW - timedelta(hours=24)), "its fate is known in a moment"
    store.sent(first.id, "one", NOW, "250 ok", {})
    assert store.counts(NOW, second.id).total == Sent(1, NOW)
