# SPDX-License-Identifier: GPL-2.0-or-later
"""What a person answered in the thread of one revision holds for all later ones."""

from __future__ import annotations

import pytest

from bot.history import history
from bot.ledger import ledger
from bot.model import Posting, Review
from bot.outgoing import Earlier, Entry, Mention, Status
from bot.sources.said import said
from tests.ledger.frob import MAP, OWN, finding, posting_of, reply, review_of

NOTIFY = "+\tdma_buf_move_notify(frob->dmabuf);"
FAR = "+\tfrob_unmap_everything_that_was_ever_mapped_by_it(frob, frob->first_entry, frob->last);"
AUTHOR = "A U Thor <author@author.example>"
TOLD = "revokebot-1@bots.example"
ASKED = "r1@review.example"
QUESTION = reply(f"> {NOTIFY}\n\nIs a lock held?\n", msgid=ASKED)
OURS = "X-Revokebot-Rules: resv-lock\nAuto-Submitted: auto-replied\n"


def answer(body: str, sender: str = AUTHOR, extra: str = "") -> bytes:
    """What somebody writes to the question."""
    return reply(body, ASKED, sender, "a1@author.example", extra)


def last(*raws: bytes, revisions: int = 2, diff: str = MAP) -> Entry:
    """What becomes of the finding, which all revisions have, in the last one."""
    postings = [posting_of(diff, revision=number) for number in range(1, revisions + 1)]
    heard = said(raws, postings, OWN)

    def review(made: Posting) -> Review:
        return review_of(made, finding(made.series.patches[0]))

    current = postings[-1]
    (entry,) = ledger(review(current), history(postings, current, review, heard), heard)
    return entry


@pytest.mark.parametrize("revisions", [2, 4])
@pytest.mark.parametrize(
    "body",
    [
        f"> > {NOTIFY}\n> \n> Is a lock held?\n\nNo, the caller holds it.\n",
        "No, the caller holds it.\n",
        f"> > {NOTIFY}\n> > +\tfrob_first(frob);\n> Is a lock held?\n\nNo, it is held.\n",
    ],
)
def test_a_no_to_somebody_else_holds(body: str, revisions: int) -> None:
    entry = last(QUESTION, answer(body), revisions=revisions)
    assert (entry.status, entry.mention) == (Status.SAID, "a1@author.example")
    assert entry.reason == "answered by A U Thor when others said it"


@pytest.mark.parametrize(
    "raw",
    [
        answer(f"> > {NOTIFY}\n\nReviewed-by: {AUTHOR}\n"),
        answer(f"> > {FAR}\n\nThis is a long name.\n"),
        answer("Ping?\n", "R E Viewer <Reviewer@Review.Example>"),
        answer("Held?\n", "robot <robot@review.example>", "Auto-Submitted: auto-replied\n"),
        reply("Thanks, applied.\n", "f1-1@author.example", AUTHOR, "a1@author.example"),
    ],
    ids=["a tag", "another line", "by whoever asked", "by a program", "to the patch"],
)
def test_what_is_no_answer_to_somebody_else(raw: bytes) -> None:
    assert last(QUESTION, raw).status is Status.NEW


@pytest.mark.parametrize("line", [NOTIFY, FAR])
def test_a_greeting_above_an_answer_to_one_line_is_no_answer_to_another(line: str) -> None:
    text = f"Hi,\n\nOn Tue, Mar 03, 2026, somebody wrote:\n> > {line}\n> Hm.\n\nNo, it is not.\n"
    status = Status.SAID if line == NOTIFY else None
    assert last(QUESTION, answer(text)).status is (status or Status.NEW)
    ours = reply(f"> {NOTIFY}\n\nPlease lock.\n", sender=f"bot <{OWN}>", msgid=TOLD, extra=OURS)
    assert last(ours, reply(text, TOLD, AUTHOR)).status is (status or Status.STANDING)


def test_a_question_that_nobody_answered_is_asked_again() -> None:
    assert last(QUESTION).status is Status.NEW


def test_an_answer_about_another_file_is_none() -> None:
    other = MAP.replace("frob_dmabuf.c", "other.c").replace("frob_stop", "other_stop")
    question = reply(f"> +++ b/drivers/frob/other.c\n> {NOTIFY}\n\nHeld?\n", msgid=ASKED)
    raws = (question, answer("No, the caller holds it.\n"))
    assert last(*raws, diff=other + MAP).status is Status.NEW


@pytest.mark.parametrize("revision", [1, 2])
def test_a_no_to_our_mail_holds_for_all_that_follow(revision: int) -> None:
    parent = f"f{revision}-1@author.example"
    ours = reply(f"> {NOTIFY}\n\nPlease lock.\n", parent, f"bot <{OWN}>", "revokebot-1@b.x", OURS)
    no = reply(f"> > {NOTIFY}\n> Please lock.\n\nNo, it is held.\n", "revokebot-1@b.x", AUTHOR)
    entry = last(ours, no, revisions=4)
    reason = f"answered by A U Thor when told for v{revision}"
    assert (entry.status, entry.reason) == (Status.SAID, reason)


def test_a_no_to_our_second_mail_ends_what_the_first_told() -> None:
    made = posting_of(MAP, revision=3)
    found = finding(made.series.patches[0])
    earlier = [
        Earlier(at, f"f{at}", (found,), {found.fingerprint: (Mention(f"m{at}@b.x", at, NOTIFY),)})
        for at in (2, 1)
    ]
    heard = said([*no_to("m2@b.x")], [posting_of(MAP, revision=2)], OWN)
    (entry,) = ledger(review_of(made, found), earlier, heard)
    assert (entry.status, entry.revision) == (Status.SAID, 1)


def no_to(msgid: str) -> tuple[bytes, bytes]:
    """Our mail to v2, and what the author says to it."""
    ours = reply("This still stands.\n", "f2-1@author.example", f"bot <{OWN}>", msgid, OURS)
    return ours, reply("No, it is held.\n", msgid, AUTHOR, "a2@author.example")
