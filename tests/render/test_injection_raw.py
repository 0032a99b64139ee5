# SPDX-License-Identifier: GPL-2.0-or-later
"""Thousands of hostile mails as bytes, all the way from a folder to the replies that leave.

They lie in a Maildir, which keeps every byte, and are read as the commands
read them.  Messages-ids, groups, charsets and line ends are hostile here as
no parsed mail can be.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.answer import Run, answers
from bot.config import Settings
from bot.model import Posting
from bot.outgoing import Entry, Status
from bot.render.mail import replies
from bot.setup import Setup
from bot.sources import SourceOptions, open_thread
from tests.render.examples import examples
from tests.render.hostile import Answered, all_sound
from tests.render.raw_mails import VICTIM, Hostile, hostile
from tests.render.reviews import MASK, NOW, SETTINGS, finding, review_of

BLOCKS = 10
CASES = 250
REASONS = re.compile(r"has no (Message-ID|address) that|was sent by a program")
"""Why some of them cannot be answered."""


def read(cases: list[Hostile], folder: Path) -> tuple[list[bytes], list[Posting]]:
    """What the commands read in a Maildir of `cases`."""
    for name in ("cur", "new", "tmp"):
        (folder / name).mkdir()
    for number, case in enumerate(cases):
        (folder / f"new/{number:05}").write_bytes(case.raw)
    return open_thread(str(folder), SourceOptions())


def answers_to(postings: list[Posting]) -> tuple[list[Answered], list[str]]:
    """Answers to the first added line of every patch, and why there are none to the rest."""
    written: list[Answered] = []
    refusals: list[str] = []
    for made in postings:
        for patch in made.series.patches:
            alone = made._replace(series=made.series._replace(patches=(patch,)))
            rows = patch.diff.split("\n")
            added = (row for row in rows if re.match(r"\+(?!\+\+ )", row))
            review = review_of(alone, finding(patch, next(added, rows[0])))
            mails, refused = replies(review, SETTINGS, MASK, NOW)
            entry = Entry(review.findings[0], Status.NEW, "")
            mail = made.mails[patch.msgid]
            written += (Answered(reply, mail, review, (entry,)) for reply in mails)
            refusals += refused
    return written, refusals


@pytest.mark.parametrize("block", range(BLOCKS))
def test_from_the_bytes_of_a_mail_to_those_of_the_reply(block: int, tmp_path: Path) -> None:
    cases = [hostile(number, f"b{block}") for number in range(CASES)]
    made, refusals = answers_to(read(cases, tmp_path)[1])
    assert len(made) > CASES * 0.7
    assert [reason for reason in refusals if not REASONS.search(reason)] == []
    all_sound(made)
    written_to = {email for one in made for email in one.reply.recipients.emails}
    assert VICTIM not in written_to
    given = b"\n".join(case.raw for case in cases)
    assert [email for email in written_to if email.encode() not in given] == []


def test_a_line_that_says_truly_how_it_is_encoded_is_quoted_byte_for_byte(tmp_path: Path) -> None:
    cases = {f"{n}.lines@example.org": hostile(n, "lines") for n in range(2 * CASES)}
    made, _ = answers_to(read(list(cases.values()), tmp_path)[1])
    told = {one.mail.msgid: one.body for one in made}
    exact = {msgid: case.line for msgid, case in cases.items() if case.exact and msgid in told}
    assert len(exact) > CASES * 0.7
    unlike = [line for msgid, line in exact.items() if f"\n> {line}\n".encode() not in told[msgid]]
    assert unlike == []


def test_all_of_the_pipeline_with_a_finding_of_a_real_rule(tmp_path: Path) -> None:
    (bad,) = (one for one in examples() if one.name == "export-syntax-1")
    diff = bad.series.patches[0].diff
    cases = [hostile(number, "rules", diff) for number in range(CASES)]
    raws, postings = read(cases, tmp_path)
    settings = Settings(reply=SETTINGS)
    review = Setup.of(settings).review
    made = list(answers(raws, postings, postings, Run(review, settings, NOW)))
    sent = [
        Answered(reply, one.review.posting.mails[reply.parent], one.review, one.entries)
        for one in made
        for reply, verdict in one.replies
        if verdict.reason and len(one.review.posting.series.patches) == 1
    ]
    assert len(sent) > CASES * 0.5
    assert {found.rule for one in sent for found in one.reply.findings} == {bad.rule.id}
    all_sound(sent)
