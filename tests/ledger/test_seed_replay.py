# SPDX-License-Identifier: GPL-2.0-or-later
"""The series that this bot began with, v1 to v7, as if the bot had been there from the start.

Each revision is reviewed when its embargo ends, with what people had said by
then; the bot's own replies are rendered and read again with the thread.  The
transcript names no person and quotes nobody.  `REGEN=1` writes it anew.
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from bot.answer import answers
from bot.config import Settings
from bot.lists import lists_of
from bot.model import Posting, Review
from bot.outgoing import Action, Counts, Entry, Status
from bot.render.mail import Reply
from bot.review import review
from bot.settings import PolicySettings, ReplySettings
from bot.sources.lineage import lineages
from bot.sources.mail import parse_mail, read_mail
from bot.sources.mbox import read_file
from bot.sources.said import said
from bot.sources.series import assemble
from checks import load_rules
from tests.conftest import ROOT

pytestmark = pytest.mark.corpus

TRANSCRIPT = ROOT / "tests/data/seed_transcript.txt"
THREADS = "revoke-threads.mbox.xz"
SERIES = "-dmabuf-revoke-v"
OWN = "revokebot@bots.example"
REPLY = ReplySettings(address=OWN, operator="the example team")


class Replay:
    """All that was found and mailed, revision by revision, each answered once people had the word."""

    def __init__(self, raws: list[bytes]) -> None:
        self.raws = raws
        self.postings = [one for one in assemble(map(read_mail, raws)) if one.series.patches]
        line = next(
            line
            for line in lineages(self.postings)
            if any(SERIES in posting.series.msgid for posting in line)
        )
        reached = {name for one in line for mail in one.mails.values() for name in lists_of(mail)}
        policy = PolicySettings(post="send", lists=tuple(reached))
        self.settings = Settings(reply=REPLY, policy=policy)
        self.entries: dict[int, tuple[Entry, ...]] = {}
        self.mails: dict[int, tuple[Reply, ...]] = {}
        self.robots: set[str] = set()
        rules = load_rules()

        @cache
        def reviewed(msgid: str) -> Review:
            return review(next(one for one in line if one.series.msgid == msgid), rules)

        self.reviewed = reviewed
        for posting in sorted(line, key=lambda posting: posting.series.revision):
            self._post(posting)

    def _post(self, posting: Posting) -> None:
        """Answer one revision as it would have been, of what had been mailed by then."""
        assert posting.series.date is not None
        now = posting.series.date + timedelta(minutes=self.settings.policy.embargo_minutes)
        known = [raw for raw in self.raws if _date(raw) <= now]
        there = [one for one in self.postings if one.series.date and one.series.date <= now]
        (done,) = answers(
            known, there, [posting], lambda one: self.reviewed(one.series.msgid), self.settings,
            now, Counts,
        )  # fmt: skip
        assert done.refused == ()
        self.robots |= {one.msgid for one in said(known, there, OWN) if one.bot}
        self.entries[posting.series.revision] = done.entries
        self.mails[posting.series.revision] = tuple(
            reply for reply, verdict in done.replies if verdict.action is Action.SEND
        )
        self.raws += [reply.raw for reply in self.mails[posting.series.revision]]

    def transcript(self) -> str:
        lines = []
        for revision, entries in sorted(self.entries.items()):
            mailed = Counter(
                finding for reply in self.mails[revision] for finding in map(str, reply.findings)
            )
            for entry in entries:
                finding = entry.finding
                where = f"v{revision} {finding.patch.number} {finding.rule} {finding.symbol or '-'}"
                mark = " [mailed]" if str(finding) in mailed else ""
                lines.append(f"{where} {entry.status}: {self._reason(entry)}{mark}")
        return "\n".join(lines) + "\n"

    def _reason(self, entry: Entry) -> str:
        if entry.status is not Status.SAID:
            return entry.reason
        who = "a bot" if entry.mention in self.robots else "a person"
        if entry.reason.startswith("first told"):
            return entry.reason
        return f"answered by {who}" if entry.revision else f"said by {who}"


def _date(raw: bytes) -> datetime:
    return parse_mail(raw).date or datetime.max.replace(tzinfo=UTC)


@pytest.fixture(scope="module")
def replay(corpus: Path) -> Replay:
    return Replay(list(read_file(corpus / THREADS)))


def test_the_transcript_is_as_recorded(replay: Replay) -> None:
    assert sorted(replay.entries) == [1, 2, 3, 4, 5, 6, 7]
    if os.environ.get("REGEN"):
        TRANSCRIPT.parent.mkdir(exist_ok=True)
        TRANSCRIPT.write_text(replay.transcript(), encoding="utf-8")
    assert replay.transcript() == TRANSCRIPT.read_text(encoding="utf-8")


def test_no_patch_gets_two_mails(replay: Replay) -> None:
    parents = [reply.parent for mails in replay.mails.values() for reply in mails]
    assert parents
    assert len(set(parents)) == len(parents)
    assert all(len(mails) <= 3 for mails in replay.mails.values())


def test_nothing_is_new_twice(replay: Replay) -> None:
    """What was mailed stands or is gone later on; it never comes as news again."""
    told: set[str] = set()
    for revision, entries in sorted(replay.entries.items()):
        news = {e.finding.fingerprint for e in entries if e.status is Status.NEW}
        assert news & told == set()
        told |= {f.fingerprint for reply in replay.mails[revision] for f in reply.findings}


def test_the_merged_revision_hears_nothing_new(replay: Replay) -> None:
    """It hears again of the lock, and of a comment that kernel-doc does not read."""
    assert {f.rule for reply in replay.mails[7] for f in reply.findings} == {
        "kernel-doc-format",
        "resv-lock",
    }
    assert {
        e.status for e in replay.entries[7] if e.finding.rule in ("kernel-doc-format", "resv-lock")
    } == {Status.STANDING}
