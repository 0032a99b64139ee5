# SPDX-License-Identifier: GPL-2.0-or-later
"""The branch that the channels are tested on is as they expect; its findings land where they should."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.config import Settings
from bot.web.branch import read_branch
from bot.web.comments import tell
from tests.web.branches import FOUND, MOVED, branch

pytestmark = pytest.mark.integration


def test_the_branch_has_what_is_said_of_it(tmp_path: Path) -> None:
    made = branch(tmp_path / "linux")
    settings = Settings()
    settings = settings._replace(review=settings.review._replace(tree=made.path))
    read = read_branch(made.base, made.head, settings)
    (review,) = read.reviews
    assert review.errors == ()
    assert review.verified, "a file that is only renamed is known by the patch before"
    told = tell(read.reviews, read.whole)
    assert {
        one.finding.line_text: (one.finding.rule, one.finding.severity, one.finding.patch.number)
        for one in told
    } == FOUND
    before = made.git("show", f"{made.base}:{MOVED[1]}").split("\n")
    after = made.git("show", f"{made.head}:{MOVED[2]}").split("\n")
    for one in told:
        assert one.place is not None
        assert (one.place.old_path, one.place.path) == MOVED[1:]
        text = (before if one.place.side == "old" else after)[one.place.line - 1]
        assert text == one.finding.line_text[1:]
