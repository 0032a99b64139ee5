# SPDX-License-Identifier: GPL-2.0-or-later
"""What is on a forge after a job, and after the next push: on every forge the same."""

from __future__ import annotations

import pytest

from tests.web.branches import FOUND, LOCKED, MOVED, STUB
from tests.web.shops import Shop

pytestmark = pytest.mark.integration
FILE = MOVED[2]
UNLOCKED = "\tfrob_stop(frob);\n\tdma_buf_unpin(frob->attach);\n"
MENDED = {FILE: (UNLOCKED, f"\tfrob_stop(frob);\n{LOCKED}")}
DETACH = "`dma_buf_detach()` further down"


def line_of(shop: Shop, text: str) -> int:
    """The line of the file at the head of the branch that has `text`."""
    lines = shop.repository.git("show", f"topic:{FILE}").split("\n")
    (found,) = (number for number, line in enumerate(lines, 1) if text in line)
    return found


def test_the_first_job_comments_and_a_second_one_changes_nothing(shop: Shop) -> None:
    shop.good()
    (sticky,) = shop.stickies
    places = {(one.path, one.line, one.side) for one in shop.remarks}
    assert places == {
        (FILE, 9, "old"),
        (FILE, line_of(shop, "dma_buf_fd("), "new"),
        (FILE, line_of(shop, ".invalidate_mappings"), "new"),
    }
    assert len(shop.remarks) == len(FOUND)
    before = list(shop.server.writes)
    assert "as it should be" in shop.good().stderr
    assert shop.server.writes == before
    assert shop.stickies == [sticky]


def test_a_push_edits_the_comment_and_lets_go_what_is_gone(shop: Shop) -> None:
    shop.good()
    (first,) = shop.stickies
    shop.repository.change("frob: take the lock again", MENDED)
    shop.push()
    shop.good()
    (second,) = shop.stickies
    assert first != second
    assert {one.line for one in shop.remarks} == {
        line_of(shop, "dma_buf_fd("),
        line_of(shop, ".invalidate_mappings"),
    }


def test_what_is_worth_no_mail_is_worth_no_comment(shop: Shop) -> None:
    """The two that are left are questions, and the default is to be sure of one."""
    sure = {"REVOKEBOT_POLICY_CONFIDENCE": "high"}
    shop.good(**sure)
    assert len(shop.remarks) == len(FOUND)
    shop.repository.change("frob: take the lock again", MENDED)
    shop.push()
    shop.good(**sure)
    assert shop.remarks == []
    assert len(shop.stickies) == 1


def test_when_all_is_gone_the_comment_says_so_and_stays(shop: Shop) -> None:
    shop.good()
    shop.repository.git("reset", "-q", "--hard", "master")
    shop.repository.change(
        "frob: speak", {MOVED[1]: ("\treturn ret;\n", "\tfrob_say();\n\treturn ret;\n")}
    )
    shop.push()
    shop.good()
    (sticky,) = shop.stickies
    assert "resv-lock" not in sticky
    assert shop.remarks == []
    before = list(shop.server.writes)
    shop.good()
    assert shop.server.writes == before


def test_of_a_branch_with_nothing_to_say_nothing_is_said(shop: Shop) -> None:
    shop.repository.git("reset", "-q", "--hard", "master")
    shop.repository.change(
        "frob: speak", {MOVED[1]: ("\treturn ret;\n", "\tfrob_say();\n\treturn ret;\n")}
    )
    shop.push()
    done = shop.run("--fail-on", "note")
    assert done.returncode == 0, done.stderr
    assert shop.stickies == []
    assert shop.server.writes == []


def test_what_somebody_answered_stays(shop: Shop) -> None:
    shop.good()
    shop.answer(DETACH, "It is held by the caller.")
    shop.repository.change("frob: take the lock again", MENDED)
    shop.push()
    shop.good()
    assert any(DETACH in one.body for one in shop.remarks)
    assert len(shop.remarks) == len(FOUND)


def test_a_finding_that_comes_again_is_told_again(shop: Shop) -> None:
    shop.good()
    shop.repository.change("frob: take the lock again", MENDED)
    shop.push()
    shop.good()
    assert len(shop.remarks) == len(FOUND) - 1
    shop.repository.git("reset", "-q", "--hard", "HEAD~1")
    shop.push()
    shop.good()
    assert len(shop.remarks) == len(FOUND)
    assert len(shop.stickies) == 1


def test_a_force_push_that_writes_the_branch_anew(shop: Shop) -> None:
    shop.good()
    shop.repository.git("reset", "-q", "--soft", "master")
    shop.repository.git("commit", "-q", "-m", "frob: all at once")
    shop.push()
    shop.good()
    assert len(shop.stickies) == 1
    assert len({(one.line, one.side) for one in shop.remarks}) == len(shop.remarks) == len(FOUND)


def test_a_line_that_moves_is_told_at_its_new_place(shop: Shop) -> None:
    shop.good()
    shop.repository.change("frob: explain", {FILE: (STUB, f"/* Not yet. */\n\n{STUB}")})
    shop.push()
    shop.good()
    assert len(shop.stickies) == 1
    assert len(shop.remarks) == len(FOUND)


def test_more_than_the_cap_is_told_in_the_comment(shop: Shop) -> None:
    shop.good(REVOKEBOT_CI_LINE_COMMENTS="1")
    assert len(shop.remarks) == 1
    (sticky,) = shop.stickies
    assert "is not to be called with" in sticky
    assert "is to promise that the mapping" in sticky
    shop.good(REVOKEBOT_CI_LINE_COMMENTS="10")
    assert len(shop.remarks) == len(FOUND)
    shop.good(REVOKEBOT_CI_LINE_COMMENTS="0")
    assert shop.remarks == []
    assert len(shop.stickies) == 1


def test_comments_of_others_are_left_alone(shop: Shop) -> None:
    shop.good()
    (sticky,) = shop.stickies
    mark = sticky.partition("\n")[0]
    shop.say(f"{mark}\nI am the bot, am I not?")
    shop.say("What a fine patch.")
    before = list(shop.stickies)
    assert len(before) == 3
    shop.repository.change("frob: take the lock again", MENDED)
    shop.push()
    shop.good()
    assert shop.stickies[1:] == before[1:]
    assert shop.stickies[0] != before[0]


def test_two_bots_with_two_names_leave_each_other_alone(shop: Shop) -> None:
    shop.good()
    first = list(shop.stickies)
    shop.good(REVOKEBOT_CI_CONTEXT="second")
    assert len(shop.stickies) == 2
    assert shop.stickies[:1] == first
    assert len(shop.remarks) == 2 * len(FOUND)


def test_a_dry_run_tells_what_it_would_send(shop: Shop) -> None:
    done = shop.good("--dry-run")
    assert shop.server.writes == []
    assert done.stdout.count("POST http://") == len(FOUND) + 1
    assert "dma_buf" in done.stdout.replace("\\\\", "").replace("\\_", "_")


@pytest.mark.parametrize(
    ("fail_on", "status"), [("error", 1), ("warning", 1), ("note", 1), ("never", 0)]
)
def test_the_exit_status_follows_fail_on(shop: Shop, fail_on: str, status: int) -> None:
    assert shop.run("--fail-on", fail_on).returncode == status
