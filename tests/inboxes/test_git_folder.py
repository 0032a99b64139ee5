# SPDX-License-Identifier: GPL-2.0-or-later
"""A public-inbox v2 in a folder of this machine, watched through git."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.errors import ArchiveError
from bot.inboxes import git
from bot.inboxes.git_log import MARGIN, Commit, resume
from bot.sources.mail import MAIL_CAP
from tests.inboxes.epochs import Epochs, mail, names
from tests.inboxes.looking import Looker

pytestmark = pytest.mark.integration

DAY = 24 * 3600


@pytest.fixture
def epochs(tmp_path: Path) -> Epochs:
    return Epochs(tmp_path / "toy")


def looker(epochs: Epochs, backlog: int = 0) -> Looker:
    return Looker(str(epochs.folder), epochs.folder.parent / "state", backlog)


def mails(*numbers: int) -> list[bytes]:
    return [mail(number) for number in numbers]


def test_the_first_look_begins_at_the_end(epochs: Epochs) -> None:
    epochs.add(*mails(1, 2, 3))
    box = looker(epochs)
    assert [batch.mails for batch in box.batches()] == [()]
    assert box.look() == []
    epochs.add(*mails(4, 5))
    assert box.look() == [4, 5]
    assert box.batches() == []


@pytest.mark.parametrize(("backlog", "first"), [(2, 6), (3, 5), (4, 4), (7, 1), (100, 1)])
def test_a_backlog_reaches_into_older_epochs(epochs: Epochs, backlog: int, first: int) -> None:
    epochs.add(*mails(1, 2, 3))
    epochs.roll()
    epochs.add(*mails(4, 5, 6, 7))
    assert looker(epochs, backlog).look() == list(range(first, 8))


def test_all_that_comes_into_an_empty_inbox_is_new(epochs: Epochs) -> None:
    box = looker(epochs, backlog=5)
    assert [batch.mails for batch in box.batches()] == [()]
    epochs.add(*mails(1, 2))
    assert box.look() == [1, 2]


def test_mails_come_byte_for_byte(epochs: Epochs) -> None:
    odd = [mail(1) + b"From x\n>From y\r\n\0\xff", mail(2).rstrip(b"\n"), mail(3)]
    box = looker(epochs)
    box.look()
    epochs.add(*odd)
    assert [raw for batch in box.batches() for raw in batch.mails] == odd


def test_a_mail_that_is_too_large_is_cut_so_that_this_can_be_told(epochs: Epochs) -> None:
    box = looker(epochs)
    box.look()
    epochs.add(mail(1, "x" * (MAIL_CAP + 5000)), mail(2))
    first, second = [raw for batch in box.batches() for raw in batch.mails]
    assert len(first) == MAIL_CAP + 1
    assert second == mail(2)


def test_deleted_mails_are_passed_over_for_good(epochs: Epochs) -> None:
    box = looker(epochs)
    box.look()
    epochs.add(*mails(1, 2))
    epochs.delete(mail(1))
    epochs.add(mail(3))
    epochs.delete(mail(2))
    assert box.look() == [1, 2, 3]
    assert box.batches() == []
    epochs.delete(mail(3))
    assert [batch.mails for batch in box.batches()] == [()]
    assert box.batches() == []


def test_batches_are_small_in_number_and_in_bytes(epochs: Epochs) -> None:
    box = looker(epochs)
    box.look()
    epochs.add(*mails(*range(450)))
    assert [len(batch.mails) for batch in box.batches()] == [200, 200, 50]
    epochs.add(*(mail(number, "x" * (3 << 20)) for number in range(7)))
    assert [len(batch.mails) for batch in box.batches()] == [3, 3, 1]


def test_every_batch_can_be_gone_on_from(epochs: Epochs) -> None:
    box = looker(epochs)
    box.look()
    epochs.add(*mails(*range(450)))
    assert box.look(most=1) == list(range(200))
    assert box.look(most=1) == list(range(200, 400))
    assert box.look() == list(range(400, 450))


def test_an_outage_of_several_epochs_is_caught_up_in_order(epochs: Epochs) -> None:
    epochs.add(mail(0))
    box = looker(epochs)
    box.look()
    for first in (1, 4, 7):
        epochs.add(*mails(*range(first, first + 3)))
        epochs.roll()
    epochs.add(mail(10))
    assert box.look(most=2) == [1, 2, 3]
    assert box.look() == list(range(4, 11))
    assert json.loads(box.cursor)["epoch"] == 3


@pytest.mark.parametrize("gone", [[1], [9], [10], [1, 5, 10], list(range(1, 11))])
def test_what_comes_with_a_purge_is_not_lost(epochs: Epochs, gone: list[int]) -> None:
    epochs.add(*mails(*range(1, 11)))
    box = looker(epochs, backlog=10)
    box.look()
    epochs.add(mail(11))
    epochs.purge(*mails(*gone))
    epochs.add(mail(12))
    came = box.look()
    assert came[-2:] == [11, 12]
    assert came == sorted(came)
    assert box.batches() == []


def test_an_edited_mail_is_given_in_its_new_words(epochs: Epochs) -> None:
    epochs.add(*mails(1, 2, 3))
    box = looker(epochs)
    box.look()
    epochs.edit(mail(2), mail(2, "other words"))
    assert mail(2, "other words") in [raw for batch in box.batches() for raw in batch.mails]
    assert box.batches() == []


def test_after_a_rewrite_old_mails_are_not_given_again(epochs: Epochs) -> None:
    epochs.add(*mails(*range(2000)))
    box = looker(epochs)
    box.look()
    epochs.clock += 8 * DAY
    epochs.add(*mails(2000, 2001))
    box.look()
    epochs.purge(mail(5))
    assert box.look() == [*range(2000 - MARGIN, 2002)]


def test_a_mirror_that_lags_behind_is_waited_for(epochs: Epochs) -> None:
    epochs.add(*mails(1, 2, 3))
    box = looker(epochs)
    box.look()
    newest = epochs.git("rev-parse", "master").strip()
    epochs.git("update-ref", "refs/heads/master", "master~1")
    assert box.batches() == []
    epochs.git("update-ref", "refs/heads/master", newest)
    epochs.add(mail(4))
    assert box.look() == [4]


def test_a_lost_mail_is_no_deletion(epochs: Epochs) -> None:
    epochs.add(mail(1))
    box = looker(epochs)
    box.look()
    epochs.add(*mails(2, 3, 4))
    blob = epochs.git("rev-parse", "master~1:m").strip()
    (epochs.repository / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(ArchiveError, match=r"0\.git: the mail of commit .*; run `git fsck` there"):
        box.look()
    assert 4 not in box.seen


def test_an_epoch_that_has_lost_all_commits_is_told(epochs: Epochs) -> None:
    epochs.add(mail(1))
    box = looker(epochs)
    box.look()
    epochs.git("update-ref", "-d", "refs/heads/master")
    with pytest.raises(ArchiveError, match="epoch 0 has no commit any more"):
        box.look()


def test_a_mirror_without_a_head_does_not_look_quiet(epochs: Epochs) -> None:
    epochs.add(mail(1))
    epochs.git("symbolic-ref", "HEAD", "refs/heads/main")
    with pytest.raises(ArchiveError, match="HEAD names no branch; run `git symbolic-ref"):
        looker(epochs).look()


def test_what_is_no_public_inbox_is_told(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="has no epochs; give the folder of a public-inbox v2"):
        Looker(str(tmp_path), tmp_path).look()


def test_one_bare_repository_will_do(epochs: Epochs) -> None:
    epochs.add(mail(1))
    box = Looker(str(epochs.repository), epochs.folder, backlog=1)
    assert box.look() == [1]


@pytest.mark.parametrize("cursor", ["17", "{}", '{"epoch": 0}', "x" * 40, '{"epoch": []}'])
def test_a_cursor_of_another_kind_of_inbox_is_told(epochs: Epochs, cursor: str) -> None:
    box = looker(epochs)
    box.cursor = cursor
    with pytest.raises(ArchiveError, match="the cursor is not one of git"):
        box.look()


def test_the_dates_tell_where_to_go_on() -> None:
    history = [Commit(f"c{number}", number * 10) for number in range(1000)][::-1]
    assert resume(history, 5000, complete=True) == f"c{500 - MARGIN - 1}"
    assert resume(history, 5000, complete=False) == f"c{500 - MARGIN - 1}"
    assert resume(history, 50, complete=True) == ""
    assert resume(history, 50, complete=False) is None
    assert resume([], 50, complete=True) == ""
    # A mail from the future only makes it begin earlier; one from the past changes nothing.
    wrong = [c._replace(time=10**9) if c.id == "c300" else c for c in history]
    assert resume(wrong, 5000, complete=True) == f"c{300 - MARGIN - 1}"
    late = [c._replace(time=0) if c.id == "c600" else c for c in history]
    assert resume(late, 5000, complete=True) == f"c{500 - MARGIN - 1}"


def test_a_batch_names_its_own_place(epochs: Epochs) -> None:
    epochs.add(*mails(1, 2))
    box = looker(epochs, backlog=2)
    last = box.batches()[-1]
    assert names(last.mails) == [1, 2]
    assert git._place(last.cursor, "").commit == epochs.git("rev-parse", "master").strip()
