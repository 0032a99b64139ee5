# SPDX-License-Identifier: GPL-2.0-or-later
"""Each status of a finding, from patches and mails of our own making."""

from __future__ import annotations

import pytest

from bot.history import history
from bot.ledger import ledger
from bot.model import Posting, Review
from bot.outgoing import Earlier, Mention, Said, Status
from bot.sources.said import said
from checks.api import Finding, Problem
from tests.ledger.frob import MAP, MEND, MOVE, OWN, finding, posting_of, reply, review_of

NOTIFY = "+\tdma_buf_move_notify(frob->dmabuf);"
TOLD = "revokebot-1@bots.example"
OURS = "X-Revokebot-Rules: resv-lock\nAuto-Submitted: auto-replied\n"


def told(parent: str = "f1-1@author.example") -> bytes:
    """Our own mail to a revision."""
    return reply(f"> {NOTIFY}\n\nPlease hold the lock.\n", parent, f"bot <{OWN}>", TOLD, OURS)


def mail(found: Finding, msgid: str = TOLD, revision: int = 1) -> dict[str, tuple[Mention, ...]]:
    """That a mail of ours told `found`."""
    return {found.fingerprint: (Mention(msgid, revision, found.line_text),)}


def single(diff: str = MAP, revision: int = 1) -> tuple[Posting, Finding, Review]:
    made = posting_of(diff, revision=revision)
    found = finding(made.series.patches[0])
    return made, found, review_of(made, found)


def past(*raws: bytes) -> tuple[tuple[Earlier, ...], tuple[Said, ...], Posting]:
    """The history of a v1 with one finding, before a v2 with the same."""
    first, _, _ = single()
    second, _, _ = single(revision=2)
    heard = said(raws, [first, second], OWN)

    def review(made: Posting) -> Review:
        return review_of(made, finding(made.series.patches[0]))

    return history([second, first], second, review, heard), heard, second


def test_a_finding_that_nobody_knows_is_new_and_said() -> None:
    entries = ledger(single()[2], (), ())
    assert [entry.status for entry in entries] == [Status.NEW]
    assert all(entry.spoken for entry in entries)


def test_a_later_patch_mends_the_line() -> None:
    made = posting_of(MAP, MEND)
    (entry,) = ledger(review_of(made, finding(made.series.patches[0])), (), ())
    assert (entry.status, entry.reason) == (Status.MENDED, "mended by patch 2")
    assert not entry.spoken


def test_a_line_that_is_only_renamed_is_not_mended() -> None:
    made = posting_of(MAP, MOVE)
    (entry,) = ledger(review_of(made, finding(made.series.patches[0])), (), ())
    assert entry.status is Status.NEW


def test_a_finding_on_the_mending_patch_itself_stands() -> None:
    made = posting_of(MAP, MEND)
    found = finding(made.series.patches[1], "-" + NOTIFY[1:])
    assert ledger(review_of(made, found), (), ())[0].status is Status.NEW


@pytest.mark.parametrize(
    ("body", "silent"),
    [
        (f"> {NOTIFY}\nIs a lock held?\n", True),
        (f"> {NOTIFY}\n> +\tfrob_first(frob);\nIs a lock held above?\n", True),
        (f"> {NOTIFY}\n\nReviewed-by: R E Viewer <r@review.example>\n\nThanks,\nR\n", False),
        (f"> {NOTIFY}\n> \treturn 0;\nWhy 0?\n", False),
        ("> +\tfrob_stop(frob);\nStop it here, before importers are told?\n", True),
        ("> \t\treturn -EINVAL;\nWhy not -ENODEV?\n", False),
        ("Does it need a lock?\n", False),
    ],
)
def test_what_a_person_said_there_is_not_said_again(body: str, silent: bool) -> None:
    made, _, review = single()
    (entry,) = ledger(review, (), said([reply(body)], [made], OWN))
    assert entry.status is (Status.SAID if silent else Status.NEW)
    if silent:
        assert (entry.reason, entry.mention) == ("said by R E Viewer", "r1@review.example")


@pytest.mark.parametrize(
    ("above", "silent"), [(NOTIFY, True), ("+\tfrob_fifth(frob);", False), ("", True)]
)
def test_a_line_that_stands_twice_is_told_by_those_above_it(above: str, silent: bool) -> None:
    put = "frob_put(frob);"
    far = "frob_unmap_everything_that_was_ever_mapped_by_it(frob, frob->first_entry, frob->last);"
    made, _, review = single(MAP.replace("frob_first(frob);", put).replace(far, put))
    body = f"> {above}\n> +\t{put}\nHere?\n" if above else f"> +\t{put}\nHere?\n"
    (entry,) = ledger(review, (), said([reply(body)], [made], OWN))
    assert entry.status is (Status.SAID if silent else Status.NEW)


def test_our_own_mail_is_not_repeated_in_its_thread() -> None:
    made, _, review = single()
    (entry,) = ledger(review, (), said([told()], [made], OWN))
    assert (entry.status, entry.mention) == (Status.SAID, TOLD)


def test_what_stands_since_an_older_revision_is_said_with_its_mention() -> None:
    earlier, heard, second = past(told())
    assert [one.revision for one in earlier] == [1]
    (entry,) = ledger(review_of(second, finding(second.series.patches[0])), earlier, heard)
    assert (entry.status, entry.reason) == (Status.STANDING, "first told for v1")
    assert (entry.mention, entry.revision) == (TOLD, 1)
    assert entry.spoken


def test_what_was_found_and_never_told_is_new() -> None:
    earlier, heard, second = past()
    (entry,) = ledger(review_of(second, finding(second.series.patches[0])), earlier, heard)
    assert entry.status is Status.NEW


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (f"> > {NOTIFY}\n> \n> Please hold the lock.\n\nNo, it is held.\n", Status.SAID),
        ("The caller holds it.\n", Status.SAID),
        ("> > +\tfrob_first(frob);\nThis one has a typo.\n", Status.STANDING),
    ],
)
def test_an_answer_to_our_remark_ends_it(body: str, status: Status) -> None:
    earlier, heard, second = past(told(), reply(body, TOLD))
    (entry,) = ledger(review_of(second, finding(second.series.patches[0])), earlier, heard)
    assert entry.status is status
    if status is Status.SAID:
        assert entry.mention == "r1@review.example"


def test_the_first_mention_is_kept_over_many_revisions() -> None:
    made, found, _ = single(revision=4)
    earlier = [
        Earlier(3, "f3", (found,), mail(found, "late@bots.example", 3)),
        Earlier(1, "f1", (found,), mail(found)),
        Earlier(2, "f2", (found,)),
    ]
    (entry,) = ledger(review_of(made, found), earlier, ())
    assert (entry.mention, entry.revision) == (TOLD, 1)


def test_a_finding_that_came_back_was_told() -> None:
    made, found, _ = single(revision=3)
    earlier = [Earlier(1, "f1", (found,), mail(found)), Earlier(2, "f2", ())]
    (entry,) = ledger(review_of(made, found), earlier, ())
    assert (entry.status, entry.mention) == (Status.STANDING, TOLD)


def test_what_is_gone_is_addressed_once() -> None:
    _, found, _ = single()
    earlier = Earlier(1, "f1", (found,), mail(found))
    for revision, gone in ((2, [earlier]), (3, [earlier, Earlier(2, "f2", ())])):
        review = review_of(posting_of(MAP, revision=revision))
        entries = ledger(review, gone, ())
        assert [(e.status, e.reason, e.mention) for e in entries] == (
            [(Status.ADDRESSED, "addressed in v2", TOLD)] if revision == 2 else []
        )
        assert not any(entry.spoken for entry in entries)


def test_the_operators_word_is_first_and_outlives_a_new_name() -> None:
    made, found, review = single(revision=2)
    old = found._replace(symbol="frob_start", fingerprint="old")
    heard = said([reply(f"> {NOTIFY}\nHeld?\n", "f2-1@author.example")], [made], OWN)
    for dismissed in ({found.fingerprint: "false alarm"}, {"old": "false alarm"}):
        (entry,) = ledger(review, [Earlier(1, "f1", (old,))], heard, dismissed)
        assert (entry.status, entry.reason) == (Status.DISMISSED, "false alarm")


@pytest.mark.parametrize("where", ["resv-lock", "pin-balance"])
def test_what_a_crashed_rule_may_have_missed_is_not_addressed(where: str) -> None:
    _, found, review = single(revision=2)
    review = review._replace(findings=(), errors=(Problem("rule-crashed", where, "KeyError"),))
    entries = ledger(review, [Earlier(1, "f1", (found,), mail(found))], ())
    assert [entry.status for entry in entries] == [Status.ADDRESSED] * (where != "resv-lock")


def test_what_a_missing_or_damaged_patch_may_have_had_is_not_addressed() -> None:
    _, found, _ = single()
    earlier = [Earlier(1, "f1", (found,), mail(found))]
    damaged = MAP.replace("@@ -10,4 +10,12 @@", "@@ -10,4 +10,9 @@")
    assert ledger(single(damaged, revision=2)[2]._replace(findings=()), earlier, ()) == ()
    two = posting_of(MAP, MEND, revision=2)
    series = two.series._replace(patches=two.series.patches[1:])
    assert ledger(review_of(two._replace(series=series)), earlier, ()) == ()
    assert len(ledger(review_of(two), earlier, ())) == 1
