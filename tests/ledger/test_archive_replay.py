# SPDX-License-Identifier: GPL-2.0-or-later
"""What must hold of every mail that would have left, over the threads of real series.

It reads other people's mails, names none of their authors and keeps nothing of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.lists import STABLE
from bot.outgoing import Status
from bot.recipients import is_bot
from bot.remarks import MANY
from bot.render.mail import Reply
from bot.render.quote import CUT
from bot.sources.lineage import lineages
from bot.sources.mail import read_mail
from bot.sources.mbox import read_file
from bot.sources.series import assemble
from tests.ledger.replay import EMBARGO, OWN, Archive, Step, play, reviewer
from tests.render.independent import read
from tests.render.reading import text_of

pytestmark = pytest.mark.corpus

THREADS = "revoke-threads.mbox.xz"


@pytest.fixture(scope="module")
def lines(corpus: Path) -> list[list[Step]]:
    """All series in which something was found, each with its revisions in the order of time."""
    return played(corpus, EMBARGO)


def played(corpus: Path, embargo: timedelta) -> list[list[Step]]:
    raws = list(read_file(corpus / THREADS))
    postings = [one for one in assemble(map(read_mail, raws)) if one.series.patches]
    archive, reviewed = Archive(raws), reviewer()
    return [
        play(archive, line, reviewed, embargo)
        for line in lineages(postings)
        if any(reviewed(posting).findings for posting in line)
    ]


def sent(lines: list[list[Step]]) -> Iterator[tuple[Step, Reply]]:
    for steps in lines:
        for step in steps:
            for reply in step.mails():
                yield step, reply


def test_a_patch_gets_one_mail_and_a_revision_three(lines: list[list[Step]]) -> None:
    parents = Counter(reply.parent for _, reply in sent(lines))
    assert len(parents) > 30
    assert set(parents.values()) == {1}
    for steps in lines:
        for step in steps:
            assert len(step.mails()) <= 3, step.posting.series.msgid


def test_nothing_is_told_in_full_twice(lines: list[list[Step]]) -> None:
    """Neither by its fingerprint nor in the same words about the same line."""
    for steps in lines:
        told: set[object] = set()
        for step in steps:
            said = {found.fingerprint for reply in step.mails() for found in reply.findings}
            new = [entry.finding for entry in step.answer.entries if entry.status is Status.NEW]
            marks: set[object] = set()
            for found in new:
                if found.fingerprint in said:
                    words = (found.rule, found.file, found.symbol, found.line_text, found.message)
                    marks |= {found.fingerprint, words}
            assert marks.isdisjoint(told), step.posting.series.msgid
            told |= marks


def test_what_a_person_had_said_at_that_line_is_not_said(corpus: Path) -> None:
    """With an embargo of days, since people seldom answer in two hours."""
    silent = 0
    for steps in played(corpus, timedelta(days=3)):
        for step in steps:
            people = {
                (one.patch, one.file, one.line_text): one.msgid
                for one in step.heard
                if not one.own and not one.bot and len(one.text.split()) >= MANY
            }
            for entry in step.answer.entries:
                found = entry.finding
                mail = people.get((found.patch.msgid, found.file, found.line_text))
                if mail and entry.status is not Status.ADDRESSED:
                    assert not entry.spoken, (mail, found.rule)
                    silent += 1
    assert silent > 5


def test_no_program_is_answered_and_nobody_added(lines: list[list[Step]]) -> None:
    for step, reply in sent(lines):
        mail = step.posting.mails[reply.parent]
        assert mail.auto_submitted in ("", "no")
        assert not is_bot(mail.author)
        given = reply.recipients
        assert [one.email for one in given.to] == [mail.author.email]
        emails = [email.lower() for email in given.emails]
        assert len(emails) == len(set(emails))
        named = (mail.author, mail.sender, *mail.reply_to, *mail.to, *mail.cc)
        assert set(emails) <= {one.email.strip().lower() for one in named}
        assert set(emails).isdisjoint({OWN, *STABLE})
        assert any(map(is_bot, (*given.to, *given.cc))) is False


def test_every_mail_is_valid_to_another_parser(lines: list[list[Step]]) -> None:
    replies = [reply for _, reply in sent(lines)]
    for reply, found in zip(replies, read([reply.raw for reply in replies]), strict=True):
        assert found.parts == 0, "it is not multipart"
        assert found.kind == "text/plain; utf-8"
        assert found.raw["In-Reply-To"] == f"<{reply.parent}>"
        assert found.subject.startswith("Re: ")
        assert Counter(found.names).most_common(1)[0][1] == 1
        boxes = (*found.boxes["To"], *found.boxes.get("Cc", ()))
        assert all(box.valid for box in boxes)
        assert [box.email for box in boxes] == list(reply.recipients.emails)
        assert found.body.decode() == text_of(reply)


def test_what_is_quoted_is_the_patch_byte_for_byte(lines: list[list[Step]]) -> None:
    """Each quoted line stands in one of the diffs, below the one that is quoted before it."""
    for step, reply in sent(lines):
        told = {found.patch.msgid for found in reply.findings}
        patches = (one for one in step.posting.series.patches if one.msgid in told)
        rest = iter([line for patch in patches for line in patch.diff.split("\n")])
        body = text_of(reply).partition("\n-- \n")[0]
        quoted = [line for line in body.split("\n") if line.startswith(">") and line != CUT]
        assert quoted
        for line in quoted:
            assert line[:2] == "> "
            assert line[2:] in rest, f"{reply.parent}: {line}"


def test_remarks_stand_below_the_line_that_they_are_about(lines: list[list[Step]]) -> None:
    for _, reply in sent(lines):
        body = text_of(reply)
        for found in reply.findings:
            assert f"\n> {found.line_text}\n\n" in body, (reply.parent, found.rule)
