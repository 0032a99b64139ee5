# SPDX-License-Identifier: GPL-2.0-or-later
"""What is forgotten of other people's mail, what is not, and that nothing happens twice for it."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import event, insert, select, update

from bot.cli import main
from bot.incoming import Glance, Kind, Stage
from bot.outbox import pruning
from bot.outbox.pruning import Pruned, Pruner
from bot.outbox.schema import incident, kin, mail, series, thread
from bot.outgoing import State
from bot.settings import StoreSettings, WatchSettings
from bot.watched import Watched
from tests.store.outbox import DRAFT, LEASE, NOW, REVIEW, claimed, fill

KEEP = WatchSettings(keep_days=30, keep_reviewed_days=365)
DAY = timedelta(days=1)
RAW = b"Subject: x\n\n" + b"words of somebody " * 400
NOTHING = Pruned(0, 0, 0, 0, 0)


class Row(NamedTuple):
    """What is kept of a mail."""

    thread: int
    text: bool


class Kept(Watched, Pruner):
    """A watcher's outbox that can be pruned."""

    def came(self, days: float, msgid: str, parent: str = "", *, scope: bool = False) -> int:
        """Let a mail come some days before `NOW`; return how many are new."""
        moment = NOW - days * DAY
        held = self.lease("inbox", "me", moment, LEASE)
        assert held is not None
        glance = Glance(msgid, Kind.PATCH, (parent,) if parent else (), scope=scope)
        taken = self.take(held, [(glance, RAW)], "cursor", moment, LEASE)
        self.let_go("me")
        assert taken is not None
        return taken.new

    def set_stage(self, msgid: str, stage: Stage) -> None:
        number = self.mails()[msgid].thread
        with self._writing() as connection:
            connection.execute(update(thread).where(thread.c.id == number).values(state=stage))

    def review(self, msgid: str, days: float) -> None:
        """Let the thread of `msgid` hold the series of the example, which is reviewed."""
        values = {
            "msgid": REVIEW.posting.series.msgid, "thread": self.mails()[msgid].thread,
            "subject": "x", "revision": 1, "total": 2, "parts": [], "fate": "reviewed",
            "reason": "", "digest": "", "changed": NOW - days * DAY,
        }  # fmt: skip
        with self._writing() as connection:
            connection.execute(insert(series).values(**values))
            connection.execute(insert(kin).values(key="title", thread=values["thread"]))
        self.set_stage(msgid, Stage.DONE)

    def mails(self) -> dict[str, Row]:
        query = select(mail.c.msgid, mail.c.thread, mail.c.raw)
        with self._reading() as connection:
            return {
                msgid: Row(number, raw is not None)
                for msgid, number, raw in connection.execute(query)
            }

    def texts(self) -> set[str]:
        return {msgid for msgid, row in self.mails().items() if row.text}


@pytest.fixture
def kept(store_url: str) -> Iterator[Kept]:
    with Kept.open(StoreSettings(store_url)) as store:
        store.came(40, "quiet")
        store.came(29, "new")
        store.came(400, "long")
        store.came(35, "long-2", "long")
        store.came(1, "long-3", "long-2")
        store.came(40, "reviewed", "ghost", scope=True)
        store.came(40, "due", scope=True)
        store.came(40, "parked", scope=True)
        store.set_stage("parked", Stage.PARKED)
        fill(store, DRAFT)
        store.review("reviewed", 40)
        yield store


def test_texts_that_led_to_nothing_go_first(kept: Kept) -> None:
    all_ = set(kept.mails())
    assert kept.prune(NOW, KEEP, dry_run=True) == Pruned(3, 0, 0, 0, 0)
    assert kept.texts() == all_ - {"ghost"}
    assert kept.prune(NOW, KEEP) == Pruned(3, 0, 0, 0, 0)
    assert set(kept.mails()) == all_
    assert kept.texts() == {"new", "long-3", "reviewed", "due", "parked"}
    assert kept.prune(NOW, KEEP) == NOTHING
    for msgid in all_ - {"ghost"}:
        assert kept.came(0, msgid) == 0, "an inbox that is read anew brings nothing new"
    assert kept.texts() == {"new", "long-3", "reviewed", "due", "parked"}


def test_after_a_year_the_thread_goes_too(kept: Kept) -> None:
    later = NOW + 330 * DAY
    assert kept.prune(later, KEEP)[:2] == (4, 3)
    assert set(kept.mails()) == {"new", "long", "long-2", "long-3", "due"}
    assert kept.texts() == {"due"}, "what is about to be looked at stays"
    with kept._reading() as connection:
        for table in (series, kin):
            assert connection.execute(select(table)).all() == []
    assert len(kept.earlier([REVIEW.posting])) == 1, "what was found stays"
    assert kept.came(0, "ghost") == 1
    kept.set_stage("due", Stage.DONE)
    assert kept.prune(NOW + 364.5 * DAY, KEEP).threads == 3
    assert set(kept.mails()) == {"ghost"}


def test_replies_keep_what_sees_to_it_that_none_goes_twice(kept: Kept) -> None:
    first, second = (draft.id for draft in kept.drafts())
    kept.approve(first, NOW)
    kept.sent(claimed(kept).id, "one", NOW, "250 ok", {})
    year = NOW + 366 * DAY
    before = kept.draft(second)
    assert kept.prune(NOW + 364 * DAY, KEEP)[2:] == (0, 0, 0)
    assert kept.prune(year, KEEP)[2:] == (1, 0, 0)
    assert kept.draft(second) == before, "a draft waits for a person, however long"
    assert kept.draft(first).envelope.raw == b""
    assert kept.prune(year, KEEP)[2:] == (0, 0, 0)
    assert fill(kept) == (first, second)
    assert kept.draft(first).state is State.SENT
    kept.discard(second, NOW, "no")
    assert kept.prune(year, KEEP)[2:] == (1, 0, 0), "what a person discarded stays discarded"
    assert fill(kept) == (first, second)
    assert kept.draft(second).state is State.DISCARDED


def test_a_text_that_is_gone_is_not_taken_for_an_empty_mail(
    kept: Kept, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("REVOKEBOT_STORE_URL", store_url)
    first, second = (str(draft.id) for draft in kept.drafts())
    kept.discard(int(first), NOW, "no")
    kept.prune(NOW + 366 * DAY, KEEP)
    assert main(["queue", "show", first]) == 0
    assert "\n\nits text is not kept any more" in capsys.readouterr().out
    assert main(["queue", "export", first, second, "--to-mbox", str(tmp_path / "out.mbox")]) == 2
    assert f"reply {first}: its text is not kept any more" in capsys.readouterr().err
    assert not (tmp_path / "out.mbox").exists()


def test_a_reply_that_no_person_discarded_is_written_anew(kept: Kept) -> None:
    msgid = REVIEW.posting.series.msgid
    year = NOW + 366 * DAY
    first, _ = (draft.id for draft in kept.drafts())
    kept.approve(first, NOW)
    claimed(kept)
    kept.begin(first, "one", NOW, LEASE)
    assert kept.discard_for(msgid, NOW + LEASE, "v3 is out") == 2
    assert kept.prune(year, KEEP)[2:] == (0, 1, 0), "one may have left: that stays known"
    assert [draft.id for draft in kept.drafts()] == [first]
    fill(kept, DRAFT)
    raws = {draft.envelope.raw == b"" for draft in kept.drafts([State.DRAFT])}
    assert raws == {False}


def test_a_daemon_does_a_bit_at_a_time(kept: Kept) -> None:
    left = [len(kept.texts())]
    while any(kept.prune(NOW, KEEP, most=1)):
        left.append(len(kept.texts()))
    assert left == [8, 7, 6, 5]


def test_a_text_is_never_kept_longer_than_that_it_has_come(kept: Kept) -> None:
    before = kept.mails()
    assert kept.prune(NOW, KEEP._replace(keep_days=500, keep_reviewed_days=1)) == NOTHING
    assert kept.mails() == before


def test_incidents_go(kept: Kept) -> None:
    with kept._writing() as connection:
        for days in (364, 366):
            values = {"kind": "review", "place": "here", "words": "it broke"}
            connection.execute(insert(incident).values(moment=NOW - days * DAY, **values))
    assert kept.prune(NOW, KEEP).incidents == 1
    assert kept.prune(NOW, KEEP).incidents == 0


def killed(url: str, number: int) -> None:
    """In a process of its own: prune, and die at the `number`-th commit."""
    pruning.AT_ONCE = pruning.THREADS_AT_ONCE = 1
    commits = []

    def commit(connection: object) -> None:
        commits.append(connection)
        if len(commits) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    with Pruner.open(StoreSettings(url)) as store:
        event.listen(store._engine, "commit", commit)
        store.prune(NOW + 330 * DAY, KEEP)


def test_killed_anywhere_it_goes_on_the_next_time(kept: Kept, store_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    left = [len(kept.mails()) + len(kept.texts())]
    for number in (2, 3, 4, 5):
        process = context.Process(target=killed, args=(store_url, number))
        process.start()
        process.join(60)
        assert process.exitcode == -signal.SIGKILL
        left.append(len(kept.mails()) + len(kept.texts()))
    assert left == sorted(left, reverse=True)
    assert left[-1] < left[0], "what was done before is kept"
    kept.prune(NOW + 330 * DAY, KEEP)
    assert set(kept.mails()) == {"new", "long", "long-2", "long-3", "due"}
    assert kept.texts() == {"due"}


def test_the_command(
    kept: Kept, store_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REVOKEBOT_STORE_URL", store_url)
    # Every mail of the fixture is older than that by the clock of the command.
    monkeypatch.setenv("REVOKEBOT_WATCH_KEEP_DAYS", "1")
    monkeypatch.setenv("REVOKEBOT_WATCH_KEEP_REVIEWED_DAYS", "100000")
    assert main(["store", "prune", "--dry-run"]) == 0
    assert "would forget the text of 5 other mails that led to no review" in capsys.readouterr().out
    assert len(kept.texts()) == 8
    assert main(["store", "prune"]) == 0
    assert "\nforgot the text of 5 other mails that led to no review" in capsys.readouterr().out
    assert kept.texts() == {"reviewed", "due", "parked"}


def test_what_is_forgotten_is_not_in_the_file_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path}/outbox.db"
    monkeypatch.setenv("REVOKEBOT_STORE_URL", url)
    monkeypatch.setattr("bot.outbox.arriving.packed", lambda raw: raw)
    with Kept.open(StoreSettings(url)) as store:
        for number in range(200):
            store.came(40, f"{number}@example.org")
    file = tmp_path / "outbox.db"
    before = file.read_bytes()
    assert b"words of somebody" in before
    assert main(["store", "prune"]) == 0
    assert b"words of somebody" not in file.read_bytes()
    assert file.stat().st_size == len(before)
    assert main(["store", "prune", "--vacuum"]) == 0
    assert file.stat().st_size < len(before) / 2
    assert "gave the free room back" in capsys.readouterr().out
