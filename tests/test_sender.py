# SPDX-License-Identifier: GPL-2.0-or-later
"""What a sender does with a reply, by what the archive and the server answer; the outbox is real."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

import pytest

from bot.errors import ArchiveError, BotError, NotFoundError, UsageError
from bot.look import Seen, judge
from bot.outgoing import Envelope, Outcome, Result, State
from bot.settings import StoreSettings
from bot.store import Store
from tests.sending import NOW, World, state

BUSY = Outcome(Result.LATER, "451 try again")


@pytest.fixture
def world(store_url: str) -> Iterator[World]:
    with Store.open(StoreSettings(store_url)) as store:
        yield World(store)


def test_a_reply_goes_out_once_byte_for_byte(world: World) -> None:
    draft = world.run()
    assert state(draft) is State.SENT
    assert world.run() is None
    assert world.delivered == [world.envelope]


def test_what_the_archive_has_is_not_sent(world: World) -> None:
    assert state(world.seen(world.envelope.raw).run()) is State.SENT
    assert world.draft.reason == "found in the archive"
    assert world.draft.attempts == 0
    assert world.delivered == []


@pytest.mark.parametrize("error", [ArchiveError("no answer"), NotFoundError("not there")])
def test_without_the_archives_answer_nothing_is_sent(world: World, error: ArchiveError) -> None:
    assert state(world.run(error=error)) is State.APPROVED
    assert world.run() is None, "it must wait"
    assert world.delivered == []
    assert state(world.after(minutes=3).run()) is State.SENT


def test_a_dead_archive_uses_up_no_attempt_and_is_asked_less_and_less(world: World) -> None:
    asked = []
    end = NOW + timedelta(days=2)
    while world.now < end:
        if world.run(error=ArchiveError("no answer")) is not None:
            asked.append(world.now)
        world.after(minutes=1)
    pauses = [(late - early) for early, late in pairwise(asked)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (timedelta(minutes=2), timedelta(hours=4))
    draft = world.draft
    assert (draft.state, draft.attempts) == (State.APPROVED, 0)
    assert draft.reason == "the archive could not be asked: no answer"
    assert draft.not_before is not None
    assert draft.waits == len(asked)
    world.seen(world.envelope.raw)
    assert state(world.after(hours=4).run()) is State.SENT
    assert world.draft.waits == 0


def test_an_archive_that_does_not_have_the_patch_is_given_up_on(world: World) -> None:
    missing = NotFoundError("not in this archive")
    states = [state(world.after(hours=5).run(error=missing)) for _ in range(3)]
    assert states == [State.APPROVED, State.APPROVED, State.FAILED]
    assert "not in this archive" in world.draft.reason
    world.store.retry(world.id, world.now)
    assert state(world.run()) is State.SENT


def test_a_passing_refusal_is_tried_again_later_and_then_parked(world: World) -> None:
    states = [state(world.after(hours=hours).run(BUSY)) for hours in (0, 5, 5)]
    assert states == [State.APPROVED, State.APPROVED, State.FAILED]
    assert "451 try again" in world.draft.reason
    assert world.draft.attempts == 3
    assert world.after(days=9).run() is None


def test_a_refusal_for_good_is_parked_with_the_servers_words(world: World) -> None:
    assert state(world.run(Outcome(Result.REFUSED, "550 no such list"))) is State.FAILED
    assert world.draft.reason == "550 no such list"


def test_refused_recipients_are_kept_and_told_the_list_first(world: World) -> None:
    refused = {
        "author@example.org": "452 full",
        "linux-media@vger.kernel.org": "550 closed",
    }
    assert state(world.run(Outcome(Result.SENT, "250 OK", refused))) is State.SENT
    assert world.draft.refused == refused
    assert world.draft.reason == (
        "sent, but not to the list linux-media@vger.kernel.org: 550 closed; "
        "not to author@example.org: 452 full"
    )
    assert world.after(days=1).run() is None


def test_an_unanswered_mail_waits_for_the_archive(world: World) -> None:
    assert state(world.run(Outcome(Result.UNKNOWN, "connection lost"))) is State.APPROVED
    assert world.after(minutes=5).run() is None, "the archive has not had its time"
    world.seen(world.envelope.raw)
    assert state(world.after(minutes=11).run()) is State.SENT
    assert len(world.delivered) == 1


def test_a_server_that_never_answers_is_given_up_on(world: World) -> None:
    silent = Outcome(Result.UNKNOWN, "connection lost")
    states = [state(world.after(minutes=16).run(silent)) for _ in range(3)]
    assert states == [State.APPROVED, State.APPROVED, State.FAILED]
    assert world.draft.reason == "connection lost; that was the last attempt"
    assert world.after(days=9).run() is None
    world.store.retry(world.id, world.now)
    assert state(world.run()) is State.APPROVED, "it may have left: the archive has its time"
    assert len(world.delivered) == 3


def test_what_may_have_left_is_not_called_discarded_before_the_archive_had_its_time(
    world: World,
) -> None:
    minute = timedelta(minutes=1)
    assert world.store.claim("dead", NOW, minute) is not None
    assert world.store.begin(world.id, "dead", NOW, minute) is None
    world.policy(leave=("author@example.org",))
    assert state(world.after(minutes=2).run()) is State.APPROVED
    world.seen(world.envelope.raw)
    assert state(world.after(minutes=16).run()) is State.SENT


def test_a_sender_that_died_before_it_began_has_sent_nothing(world: World) -> None:
    assert world.store.claim("dead", NOW, timedelta(seconds=60)) is not None
    assert world.run(owner="two") is None, "the lease still runs"
    assert state(world.after(minutes=2).run(owner="two")) is State.SENT


def test_a_dead_sender_s_reply_waits_then_is_asked_for_and_sent(world: World) -> None:
    minute = timedelta(minutes=1)
    assert world.store.claim("dead", NOW, minute) is not None
    assert world.store.begin(world.id, "dead", NOW, minute) is None
    assert world.run(owner="two") is None, "the lease still runs"
    assert state(world.after(minutes=2).run(owner="two")) is State.APPROVED
    assert world.delivered == []
    assert world.run(owner="two") is None
    assert state(world.after(minutes=16).run(owner="two")) is State.SENT
    assert len(world.delivered) == 1


def test_the_switch_stops_a_reply_that_is_already_claimed(world: World) -> None:
    def ask(msgid: str, parent: str) -> Seen:
        world.store.stop("a maintainer asked")
        return judge(msgid, parent, world.mails)

    def deliver(envelope: Envelope) -> Outcome:
        raise AssertionError("sent although it is switched off")

    sender = world.sender()._replace(ask=ask, deliver=deliver)
    ran = sender.run_once()
    assert ran is not None
    assert state(ran.draft) is State.APPROVED
    assert world.draft.reason == "sending is switched off: a maintainer asked"
    assert world.draft.attempts == 0
    assert sender.run_once() is None
    world.store.start()
    assert state(world.after(minutes=1).run()) is State.SENT


def test_a_sender_that_was_too_slow_sends_nothing(world: World) -> None:
    def ask(msgid: str, parent: str) -> Seen:
        world.after(minutes=2)
        assert world.store.claim("two", world.now, timedelta(minutes=1)) is not None
        return judge(msgid, parent, world.mails)

    with pytest.raises(UsageError, match="being sent by two now, not by one"):
        world.sender()._replace(ask=ask).run_once()
    assert world.delivered == []
    assert world.draft.state is State.SENDING


@pytest.mark.parametrize("error", [UsageError("archive.url: no"), ValueError("odd")])
def test_a_reply_is_given_back_when_the_archive_can_not_be_asked_at_all(
    world: World, error: Exception
) -> None:
    with pytest.raises(type(error)):
        world.run(error=error)
    assert (world.draft.state, world.draft.attempts) == (State.APPROVED, 0)
    assert str(error) in world.draft.reason
    assert world.run() is None, "others go first"
    assert state(world.after(minutes=3).run()) is State.SENT


def test_one_that_may_have_left_is_given_back_as_such(world: World) -> None:
    with pytest.raises(OSError, match="odd"):
        world.run(OSError("odd"))
    with pytest.raises(UsageError):
        world.run(error=UsageError("archive.url: no"))
    assert state(world.after(minutes=3).run()) is State.APPROVED, "the archive has its time"
    assert state(world.after(minutes=16).run()) is State.SENT


def test_a_silent_archive_does_not_make_it_forgotten_that_it_may_have_left(world: World) -> None:
    with pytest.raises(OSError, match="odd"):
        world.run(OSError("odd"))
    assert state(world.run(error=ArchiveError("no answer"))) is State.APPROVED
    assert state(world.after(minutes=3).run()) is State.APPROVED, "the archive has its time"
    assert world.draft.reason.endswith("waiting for the archive to show it")
    assert state(world.after(minutes=16).run()) is State.SENT


def test_what_says_that_nothing_has_left_costs_no_attempt(world: World) -> None:
    with pytest.raises(UsageError):
        world.run(UsageError("delivery.path: no such folder"))
    assert (world.draft.state, world.draft.attempts) == (State.APPROVED, 0)
    assert world.draft.reason == "could not be sent: delivery.path: no such folder"
    assert state(world.after(minutes=3).run()) is State.SENT


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KeyboardInterrupt(), "its sender was stopped"),
        (SystemExit(143), "its sender was stopped"),
        (RuntimeError("odd"), "RuntimeError: odd"),
    ],
)
def test_a_delivery_that_breaks_off_may_have_left(
    world: World, error: BaseException, words: str
) -> None:
    with pytest.raises(type(error)):
        world.run(error)
    assert (world.draft.state, world.draft.attempts) == (State.APPROVED, 1)
    assert words in world.draft.reason
    assert state(world.run()) is State.APPROVED, "the archive has its time"
    assert world.run() is None
    assert world.delivered == []
    assert state(world.after(minutes=16).run()) is State.SENT


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143)])
def test_a_sender_that_is_stopped_before_it_began_gives_the_reply_back(
    world: World, error: BaseException
) -> None:
    with pytest.raises(type(error)):
        world.run(error=error)
    assert (world.draft.state, world.draft.attempts) == (State.APPROVED, 0)
    assert state(world.run()) is State.SENT


def test_an_outbox_that_fails_after_the_delivery_is_no_reason_to_send_again(world: World) -> None:
    class Failing:
        def __getattr__(self, name: str) -> object:
            return getattr(world.store, name)

        def sent(self, *_: object) -> None:
            raise BotError("store: disk full; nothing was changed, try again")

    with pytest.raises(BotError, match="disk full"):
        world.sender()._replace(store=Failing()).run_once()  # type: ignore[arg-type]
    assert len(world.delivered) == 1
    assert world.draft.state is State.SENDING
    world.seen(world.envelope.raw)
    assert state(world.after(minutes=2).run()) is State.SENT
    assert len(world.delivered) == 1
