# SPDX-License-Identifier: GPL-2.0-or-later
"""Mails grouped into series, whatever order, copies and holes they come with."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.model import Posting
from bot.sources.mail import parse_mail, read_mail
from bot.sources.series import assemble, newest, select
from tests.sources.mails import BODY, mail, series, shuffled


def group(mails: list[bytes]) -> list[Posting]:
    return assemble(map(read_mail, mails))


def kinds(posting: Posting) -> list[str]:
    return [problem.kind for problem in posting.problems]


def numbers(posting: Posting) -> list[int]:
    return [patch.number for patch in posting.series.patches]


def test_series_with_cover() -> None:
    (posting,) = group(series(12))
    assert posting.series.complete
    assert posting.series.msgid == "s0@author.example"
    assert posting.series.subject == "[PATCH 0/12] teapot: keep it warm"
    assert posting.series.cover == "Hello."
    assert posting.cover is not None
    assert numbers(posting) == list(range(1, 13))
    assert len(posting.mails) == 13
    assert posting.problems == ()


def test_series_without_cover_hangs_on_its_first_patch() -> None:
    mails = [mail("[PATCH 1/2] a", "1@x"), mail("[PATCH 2/2] b", "2@x", "1@x")]
    (posting,) = group(mails[::-1])
    assert posting.series.msgid == "1@x"
    assert posting.series.complete
    assert posting.cover is None


def test_deep_threading() -> None:
    mails = [mail("[PATCH 0/3] c", "0@x", body="Hi\n")]
    mails += [mail(f"[PATCH {n}/3] p", f"{n}@x", f"{n - 1}@x") for n in (1, 2, 3)]
    (posting,) = group(shuffled(mails, 1))
    assert posting.series.complete


def test_unthreaded_parts() -> None:
    mails = [mail(f"[PATCH {n}/3] p", f"{n}@x", minute=n) for n in (1, 2, 3)]
    (posting,) = group(mails)
    assert posting.series.complete


def test_unthreaded_series_of_two_authors_stay_apart() -> None:
    mails = [mail(f"[PATCH {n}/2] p", f"{n}@x") for n in (1, 2)]
    mails += [mail(f"[PATCH {n}/2] p", f"{n}@y", sender="Bo <bo@y.example>") for n in (1, 2)]
    assert [posting.series.complete for posting in group(mails)] == [True, True]


def test_format_patch_files_of_several_authors_are_one_series() -> None:
    mails = []
    for n, sender in ((1, "Ann <a@x>"), (2, "Bo <b@x>")):
        line = b"From " + b"%040x" % n + b" Mon Sep 17 00:00:00 2001\n"
        mails.append(line + mail(f"[PATCH {n}/2] p", "", sender=sender))
    (posting,) = group(mails)
    assert posting.series.complete


def test_single_patch() -> None:
    (posting,) = group([mail("[PATCH v2] x")])
    assert (posting.series.revision, posting.series.total, numbers(posting)) == (2, 1, [1])
    assert posting.series.patches[0].message.startswith("Warm the pot")


def test_list_tag_stays_in_the_subject() -> None:
    (posting,) = group(
        [mail("[some-list] [PATCH] x"), mail("[some-list] Re: [PATCH] x", "2@x", body="> y\n")]
    )
    assert posting.series.subject == "[some-list] [PATCH] x"


def test_revisions_in_one_thread() -> None:
    mails = (
        series(2)
        + series(3, 2, "t", parent="s0@author.example")
        + series(3, 3, "u", parent="t2@author.example")
    )
    postings = group(mails)
    assert [posting.series.revision for posting in postings] == [1, 2, 3]
    assert [posting.series.revision for posting in newest(postings)] == [3]
    assert [posting.series.revision for posting in select(postings, 2)] == [2]
    assert select(postings, 9) == []


def test_revision_sent_below_a_comment() -> None:
    mails = [
        mail("[PATCH] a", "1@x"),
        mail("Re: [PATCH] a", "c@x", "1@x", "> no\n"),
        mail("[PATCH v2] b", "2@x", "c@x", extra="References: <1@x> <c@x>\n"),
    ]
    postings = group(mails)
    assert len(postings) == 2
    assert [posting.series.msgid for posting in newest(postings)] == ["2@x"]


def test_revisions_in_threads_of_their_own() -> None:
    mails = series(2) + series(2, 2, "t")
    assert [posting.series.revision for posting in newest(group(mails))] == [2]


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("[PATCH] a teapot", "[PATCH v2] a teapot, v2", True),
        ("[PATCH v2] a teapot v2", "[PATCH v3] A teapot (v3)", True),
        ("[PATCH v2] teapot v2", "[PATCH v3] teapot v2", True),
        ("[PATCH] teapot v2", "[PATCH] teapot v3", False),
        ("[PATCH] teapot", "[PATCH v2] teapot v3", False),
    ],
)
def test_titles_that_repeat_the_revision(old: str, new: str, same: bool) -> None:
    mails = [mail(old, "1@x"), mail(new, "1@y")]
    wanted = ["1@y"] if same else ["1@x", "1@y"]
    assert [posting.series.msgid for posting in newest(group(mails))] == wanted


@pytest.mark.parametrize("end", ["", "\r", " "])
def test_revisions_known_by_change_id(end: str) -> None:
    body = f"Hi\n\n---\nchange-id: 20260303-teapot-0123456789ab{end}\n"
    mails = [mail("[PATCH 0/1] old name", "0@x", body=body), mail("[PATCH 1/1] p", "1@x", "0@x")]
    mails += [
        mail("[PATCH v2 0/1] new name", "0@y", body=body),
        mail("[PATCH v2 1/1] p", "1@y", "0@y"),
    ]
    assert [posting.series.msgid for posting in newest(group(mails))] == ["0@y"]


def test_resend_in_the_same_thread() -> None:
    mails = series(2) + series(2, 1, "r", parent="s0@author.example", tag="PATCH RESEND")
    postings = group(mails)
    assert [posting.series.complete for posting in postings] == [True, True]
    assert all("double-part" not in kinds(posting) for posting in postings)


def test_second_cover_begins_another_posting() -> None:
    postings = group(series(2) + series(2, 1, "r", parent="s0@author.example"))
    assert [posting.series.msgid for posting in postings] == [
        "s0@author.example",
        "r0@author.example",
    ]


def test_missing_parts_are_named() -> None:
    mails = [one for n, one in enumerate(series(7)) if n not in (2, 3, 4, 7)]
    (posting,) = group(mails)
    assert kinds(posting) == ["missing-patch"]
    assert "parts 2-4, 7 of 7 are not here" in posting.problems[0].message
    assert not posting.series.complete


def test_cover_only() -> None:
    (posting,) = group(series(3)[:1])
    assert kinds(posting) == ["cover-only"]
    assert posting.series.patches == ()


def test_two_copies_of_a_mail_are_one() -> None:
    mails = series(2)
    copy = mails[1].replace(b"To: list@lists.example", b"To: list@lists.example\nList-Id: <other>")
    (posting,) = group([*mails, copy])
    assert posting.series.complete
    assert posting.problems == ()


def test_part_sent_twice_takes_the_newest_and_says_so() -> None:
    again = mail("[PATCH 2/3] teapot: step 2, right", "again@x", "s2@author.example", minute=55)
    (posting,) = group([again, *series(3)])
    assert kinds(posting) == ["double-part"]
    assert posting.problems[0].where == "s2@author.example"
    assert posting.series.patches[1].msgid == "again@x"


def test_one_part_of_a_new_revision() -> None:
    again = mail("[PATCH v2 2/3] teapot: step 2", "again@x", "s2@author.example", minute=55)
    postings = group([*series(3), again])
    assert [posting.series.revision for posting in postings] == [1, 2]
    assert kinds(postings[1]) == ["missing-patch"]


def test_patch_of_another_in_the_thread() -> None:
    other = mail(
        "[PATCH] teacup: mend handle", "o@y", "s1@author.example", sender="Bo <bo@y.example>"
    )
    postings = group([*series(2), other])
    assert [posting.series.complete for posting in postings] == [True, True]
    assert len(newest(postings)) == 2


def test_counter_patch_is_told_and_left_out() -> None:
    reply = mail(
        "Re: [PATCH 1/2] teapot: step 1", "c@x", "s1@author.example", "How about\n\n" + BODY
    )
    for parse in (read_mail, parse_mail):
        (posting,) = assemble(map(parse, [*series(2), reply]))
        assert kinds(posting) == ["counter-patch"]
        assert posting.problems[0].where == "c@x"
        assert "c@x" not in posting.mails


def test_a_diff_that_a_program_suggests_is_no_counter_patch() -> None:
    reply = mail(
        "Re: [PATCH 1/2] teapot: step 1", "c@x", "s1@author.example", "How about\n\n" + BODY,
        extra="Auto-Submitted: auto-replied\n",
    )  # fmt: skip
    for parse in (read_mail, parse_mail):
        (posting,) = assemble(map(parse, [*series(2), reply]))
        assert kinds(posting) == []


def test_quoted_diff_is_no_counter_patch() -> None:
    quoted = "".join(f"> {line}\n" for line in BODY.splitlines())
    (posting,) = group([*series(2), mail("Re: [PATCH 1/2] x", "c@x", "s1@author.example", quoted)])
    assert posting.problems == ()


def test_pull_request_is_told() -> None:
    (posting,) = group([mail("[GIT PULL] teapot", body="Hi\n")])
    assert kinds(posting) == ["pull-request"]
    assert posting.series.patches == ()


def test_patch_without_diff_is_told() -> None:
    (posting,) = group([mail("[PATCH] x", body="See attached.\n")])
    assert kinds(posting) == ["no-diff"]
    (posting,) = group([mail("[PATCH] x", body="diff --git a/x\nb/x\n")])
    assert kinds(posting) == ["damaged-diff"]


def test_answers_in_a_circle_end() -> None:
    mails = [mail("[PATCH 1/2] a", "1@x", "2@x"), mail("[PATCH 2/2] b", "2@x", "1@x")]
    (posting,) = group(mails)
    assert posting.series.complete


MIXED = [
    *series(3), *series(3, 2, "t", parent="s0@author.example"), *series(3, 1, "r", tag="PATCH RESEND"),
    mail("[PATCH 2/3] again", "again@x", "s2@author.example", minute=50), mail("[PATCH] y", "y@x"),
    mail("Re: [PATCH 1/3] z", "c@x", "s1@author.example"), mail("[PATCH 1/2] u", "u1@x"), mail("[PATCH 2/2] u", "u2@x"),
    mail("[PATCH 1/2] w", "1@c", "2@c"), mail("[PATCH 2/2] w", "2@c", "1@c"),
]  # fmt: skip


@given(st.integers())
@settings(max_examples=40)
def test_any_order_gives_the_same_postings(seed: int) -> None:
    def by_id(mails: list[bytes]) -> list[Posting]:
        return sorted(group(mails), key=lambda posting: posting.series.msgid)

    assert by_id(shuffled(MIXED, seed)) == by_id(MIXED)


def test_postings_come_in_the_order_of_their_first_mail() -> None:
    mails = [mail(f"[PATCH] {n}", f"{n}@x", minute=59 - n) for n in range(5)]
    assert [posting.series.msgid for posting in group(mails)] == [f"{n}@x" for n in range(5)]
