# SPDX-License-Identifier: GPL-2.0-or-later
"""Remarks in a quoted diff, as b4's own code takes them apart: whatever stands in the patch."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.render.inline import inline
from checks.api import Finding, Patch, PatchRef
from tests.render.b4_reader import comments
from tests.render.reviews import FIRST, MASK, finding, posting, review_of

POSTING = posting()
PATCH: Patch = POSTING.series.patches[0]
LINE = "+\treturn attach->importer_ops->invalidate_mappings;"
PATH = "drivers/misc/frob.c"


def at(line: int, text: str, **changes: Any) -> Finding:
    """A finding at a line of `PATH`."""
    side = "old" if text.startswith("-") else "new"
    place = {"file": PATH, "line": line, "side": side, "line_text": text, "diff_line": line}
    return finding(PATCH, LINE)._replace(
        **{"fingerprint": f"{line:x}", "symbol": f"frob_{line}", **place, **changes}
    )


def shown(*findings: Finding) -> list[tuple[str, int, str]]:
    """Where b4 shows them, by the quotation alone, and the last line of each remark."""
    text = inline(review_of(POSTING, *findings), findings, MASK)
    return [(one["path"], one["line"], one["text"].split("\n")[-1]) for one in comments(text)]


SAID = "[revokebot: null-importer-ops]"


def test_each_line_has_its_place() -> None:
    assert shown(at(7, "-\tx();"), at(9, "+\tx();"), at(12, " \tx();")) == [
        (f"a/{PATH}", 7, SAID), (f"b/{PATH}", 9, SAID), (f"b/{PATH}", 12, SAID),
    ]  # fmt: skip


def test_two_remarks_on_a_line_are_one_comment() -> None:
    other = at(7, "+\tx();", rule="callback-test", message="Please do not.")
    assert shown(at(7, "+\tx();"), other, at(8, "+\ty();")) == [
        (f"b/{PATH}", 7, "[revokebot: callback-test]"), (f"b/{PATH}", 8, SAID),
    ]  # fmt: skip


def test_the_same_number_on_the_other_side_is_another_line() -> None:
    assert shown(at(7, "-\tx();"), at(7, "+\ty();", diff_line=8)) == [
        (f"a/{PATH}", 7, SAID), (f"b/{PATH}", 7, SAID),
    ]  # fmt: skip


def test_nothing_is_said_of_nothing() -> None:
    assert inline(review_of(POSTING), (), MASK) == ""


@pytest.mark.parametrize("text", ["--- i;", "+++ i;", "--- a/drivers/misc/frob.c", "+++ /dev/null"])
def test_a_line_that_b4_takes_for_a_file_header_is_left_out(text: str) -> None:
    assert shown(at(7, text), at(9, "+\tx();")) == [(f"b/{PATH}", 9, SAID)]


def test_a_path_that_can_be_no_header_is_left_out() -> None:
    assert shown(at(7, "+\tx();", file="a\n> +++ b/b")) == []


@pytest.mark.parametrize(
    "text", ["+a\x0cb", "+a\rb", "+\x85", "+\u2028> -x", "+a\r", "", "+", "+> x"]
)
def test_a_line_may_have_anything_in_it(text: str) -> None:
    assert shown(at(7, text), at(9, "+\tx();")) == [(f"b/{PATH}", 7, SAID), (f"b/{PATH}", 9, SAID)]


@pytest.mark.parametrize(
    "evil", ["> diff --git a/x b/x", ">+\tfoo", "[ ... ]", "\x0c> -x", "\u2028>+ y"]
)
def test_words_of_the_patch_in_a_remark_stay_a_remark(evil: str) -> None:
    hostile = at(7, "+\tx();", message=f"Do not:\n{evil}", suggestion=f"{evil}\n")
    assert shown(hostile, at(9, "+\tx();")) == [(f"b/{PATH}", 7, SAID), (f"b/{PATH}", 9, SAID)]


@given(
    lines=st.lists(st.sampled_from(["a();", "a();", "}", "", "b();"]), min_size=1, max_size=30),
    signs=st.lists(st.sampled_from("+- "), min_size=30, max_size=30),
    start=st.integers(1, 99),
)
def test_lines_that_are_often_the_same_are_told_apart(
    lines: list[str], signs: list[str], start: int
) -> None:
    """In b4's own diff, whose context may be another one, too."""
    rows, found, old, new = [], [], start, start
    for number, (sign, text) in enumerate(zip(signs, lines, strict=False)):
        rows.append(sign + text)
        line = old if sign == "-" else new
        # One that is twice on a line is one comment, and says no more than the first.
        found.append(
            at(
                line,
                sign + text,
                diff_line=number,
                symbol=f"frob_{number}",
                fingerprint=f"{number}",
            )
        )
        old += sign != "+"
        new += sign != "-"
    text = inline(review_of(POSTING, *found), found, MASK)
    head = f"diff --git a/{PATH} b/{PATH}\n--- a/{PATH}\n+++ b/{PATH}\n@@ -{start} +{start} @@\n"
    read = comments(text, head + "\n".join(rows) + "\n")
    expected = [("a/" if one.side == "old" else "b/", one.line) for one in found]
    assert [(one["path"][:2], one["line"]) for one in read] == expected
    assert all(one.patch == PatchRef(1, FIRST, PATCH.subject) for one in found)
