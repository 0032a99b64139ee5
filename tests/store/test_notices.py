# SPDX-License-Identifier: GPL-2.0-or-later
"""Mails of ours that tell of no review: they are sent once, by the same sender, and ask no archive."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import ArchiveError, UsageError
from bot.orders.model import Notice
from bot.outgoing import Envelope, Kind, Outcome, Result, State
from bot.store import Store
from tests.sending import NOW, World, state
from tests.store.outbox import settings

DOWN = ArchiveError("the archive is down")
ENVELOPE = Envelope(
    "revokebot-notice@example.org", "bot@example.org", ("who@example.org",), b"Subject: x\n\ny\n"
)
NOTICE = Notice(ENVELOPE, "Re: that", "order@example.org")


@pytest.fixture
def world(store: Store) -> World:
    """A world in which only the notice is due."""
    world = World(store)
    store.discard(world.id, NOW, "not here")
    assert store.notify(Kind.ANSWER, [NOTICE], "asked", NOW)
    return world


def test_it_is_sent_without_the_archive_and_put_there_once(world: World) -> None:
    assert not world.store.notify(Kind.ANSWER, [NOTICE], "asked", NOW)
    sent = world.run(error=DOWN)
    assert state(sent) is State.SENT
    assert sent is not None
    assert (sent.kind, sent.envelope) == (Kind.ANSWER, ENVELOPE)
    assert world.delivered == [ENVELOPE]
    assert world.run() is None


def test_it_does_not_count_for_the_caps(world: World) -> None:
    assert world.store.counts(NOW).total.mails == 0
    world.run()
    assert world.store.counts(NOW).total.mails == 0


def test_off_holds_it_until_a_person_lets_it_go(world: World) -> None:
    world.policy(post="off")
    held = world.run()
    assert state(held) is State.DRAFT
    assert held is not None
    assert held.reason == "policy.post is off: nothing leaves"
    assert world.delivered == []
    world.policy(post="draft")
    world.store.approve(held.id, NOW)
    assert state(world.run()) is State.SENT


def test_what_may_have_left_goes_again_under_the_same_id(world: World) -> None:
    unsure = world.run(Outcome(Result.UNKNOWN, "no answer"))
    assert state(unsure) is State.APPROVED
    assert unsure is not None
    assert unsure.reason.endswith("(no answer); it goes again, with the same Message-ID")
    again = world.after(hours=1).run(error=DOWN)
    assert state(again) is State.SENT
    assert [one.msgid for one in world.delivered] == [ENVELOPE.msgid] * 2


def test_one_whose_sender_died_goes_again(world: World) -> None:
    dead = world.store.claim("dead", NOW, timedelta(minutes=1))
    assert dead is not None
    world.store.begin(dead.id, "dead", NOW, timedelta(minutes=1))
    assert state(world.after(hours=1).run(error=DOWN)) is State.SENT
    assert world.delivered == [ENVELOPE]


def test_there_is_nothing_in_it_to_dismiss(world: World) -> None:
    (notice,) = [one for one in world.store.drafts() if one.kind is not Kind.REVIEW]
    with pytest.raises(UsageError, match="tells of no review; discard it instead"):
        world.store.dismiss(notice.id, "wrong", NOW)


def test_a_mail_that_got_an_answer_can_be_reviewed(store: Store) -> None:
    world = World(store)
    store.discard_for(world.answer().review.posting.series.msgid, NOW, "for now")
    parent = store.draft(world.id).parent
    assert store.notify(Kind.ANSWER, [NOTICE._replace(parent=parent)], "asked", NOW)
    while (draft := store.claim("one", NOW, timedelta(minutes=1))) is not None:
        store.sent(draft.id, "one", NOW, "250 ok", {})
    done = world.answer()
    (id_,) = store.record(done.review, done.entries, [world.reply.judged(done.replies[0][1])], NOW)
    assert (
        store.draft(id_).reason != "the mail was answered by <revokebot-notice@example.org> already"
    )


def test_the_table_that_is_made_anew_keeps_rows_and_bounds(tmp_path: Path) -> None:
    with Store.open(settings(tmp_path)) as store:
        world = World(store)
        before = store.drafts()
    path = tmp_path / "state" / "outbox.db"
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE review DROP COLUMN files")
        connection.execute("ALTER TABLE dismissal DROP COLUMN who")
        connection.execute("ALTER TABLE reply DROP COLUMN kind")
        connection.execute("DROP TABLE heard")
        connection.execute("DROP TABLE leave")
        connection.execute("UPDATE alembic_version SET version_num = '0004'")
    connection.close()
    with Store.open(settings(tmp_path)) as store:
        assert store.drafts() == before
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA foreign_keys=ON")
        insert = "INSERT INTO reply SELECT * FROM reply WHERE id = ?"
        with pytest.raises(sqlite3.IntegrityError, match=r"UNIQUE constraint failed: reply\.id"):
            connection.execute(insert, (world.id,))
        indexes = connection.execute("PRAGMA index_list(reply)").fetchall()
        unique = [
            [column for (_, _, column) in connection.execute(f"PRAGMA index_info({name})")]
            for _, name, is_unique, *_ in indexes
            if is_unique
        ]
        assert ["msgid"] in unique
        connection.execute("DELETE FROM review")
        assert connection.execute("SELECT count(*) FROM reply").fetchone() == (0,)
    connection.close()
