# SPDX-License-Identifier: GPL-2.0-or-later
"""What the archive's answer says of a reply that is about to be sent."""

from __future__ import annotations

import pytest

from bot.errors import ArchiveError
from bot.look import judge
from tests.integration.mails import COVER_V1, COVER_V2, PATCHES, STRANGER, Note, world

V1 = [note.raw() for note in world()]
PATCH_V1 = COVER_V1.replace("-0-", "-2-")
PATCH_V2 = COVER_V2.replace("-0-", "-2-")
OURS = "revokebot-00@example.org"


def test_a_newer_revision_is_seen_from_any_patch_of_the_older_one() -> None:
    for part in range(PATCHES + 1):
        parent = COVER_V1.replace("-0-", f"-{part}-")
        assert judge(OURS, parent, V1)[:2] == (False, 2)


def test_the_newest_revision_has_nothing_newer() -> None:
    assert judge(OURS, PATCH_V2, V1)[:2] == (False, 0)


def test_the_patch_of_somebody_else_is_no_revision() -> None:
    assert judge(OURS, STRANGER, V1).newer == 0


def test_our_own_mail_is_found_wherever_it_stands_in_the_answer() -> None:
    own = Note(OURS, f"Re: [PATCH v2 2/{PATCHES}] drm/toy: count step 2", "> +x\n\nNo.\n", PATCH_V2)
    for at in (0, 3, len(V1)):
        assert judge(OURS, PATCH_V2, [*V1[:at], own.raw(), *V1[at:]])[:2] == (True, 0)


@pytest.mark.parametrize("mails", [[], [b""], [b"\0\n"], [b"Subject: hello\n\nyou\n"]])
def test_an_answer_without_the_patch_is_no_answer(mails: list[bytes]) -> None:
    with pytest.raises(ArchiveError, match="does not hold it"):
        judge(OURS, PATCH_V1, mails)


def test_a_cover_letter_alone_supersedes_nothing() -> None:
    only_cover = [note.raw() for note in world() if "v2" not in note.subject]
    cover = next(note.raw() for note in world() if note.msgid == COVER_V2)
    assert judge(OURS, PATCH_V1, [*only_cover, cover]).newer == 0


def test_the_answer_holds_the_mail_its_series_and_all_there_is() -> None:
    seen = judge(OURS, PATCH_V2, V1)
    assert seen.mail.msgid == PATCH_V2
    assert seen.posting is not None
    assert seen.posting.series.msgid == COVER_V2
    assert {one.series.msgid for one in seen.line} == {COVER_V1, COVER_V2}
    assert seen.mails == tuple(V1)
    assert {one.series.msgid for one in seen.postings} == {COVER_V1, COVER_V2, STRANGER}


def test_a_mail_that_belongs_to_no_series_is_found() -> None:
    remark = next(note for note in world() if note.subject.startswith("Re: "))
    seen = judge(OURS, remark.msgid, V1)
    assert (seen.mail.msgid, seen.newer, seen.posting, seen.line) == (remark.msgid, 0, None, ())
    assert seen.mail.author.email == "reviewer@example.org"
