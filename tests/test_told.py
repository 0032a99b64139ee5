# SPDX-License-Identifier: GPL-2.0-or-later
"""What every channel tells is what the mails to a fresh series tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.config import Settings
from bot.ledger import ledger
from bot.model import Review
from bot.render.mail import replies
from bot.settings import ReplySettings
from bot.setup import Setup
from bot.sources import SourceOptions, open_source
from bot.told import told
from checks.api import Confidence, Finding
from tests.render.reviews import MASK, NOW, review
from tests.test_architecture import EXAMPLE
from tests.web.branches import FOUND, LOCKED, MOVED, Repository, branch

pytestmark = pytest.mark.integration
UNLOCKED = "\tfrob_stop(frob);\n\tdma_buf_unpin(frob->attach);\n"
SETTINGS = ReplySettings(address="bot@example.org", operator="A U Thor <author@example.org>")


def mailed(done: Review) -> list[Finding]:
    """What the replies to `done` tell."""
    written, refused = replies(done, SETTINGS, MASK, NOW, entries=ledger(done, (), ()))
    assert refused == ()
    return [finding for reply in written for finding in reply.findings]


def test_of_the_example() -> None:
    (posting,) = open_source(str(EXAMPLE))
    done = Setup.of(Settings()).review(posting)
    assert list(told(done)) == mailed(done)
    assert len(told(done)) > 3


def test_what_is_not_sure_is_not_told() -> None:
    done = review()
    assert list(told(done)) == mailed(done)
    assert any(finding.confidence is Confidence.LOW for finding in done.findings)
    assert all(finding.confidence is not Confidence.LOW for finding in told(done))


def test_what_a_later_patch_mends_is_not_told(tmp_path: Path) -> None:
    made = branch(tmp_path / "linux", 1)
    assert [one.rule for one in told(reviewed(made))] == ["resv-lock"]
    made.change(
        "frob: take the lock again", {MOVED[1]: (UNLOCKED, f"\tfrob_stop(frob);\n{LOCKED}")}
    )
    done = reviewed(made)
    assert told(done) == ()
    assert mailed(done) == []


def test_such_a_line_somewhere_else_mends_nothing(tmp_path: Path) -> None:
    """The second patch of the branch takes the lock, in a function of its own."""
    assert [one.line_text for one in told(reviewed(branch(tmp_path / "linux", 2)))] == list(FOUND)[
        :2
    ]


def reviewed(made: Repository) -> Review:
    (posting,) = open_source("master..topic", SourceOptions(newer=False, tree=made.path))
    return Setup.of(Settings()).review(posting)
