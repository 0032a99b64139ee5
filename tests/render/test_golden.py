# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole outputs of one review, in every format."""

from __future__ import annotations

import json

from bot.render import jsonl, text
from bot.render.mail import replies
from bot.sources.mbox import as_mboxrd
from checks.api import Problem
from tests.render.golden import same_as_golden
from tests.render.reviews import MASK, NOW, SETTINGS, review


def test_text() -> None:
    same_as_golden("review.txt", text.render(review(), text.Style()).encode())


def test_text_in_colour() -> None:
    same_as_golden("review-colour.txt", text.render(review(), text.Style(color=True)).encode())


def test_jsonl() -> None:
    line = jsonl.render(review())
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert line.isascii()
    pretty = json.dumps(json.loads(line), indent=1, ensure_ascii=False) + "\n"
    same_as_golden("review.json", pretty.encode())


def test_mail() -> None:
    written, refused = replies(review(), SETTINGS, MASK, NOW)
    assert refused == ()
    same_as_golden("review.mbox", b"".join(as_mboxrd(reply.raw) for reply in written))


def test_a_counter_patch_in_the_thread_makes_no_series_incomplete() -> None:
    aside = Problem("counter-patch", "reply@example.org", "a reply has a patch of its own")
    whole = review()._replace(errors=())
    assert text.summary(whole._replace(errors=(aside,))) == text.summary(whole)
    lost = Problem("missing-patch", "cover@example.org", "part 2 of 2 is not here")
    assert text.summary(whole._replace(errors=(aside, lost))).startswith("incomplete: 1 problem")
