# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever a patch holds stays text in Markdown, and none of it is lost, says GitHub's own parser."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.render.markdown import Made, code, fence, link, source, text, wrap
from bot.render.plain import escape, one_line
from tests.render.rendered import ACTIVE, HOSTILE, bare, inert, read

PIECES = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=6), max_size=9).map("".join)
SPACED = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=6), max_size=9).map(" ".join)
STRINGS = PIECES | SPACED | st.text(max_size=60)


def test_the_tests_would_see_what_a_forge_makes_of_it() -> None:
    seen = {one for one in HOSTILE if one < "\ud800" and ACTIVE.search(read(f"a {one}").words)}
    assert {"@user", "@org/team", "#1", "GH-1", "!2", "&4", "~label", "deadbee", ":smile:"} <= seen
    page = read("# a\n\n<b>x</b> https://e.example.org [x](y) ![z](z)\n\n- [ ] x\n")
    tags = {tag.partition("[")[0] for tag in page.tags}
    assert tags == {"h1", "p", "b", "a", "img", "ul", "li", "input"}


@given(STRINGS)
@example("1. x")
@example("deadbee/close")
@example("a\n/close\nb")
@example("`a` `b` c`")
@example("`" * 9)
def test_running_text_stays_text_wherever_a_line_has_it(words: str) -> None:
    made = text(words)
    assert "\n" not in made
    lost = bare(one_line(words))
    for before, after, tag in (
        ("", "", "p"), ("- ", ": x", "li"), ("### ", "", "h3"), ('a, in "', '":', "p"), ("> ", "", "p"),
    ):  # fmt: skip
        page = read(f"{before}{made}{after}")
        inert(page, (tag, "code", "ul", "blockquote"))
        assert bare(before.lstrip("-#> ")) + lost + bare(after) == bare(page.text)


@given(STRINGS)
def test_no_line_gives_an_order(words: str) -> None:
    assert (
        not text(words).lstrip().startswith(("/", "#", "-", "+", "*", ">", ":", "|", "=", "~", "["))
    )


@given(STRINGS)
@example("\n\n# x\n \n- y\n\n/close")
def test_paragraphs_stay_paragraphs(words: str) -> None:
    page = read(wrap(words))
    inert(page)
    assert bare(escape(" ".join(words.split()))) == bare(page.text)


@given(STRINGS)
@example("")
@example("   ")
@example("\\")
@example("`")
@example("a``b```")
def test_code_is_what_it_was(words: str) -> None:
    wanted = one_line(words).strip() or " "
    for before, after in (("", ""), ("x ", " y"), ("- ", "")):
        page = read(f"{before}{code(words)}{after}")
        assert page.code == (wanted,)
        assert page.links == ()


@given(STRINGS, st.sampled_from(["", "diff"]))
@example("```\n/close\n```\n# x\n````", "diff")
@example("~~~\n", "")
@example("\n\n x\n\n", "diff")
def test_a_fence_ends_where_it_should(block: str, info: str) -> None:
    wanted = escape(block).rstrip("\n").replace("\n```", "\n\\x60``")
    wanted = "\\x60``" + wanted[3:] if wanted.startswith("```") else wanted
    page = read(f"before\n\n{fence(block, info)}\n\nafter")
    assert page.words == "before\n\nafter\n"
    assert page.code == (wanted + "\n",)
    assert page.tags == ("p", "pre", "code", "p")


def test_no_line_of_a_fence_is_three_marks() -> None:
    """GitLab has looked for `^```$` to find where its quick actions begin again."""
    made = fence("```\n/close\n```\n")
    assert made.split("\n") == ["```", "\\x60``", "/close", "\\x60``", "```"]


@given(STRINGS)
@example("]: x")
def test_a_link_leads_where_it_should_and_nowhere_else(words: str) -> None:
    page = read(link(code(words), f"https://example.org/{words}"))
    (only,) = page.links
    assert only.startswith("https://example.org/")
    assert set(page.tags) == {"p", "a", "code"}
    assert link(code(words), words.replace("http", "")) == code(words)


@given(STRINGS)
def test_a_source_is_a_link_or_code(words: str) -> None:
    page = read("See " + source(f"https://example.org/r/{words}"))
    assert page.tags == ("p", "a")
    assert read("See " + source("Documentation/" + words)).tags == ("p", "code")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("Please test it, e.g. by dma_buf_pin().", "Please test it, e.g. by `dma_buf_pin()`."),
        ('Since v6.13-rc2: F(a, "B"); it is so', 'Since v6.13-rc2: `F(a, "B")`; it is so'),
        ("One of `return ret;`, or (frob->x)", "One of `return ret;`, or (`frob->x`)"),
        ("A U Thor <author@example.org>", "A U Thor `<author@example.org>`"),
        ("It can't be - or can it?", "It can't be - or can it?"),
        ("ask @user about #12", "ask `@user` about `#12`"),
        ("1. one", "1\\. one"),
        ("", ""),
    ],
)
def test_it_reads_as_a_person_would_write_it(words: str, shown: str) -> None:
    assert text(words) == shown
    assert isinstance(text(words), Made)


@pytest.mark.parametrize(
    "piece", ["(", "f(a,", ")", "`", "` ", "a(b ", "f())", "a-", "1.", "a'", '"`']
)
def test_long_text_takes_little_time(piece: str) -> None:
    made = text(piece * 50_000 + "#")
    assert len(made) > 50_000
