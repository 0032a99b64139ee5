# SPDX-License-Identifier: GPL-2.0-or-later
"""A comment says what the mail says, of every BAD example of every rule; only the markup differs."""

from __future__ import annotations

import pytest

from bot.model import Posting
from bot.render.body import same, words
from bot.review import review
from tests.render.examples import Example, examples
from tests.render.rendered import bare, inert, read
from tests.render.reviews import MASK

TAGS = ("p", "code", "pre", "a")


@pytest.mark.parametrize("example", [pytest.param(one, id=one.name) for one in examples()])
def test_mail_and_comment_say_the_same(example: Example) -> None:
    done = review(Posting(example.series), (example.rule,), edition=example.bad.edition)
    assert done.findings
    for one in done.findings:
        comment = words(done, one, set(), MASK, marked=True)
        page = read(comment)
        _alike(comment, words(done, one, set(), MASK))
        _alike(same(done, one, one, marked=True), same(done, one, one))
        blocks = [block for block in page.code if block.endswith("\n")]
        assert blocks == ([one.suggestion.rstrip("\n") + "\n"] if one.suggestion else [])


def _alike(comment: str, mail: str) -> None:
    page = read(comment)
    inert(page, TAGS)
    assert bare(page.text) == bare(mail)
    assert all(link.startswith("https://lore.kernel.org/r/") for link in page.links)
