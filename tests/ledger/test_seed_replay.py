# SPDX-License-Identifier: GPL-2.0-or-later
"""The series that this bot began with, v1 to v7, as if the bot had been there from the start.

The transcript names no person and quotes nobody.  `REGEN=1` writes it anew.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from bot.outgoing import Entry, Status
from bot.sources.lineage import lineages
from bot.sources.mail import read_mail
from bot.sources.mbox import read_file
from bot.sources.series import assemble
from tests.conftest import ROOT
from tests.ledger.replay import Archive, play, reviewer

pytestmark = pytest.mark.corpus

TRANSCRIPT = ROOT / "tests/data/seed_transcript.txt"
THREADS = "revoke-threads.mbox.xz"
SERIES = "-dmabuf-revoke-v"


class Replay:
    """All that was found and mailed, by revision."""

    def __init__(self, raws: list[bytes]) -> None:
        postings = [one for one in assemble(map(read_mail, raws)) if one.series.patches]
        line = next(
            line
            for line in lineages(postings)
            if any(SERIES in posting.series.msgid for posting in line)
        )
        steps = play(Archive(raws), line, reviewer())
        assert all(step.answer.refused == () for step in steps)
        self.entries = {step.posting.series.revision: step.answer.entries for step in steps}
        self.mails = {step.posting.series.revision: step.mails() for step in steps}
        self.robots = {one.msgid for step in steps for one in step.heard if one.bot}

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
