# SPDX-License-Identifier: GPL-2.0-or-later
"""The reference of the rules as Markdown: complete, and no text of a rule is markup."""

from __future__ import annotations

import re

from bot.render.reference import page, section
from checks import load_rules
from checks.api import Bad, Edition, Good
from tests.test_cli import run

MASK = "https://example.org/r/%s"
HOSTILE = load_rules()[0]._replace(
    title="Take *care* of <b> & [this](x) | `that`",
    rationale=(
        "dma_buf_*_unlocked() and _this_ one\nkeep a_name_like_this.\n\n# none\n\n- none\n\n1. none\n\n===="
        "\n\nAn escape \x1b[2J\n\n" + "long " * 40
    ),
    bad=(Bad("+ ```diff\n+\t````c\n", at=("`tick`",), edition=Edition.SEED, todo=True),),
    good=(Good("+ fine\n", why="it is <fine>"),),
)  # fmt: skip


def outside_of_fences(text: str) -> list[str]:
    """The lines that are no example; fails when a fence is left open or closed too early."""
    lines, fence = [], ""
    for line in text.split("\n"):
        if fence:
            if line == fence:
                fence = ""
        elif line.startswith("```"):
            fence = line.removesuffix("diff")
            assert line == fence + "diff"
        else:
            lines.append(line)
    assert not fence
    return lines


def test_every_rule_is_there_and_the_contents_lead_to_it() -> None:
    lines = outside_of_fences(page(load_rules(), MASK))
    headings = [line.removeprefix("### ") for line in lines if line.startswith("### ")]
    assert headings == [rule.id for rule in load_rules()]
    anchors = re.findall(r"\]\(#([a-z0-9-]+)\)", "\n".join(lines))
    topics = [line.removeprefix("## ") for line in lines if line.startswith("## ")]
    assert sorted(anchors) == sorted(headings + topics)
    assert lines[0] == "# Rules"


def test_every_example_is_there_with_where_it_fires() -> None:
    for rule in load_rules():
        text = section(rule, MASK)
        diffs = [bad.diff for bad in rule.bad] + [good.diff for good in rule.good]
        assert [diff for diff in diffs if diff.rstrip() not in text] == [], rule.id
        for bad in rule.bad:
            assert all(place in text for place in bad.at), rule.id
        assert text.count("\nIt is told of at\n") == len(rule.bad)


def test_what_a_rule_says_is_no_markup() -> None:
    lines = outside_of_fences(section(HOSTILE, MASK))
    assert r"**Take \*care\* of \<b\> \& \[this\](x) \| \`that\`**" in lines
    assert r"dma_buf\_\*\_unlocked() and \_this\_ one keep a_name_like_this." in lines
    assert [line for line in lines if "none" in line] == [r"\# none", r"\- none", r"1\. none"]
    assert r"\====" in lines
    assert r"An escape \\x1b\[2J" in lines
    assert max(map(len, lines)) <= 100
    assert "Bad (edition seed, a known gap):" in lines
    assert "- `` `tick` ``" in lines
    assert r"Good, it is \<fine\>:" in lines


def test_a_fence_is_longer_than_those_in_it() -> None:
    assert "\n`````diff\n+ ```diff\n+\t````c\n`````\n" in section(HOSTILE, MASK)


def test_sources_are_links_or_paths() -> None:
    rule = HOSTILE._replace(meta=HOSTILE.meta._replace(sources=("a b@c.org", "include/x.h")))
    assert section(rule, MASK).endswith(
        "Sources:\n\n- <https://example.org/r/a%20b@c.org>\n- `include/x.h`\n"
    )


def test_the_command_prints_it() -> None:
    whole = run("rules", "--format", "markdown").stdout
    assert whole == page(load_rules(), "https://lore.kernel.org/r/%s")
    one = run("rules", "resv-lock", "--format", "markdown").stdout
    assert one.startswith("### resv-lock\n")
    assert one.rstrip("\n") in whole
