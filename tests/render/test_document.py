# SPDX-License-Identifier: GPL-2.0-or-later
"""Reviews as one Markdown document: it tells what is told, says what was looked at, and ends in time."""

from __future__ import annotations

import pytest

from bot import __version__
from bot.config import Settings
from bot.render.document import render
from bot.told import told
from checks.api import Problem
from tests.render.golden import same_as_golden
from tests.render.rendered import read
from tests.render.reviews import finding, posting, review, review_of


def test_the_document_reads_as_it_did() -> None:
    other = review_of(posting())
    text = render([review(), other], Settings())
    same_as_golden("review.md", text.replace(__version__, "VERSION").encode())


def test_all_that_is_told_is_there_and_no_more() -> None:
    page = read(render([review()], Settings()))
    for one in review().findings:
        words = " ".join(one.message.split()[-3:])
        assert page.text.count(words) == (one in told(review())), words


@pytest.mark.parametrize(
    ("problem", "first"),
    [
        (None, "clean: 2 patches"),
        ("missing-patch", "incomplete: 1 problem"),
        ("rule-crashed", "crashed: resv-lock failed"),
    ],
)
def test_clean_incomplete_and_crashed_are_told_apart(problem: str | None, first: str) -> None:
    errors = (Problem(problem, "resv-lock", "it is @so"),) if problem else ()
    made = posting()
    patches = tuple(
        one._replace(diff=one.diff.replace("lent", "dma_buf_attach_revocable"))
        for one in made.series.patches
    )
    made = made._replace(series=made.series._replace(patches=patches))
    page = read(render([review_of(made, errors=errors)], Settings()))
    assert first in page.text
    assert "@" not in page.words


def test_what_no_rule_is_about_is_skipped() -> None:
    made = posting()
    patches = tuple(one._replace(diff="diff --git a/x b/x\n") for one in made.series.patches)
    made = made._replace(series=made.series._replace(patches=patches))
    assert "skipped: no rule is about" in render([review_of(made)], Settings())
    assert "Nothing was reviewed." in render([], Settings())


@pytest.mark.parametrize("most", [4_000, 20_000, 1 << 18])
def test_it_ends_within_the_limit_between_two_findings(most: int) -> None:
    made = posting()
    patch = made.series.patches[0]
    line = "+\treturn attach->importer_ops->invalidate_mappings;"
    found = [
        finding(patch, line, message=f"Please free frob_{number}.", symbol=f"frob_{number}", suggestion="+\tx();\n" * 9)
        for number in range(300)
    ]  # fmt: skip
    text = render([review_of(made, *found), review_of(posting())], Settings(), most)
    assert len(text) <= most
    page = read(text)
    shown = sum("Please free" in part for part in page.words.split("\n"))
    assert shown > 3
    assert page.tags.count("h2") == 2
    assert "may be wrong" in page.words
    assert (f"And {300 - shown} more" in page.words) == (shown < 300)
