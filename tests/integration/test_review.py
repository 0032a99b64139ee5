# SPDX-License-Identifier: GPL-2.0-or-later
"""End to end: a thread of a real public-inbox is fetched, reviewed, answered, and the answer filed.

The example series goes into an inbox made for the test.  `revokebot review`
fetches it through b4 by message-id and writes its replies; these go into the
inbox again, and the server's own thread view must show each under its patch.
"""

from __future__ import annotations

import email
import email.policy
import json
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path

import pytest

from bot.sources import open_source
from bot.sources.mbox import read_file
from bot.sources.options import ArchiveOptions, SourceOptions
from tests.conftest import ROOT
from tests.integration.conftest import Inbox

pytestmark = pytest.mark.integration

EXAMPLE = ROOT / "examples" / "revocable-helper.mbox"


def parse(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=email.policy.default)


def bare(header: str) -> str:
    return header.strip().strip("<>")


def review(inbox: Inbox, *words: str) -> str:
    command = [sys.executable, "-m", "bot", "review", *words]
    variables = {
        "REVOKEBOT_ARCHIVE_URL": inbox.url,
        "PATH": "/usr/bin:/bin",
        "HOME": "/nonexistent",
    }
    done = subprocess.run(
        command, env=variables, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


@pytest.fixture
def posted(own_inbox: Inbox) -> tuple[Inbox, list[str]]:
    """An inbox with the example series, and the message-ids of its patches."""
    mails = list(read_file(EXAMPLE))
    own_inbox.add(mails)
    parsed = [parse(raw) for raw in mails]
    patches = [bare(m["Message-ID"]) for m in parsed if " 0/" not in m["Subject"]]
    return own_inbox, patches


def test_a_reply_is_filed_under_its_patch(posted: tuple[Inbox, list[str]], tmp_path: Path) -> None:
    inbox, patches = posted
    outbox = tmp_path / "replies.mbox"
    review(inbox, patches[0], "--format", "mail", "--output", str(outbox))
    replies = list(read_file(outbox))
    answered = [bare(parse(raw)["In-Reply-To"]) for raw in replies]
    assert answered == patches
    for raw in replies:
        inbox.inject(raw)
    view = inbox.thread_view(patches[0])
    for raw in replies:
        reply = parse(raw)
        assert (bare(reply["Message-ID"]), bare(reply["In-Reply-To"])) in view


def test_the_replies_are_not_taken_for_patches(
    posted: tuple[Inbox, list[str]], tmp_path: Path
) -> None:
    inbox, patches = posted
    outbox = tmp_path / "replies.mbox"
    before = review(inbox, patches[0], "--format", "jsonl")
    review(inbox, patches[0], "--format", "mail", "--output", str(outbox))
    for raw in read_file(outbox):
        inbox.inject(raw)
    after = review(inbox, patches[1], "--format", "jsonl")
    assert json.loads(after)["findings"] == json.loads(before)["findings"] != []
    assert json.loads(after)["series"] == json.loads(before)["series"]


def test_the_archive_and_the_file_give_the_same_review(posted: tuple[Inbox, list[str]]) -> None:
    inbox, patches = posted
    assert review(inbox, patches[0], "--format", "jsonl") == review(
        inbox, str(EXAMPLE), "--format", "jsonl"
    )


def test_what_the_archive_could_not_tell_is_a_problem_of_the_posting(
    posted: tuple[Inbox, list[str]],
) -> None:
    inbox, patches = posted
    url = inbox.url.rsplit("/", 1)[0] + "/other"
    options = SourceOptions(archive=ArchiveOptions(url=url, deadline=20))
    (posting,) = open_source(patches[0], options)
    assert [problem.kind for problem in posting.problems] == ["newer-revisions-unknown"]
