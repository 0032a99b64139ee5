# SPDX-License-Identifier: GPL-2.0-or-later
"""What counts as told, addressed, dismissed and open, with real series, an outbox and a sender."""

from __future__ import annotations

import pytest

from bot.outgoing import State
from bot.record import Record
from tests.ledger.frob import reply
from tests.record.desk import BAD, BESIDE, GOOD, RULE, TWO, Desk

RENAMED = tuple(line.replace("NAME_map(", "NAME_map_all(") for line in BAD)


def test_nothing_is_counted_before_it_left(desk: Desk) -> None:
    desk.post("alpha")
    desk.answer("alpha")
    assert desk.store.records(desk.now, 365) == {}
    assert desk.send() is not None
    assert desk.record() == Record(told=1, open=1)


def test_what_is_gone_from_the_next_revision_is_addressed(desk: Desk) -> None:
    desk.told("alpha")
    desk.post("alpha", GOOD, 2)
    desk.answer("alpha", 2)
    assert desk.record() == Record(told=1, addressed=1)


@pytest.mark.parametrize("lines", [BAD, RENAMED])
def test_one_finding_counts_once_in_however_many_revisions(
    desk: Desk, lines: tuple[str, ...]
) -> None:
    desk.told("alpha")
    desk.told("alpha", lines, 2)
    assert desk.record() == Record(told=1, open=1)
    desk.post("alpha", GOOD, 3)
    desk.answer("alpha", 3)
    assert desk.record() == Record(told=1, addressed=1)
    desk.answer("alpha", 2)
    desk.answer("alpha", 3)
    assert desk.record() == Record(told=1, addressed=1), "to look again changes nothing"
    assert len(desk.delivered) == 2


def test_two_findings_of_one_mail_have_fates_of_their_own(desk: Desk) -> None:
    desk.told("alpha", TWO)
    assert desk.record() == Record(told=2, open=2)
    desk.told("alpha", BAD, 2)
    assert desk.record() == Record(told=2, addressed=1, open=1)


def test_what_comes_back_is_open_again(desk: Desk) -> None:
    desk.told("alpha", TWO)
    desk.told("alpha", BAD, 2)
    desk.told("alpha", TWO, 3)
    assert desk.record() == Record(told=2, open=2)


def test_a_dismissal_counts_whether_the_reply_has_left_or_not(desk: Desk) -> None:
    desk.dismiss(desk.told("alpha"))
    assert desk.record() == Record(told=1, dismissed=1)
    desk.policy(post="draft").post("beta")
    desk.answer("beta")
    (draft,) = desk.store.drafts([State.DRAFT])
    desk.dismiss(draft)
    assert desk.record() == Record(told=1, dismissed=2)
    desk.store.undismiss(draft.says)
    assert desk.record() == Record(told=1, dismissed=1)


def test_a_dismissal_holds_for_later_revisions_and_counts_once(desk: Desk) -> None:
    desk.dismiss(desk.told("alpha"))
    for revision, lines in ((2, RENAMED), (3, GOOD)):
        desk.post("alpha", lines, revision)
        desk.answer("alpha", revision)
        assert desk.record() == Record(told=1, dismissed=1)
    assert len(desk.delivered) == 1


def test_an_answer_after_which_it_still_stands_is_a_no(desk: Desk) -> None:
    draft = desk.told("alpha")
    desk.mails["alpha"].append(reply("No, it cannot fail here.\n", draft.envelope.msgid))
    assert desk.record() == Record(told=1, open=1), "nobody understands words"
    desk.post("alpha", BAD, 2)
    assert desk.answer("alpha", 2).replies == ()
    assert desk.record() == Record(told=1, dismissed=1)
    desk.post("alpha", GOOD, 3)
    desk.answer("alpha", 3)
    assert desk.record() == Record(told=1, addressed=1), "the author came round"


def test_an_answer_before_it_is_gone_is_a_yes(desk: Desk) -> None:
    draft = desk.told("alpha")
    desk.mails["alpha"].append(reply("Right, thanks.\n", draft.envelope.msgid))
    desk.post("alpha", GOOD, 2)
    desk.answer("alpha", 2)
    assert desk.record() == Record(told=1, addressed=1)


def test_what_is_not_worth_telling_twice_is_no_no(desk: Desk) -> None:
    desk.policy(muted=(RULE,))
    desk.told("alpha", BESIDE)
    desk.told("alpha", BESIDE, 2)
    assert desk.record() == Record(told=1, open=1)


def test_what_was_told_long_ago_does_not_count(desk: Desk) -> None:
    desk.dismiss(desk.told("alpha"))
    desk.after(days=200).told("beta")
    assert desk.record() == Record(told=2, dismissed=1, open=1)
    desk.after(days=165)
    assert desk.record() == Record(told=1, open=1)
    desk.after(days=200)
    assert desk.record() == Record()


def test_a_series_with_a_new_title_is_followed_by_the_mail_that_told_it(desk: Desk) -> None:
    change = "change-id: 20260303-frob-abcdef\n"
    desk.mails["alpha"] = [
        desk.post("alpha", lines, revision, title).replace(b"\n---\n", f"\n---\n{change}".encode())
        for revision, lines, title in ((1, BAD, "one"), (2, GOOD, "another"))
    ]
    desk.mails["alpha"], later = desk.mails["alpha"][:1], desk.mails["alpha"][1:]
    desk.answer("alpha")
    assert desk.send() is not None
    desk.mails["alpha"] += later
    desk.answer("alpha", 2)
    assert desk.record() == Record(told=1, addressed=1)
