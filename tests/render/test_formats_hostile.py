# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever a patch holds, a machine format stays valid, loses nothing, and makes no link of it."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.config import Settings
from bot.model import Review
from bot.render.plain import one_line
from bot.settings import ReplySettings, ReviewSettings
from bot.told import told
from bot.web.branch import read_branch
from checks.api import Patch, Problem
from tests.render.formats import FORMATS, cases, read
from tests.render.rendered import HOSTILE, inert
from tests.render.rendered import read as page_of
from tests.render.reviews import finding, posting, review_of
from tests.render.test_formats import expected, render, same
from tests.web.branches import MOVED, branch

MORE = ("]]>", "<failure>", "&#0;", "\ufffe", "\uffff", "\x0b", "%2e", "%", "{0}", "{ 1}", "[x](1)", "[x](https://e)",
        "\x00", "\ud800", "\udcff", "\u2029", '"', "//", "/", "../", "?", "#", ";", "a:b", " (2)", ":7")  # fmt: skip
"""What JSON, XML, a URI or a message of SARIF could make more of than text."""
PIECE = st.sampled_from(HOSTILE + MORE)
TEXT = st.lists(PIECE | st.text(max_size=4), min_size=1, max_size=6).map("".join).filter(bool)
NASTY = "frob 100%25 [größe] #1?&'<名>;.c"


@st.composite
def reviews(draw: st.DrawFn) -> Review:
    """A review whose every text is hostile."""
    patch = Patch(1, draw(TEXT), draw(TEXT), draw(TEXT), "+x\n")
    made = posting(patch)
    made = made._replace(series=made.series._replace(subject=draw(TEXT), msgid=draw(TEXT)))
    found = [
        finding(
            patch, "+x", file=draw(TEXT), line_text="+" + draw(TEXT), message=draw(TEXT),
            symbol=draw(st.none() | TEXT), suggestion=draw(st.just("") | TEXT), line=number + 1,
            fingerprint=f"{number:016x}", references=("m@example.org", draw(TEXT)),
        )
        for number in range(draw(st.integers(1, 2)))
    ]  # fmt: skip
    errors = (
        Problem("damaged-diff", draw(TEXT), draw(TEXT)),
        Problem("rule-crashed", draw(TEXT), draw(TEXT)),
    )
    return review_of(made, *found, errors=errors)


def held(name: str, path: str) -> str:
    """`path` as format `name` can have it."""
    if name == "junit":
        return one_line(path).replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")
    if name != "sarif":
        return re.sub("[\ud800-\udfff]", "\ufffd", path)
    try:
        path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return re.sub("[\ud800-\udfff]", "?", path)
    # Bytes that are one character together are read as that.
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


@pytest.mark.parametrize("name", FORMATS)
@given(reviews())
@settings(max_examples=25)
def test_the_document_is_valid_and_has_all_that_is_told(name: str, review: Review) -> None:
    found = read(name, render(name, [review, review]))
    wanted: Counter[tuple[str, str, int, str]] = Counter()
    for (rule, path, line, severity), count in expected([review, review]).items():
        wanted[rule, held(name, path), line, severity] += count
    assert Counter(one[:4] for one in found) == wanted


@given(TEXT, TEXT)
@example("`x` [a](https://evil.example.org) {0}", "[a](2)")
def test_a_message_of_sarif_has_no_link_and_takes_no_argument(words: str, change: str) -> None:
    made = posting()
    one = finding(made.series.patches[0], "+}", message=words, suggestion=change)
    done = review_of(made, one, errors=(Problem("damaged-diff", words, change),))
    (run,) = json.loads(render("sarif", [done]))["runs"]
    (once,) = run["invocations"]
    for holder in (*run["results"], *once["toolExecutionNotifications"]):
        text = holder["message"]["text"]
        assert "](" not in text
        assert re.search(r"\{\d+\}", text) is None


@given(TEXT, st.just("") | TEXT)
def test_a_message_for_reviewdog_is_text_in_a_comment(words: str, change: str) -> None:
    made = posting()
    done = review_of(made, finding(made.series.patches[0], "+}", message=words, suggestion=change))
    for name in ("rdjson", "rdjsonl"):
        (one,) = read(name, render(name, [done]))
        inert(page_of(one.words), ("p", "pre", "code"))


def test_nothing_hostile_is_a_control_character_for_who_prints_it() -> None:
    made = posting()
    one = finding(made.series.patches[0], "+}", message="a\x1b[2J\u202eb", file="\x9b.c")
    text = render("junit", [review_of(made, one)])
    assert re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text) is None
    assert len(cases(text)) == 1


@pytest.mark.integration
def test_a_file_name_that_git_quotes_is_read_back_as_it_is(tmp_path: Path) -> None:
    made = branch(tmp_path / "linux")
    made.git("mv", MOVED[2], f"drivers/misc/{NASTY}")
    made.change("frob: find a better name", {})
    done = read_branch(made.base, made.head, Settings(review=ReviewSettings(tree=made.path)))
    (listed,) = (
        one for one in made.git("ls-tree", "-rz", "--name-only", "topic").split("\0") if one
    )
    for name in FORMATS:
        found = read(name, render(name, done.reviews))
        same(found, done.reviews)
        assert {one.path for one in found} == {listed}
    assert len(told(done.reviews[0])) == 3


def test_a_homepage_is_a_url_or_nothing() -> None:
    for homepage in ("", "javascript:x", "no url", "https://bot.example.org/\u00f6"):
        chosen = Settings(reply=ReplySettings(homepage=homepage))
        for name in FORMATS:
            assert read(name, render(name, [], settings=chosen)) == []
