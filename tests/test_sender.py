# SPDX-License-Identifier: GPL-2.0-or-later
"""What a sender does with a reply, by what the archive and the server answer; the outbox is real."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.errors import ArchiveError, NotFoundError
from bot.look import Seen
from bot.outgoing import Action, Draft, Envelope, Judged, Outcome, Result, State, Verdict
from bot.render.mail import replies
from bot.review import review
from bot.sender import Sender
from bot.settings import DeliverySettings, ReplySettings, StoreSettings
from bot.sources import open_source
from bot.store import Store
from checks import load_rules
from tests.conftest import ROOT

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
SETTINGS = DeliverySettings(attempts=3, lease=60, settle=900)
SENT = Outcome(Result.SENT, "250 OK")
NOT_THERE = Seen(False)


class World:
    """An outbox with one approved reply, a clock, and what was delivered."""

    def __init__(self, store: Store, envelope: Envelope) -> None:
        self.store, self.envelope, self.now = store, envelope, NOW
        self.delivered: list[Envelope] = []

    def run(
        self, outcome: Outcome = SENT, seen: Seen | Exception = NOT_THERE, owner: str = "one"
    ) -> Draft | None:
        def ask(msgid: str, parent: str) -> Seen:
            assert msgid == self.envelope.msgid
            if isinstance(seen, Exception):
                raise seen
            return seen

        def deliver(envelope: Envelope) -> Outcome:
            self.delivered.append(envelope)
            return outcome

        return Sender(self.store, SETTINGS, owner, ask, deliver, lambda: self.now).run_once()

    def after(self, **wait: float) -> World:
        self.now += timedelta(**wait)
        return self


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    posting = next(iter(open_source(str(ROOT / "examples/revocable-helper.mbox"))))
    done = review(posting, load_rules())
    reply = replies(done, ReplySettings(address="bot@example.org"), "https://x/%s", NOW)[0][0]
    envelope = Envelope(reply.msgid, "bot@example.org", ("author@example.org",), reply.raw)
    with Store.open(StoreSettings(url=f"sqlite:///{tmp_path}/outbox.db")) as store:
        verdict = Verdict(Action.SEND, "allowed")
        store.record(done, (), [Judged(envelope, reply.parent, "Re: x", verdict)], NOW)
        yield World(store, envelope)


def state(draft: Draft | None) -> State:
    assert draft is not None
    return draft.state


def test_a_reply_goes_out_once_byte_for_byte(world: World) -> None:
    draft = world.run()
    assert state(draft) is State.SENT
    assert world.run() is None
    assert world.delivered == [world.envelope]


def test_what_the_archive_has_is_not_sent(world: World) -> None:
    assert state(world.run(seen=Seen(True))) is State.SENT
    assert world.delivered == []


def test_a_newer_revision_discards_the_reply(world: World) -> None:
    draft = world.run(seen=Seen(False, 3))
    assert state(draft) is State.DISCARDED
    assert draft is not None
    assert "revision 3" in draft.reason
    assert world.delivered == []


@pytest.mark.parametrize("error", [ArchiveError("no answer"), NotFoundError("not there")])
def test_without_the_archives_answer_nothing_is_sent(world: World, error: ArchiveError) -> None:
    assert state(world.run(seen=error)) is State.APPROVED
    assert world.run() is None, "it must wait"
    assert world.delivered == []
    assert state(world.after(minutes=3).run()) is State.SENT


def test_a_passing_refusal_is_tried_again_later_and_then_parked(world: World) -> None:
    busy = Outcome(Result.LATER, "451 try again")
    states = [state(world.after(hours=hours).run(busy)) for hours in (0, 5, 5)]
    assert states == [State.APPROVED, State.APPROVED, State.FAILED]
    (draft,) = world.store.drafts((State.FAILED,))
    assert "451 try again" in draft.reason
    assert world.after(days=9).run() is None


def test_a_refusal_for_good_is_parked_with_the_servers_words(world: World) -> None:
    draft = world.run(Outcome(Result.REFUSED, "550 no such list"))
    assert state(draft) is State.FAILED
    assert draft is not None
    assert draft.reason == "550 no such list"


def test_refused_recipients_are_kept(world: World) -> None:
    draft = world.run(Outcome(Result.SENT, "250 OK", {"list@example.org": "550 closed"}))
    assert draft is not None
    assert draft.refused == {"list@example.org": "550 closed"}


def test_an_unanswered_mail_waits_for_the_archive(world: World) -> None:
    assert state(world.run(Outcome(Result.UNKNOWN, "connection lost"))) is State.APPROVED
    assert world.after(minutes=5).run() is None, "the archive has not had its time"
    assert state(world.after(minutes=11).run(seen=Seen(True))) is State.SENT
    assert len(world.delivered) == 1


def test_a_dead_sender_s_reply_waits_then_is_asked_for_and_sent(world: World) -> None:
    claimed = world.store.claim("dead", NOW, timedelta(seconds=60))
    assert claimed is not None
    assert world.run(owner="two") is None, "the lease still runs"
    assert state(world.after(minutes=2).run(owner="two")) is State.APPROVED
    assert world.delivered == []
    assert world.run(owner="two") is None
    assert state(world.after(minutes=16).run(owner="two")) is State.SENT
    assert len(world.delivered) == 1


def test_the_switch_stops_a_reply_that_is_already_claimed(world: World) -> None:
    def ask(msgid: str, parent: str) -> Seen:
        world.store.stop("a maintainer asked")
        return Seen(False)

    def deliver(envelope: Envelope) -> Outcome:
        raise AssertionError("sent although it is switched off")

    sender = Sender(world.store, SETTINGS, "one", ask, deliver, lambda: world.now)
    draft = sender.run_once()
    assert state(draft) is State.APPROVED
    assert sender.run_once() is None
    world.store.start()
    assert state(world.after(minutes=1).run()) is State.SENT
