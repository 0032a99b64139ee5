# SPDX-License-Identifier: GPL-2.0-or-later
"""The diff reader: whole or refused, never half."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from checks.source.blobs import apply_hunks, place_hunks
from checks.source.diff import DiffError, FileDiff, parse_section, split_sections
from tests.checks.build import diff_of

LINE = st.text(
    st.characters(blacklist_characters="\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", codec="utf-8"),
    max_size=20,
)
FILE = st.lists(LINE, max_size=30)

SIMPLE = """\
diff --git a/f.c b/f.c
index 1111111..2222222 100644
--- a/f.c
+++ b/f.c
@@ -1,3 +1,4 @@ int main(void)
 one
-two
+2
+2.5
 three
"""


def text_of(lines: list[str]) -> str:
    return "".join(line + "\n" for line in lines)


def files_of(diff: str) -> list[FileDiff]:
    return [parse_section(section) for section in split_sections(diff)]


@given(FILE, FILE)
def test_hunks_lead_from_before_to_after(before: list[str], after: list[str]) -> None:
    diff = diff_of(text_of(before), text_of(after))
    assume(diff)
    (file,) = files_of(diff)
    places = place_hunks(tuple(before), file.hunks, slide=False)
    assert places is not None
    assert apply_hunks(tuple(before), file.hunks, places)[0] == tuple(after)


@given(FILE, FILE)
def test_every_line_knows_its_place_in_the_diff(before: list[str], after: list[str]) -> None:
    diff = diff_of(text_of(before), text_of(after))
    lines = diff.split("\n")
    for file in files_of(diff):
        for line in (line for hunk in file.hunks for line in hunk.lines):
            assert lines[line.at] == line.whole


@given(FILE, FILE, st.data())
def test_a_diff_that_lost_a_line_is_refused_or_was_not_hurt(
    before: list[str], after: list[str], data: st.DataObject
) -> None:
    diff = diff_of(text_of(before), text_of(after))
    lines = diff.split("\n")[:-1]
    body = [n for n, line in enumerate(lines) if n > 2 and not line.startswith("@@ ")]
    assume(body)
    lost = data.draw(st.sampled_from(body))
    with pytest.raises(DiffError):
        files_of("\n".join(lines[:lost] + lines[lost + 1 :]) + "\n")


@given(st.text(max_size=400))
def test_any_text_gives_files_or_an_error(text: str) -> None:
    for diff in (text, SIMPLE + text, "diff --git a/x b/x\n" + text):
        with suppress(DiffError):
            files_of(diff)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda d: d.replace("@@ -1,3 +1,4 @@", "@@ -1,3 +1,5 @@"), "shorter"),
        (lambda d: d.replace("@@ -1,3 +1,4 @@", "@@ -1,3 +1,3 @@"), "longer"),
        (lambda d: d.replace("@@ -1,3 +1,4 @@", "@@ -1,3 +1,4"), "hunk header"),
        (lambda d: d.replace("+2.5\n", "+2.5\nwrapped\n"), "line-wrapped"),
        (lambda d: d.replace(" three\n", ""), "shorter"),
        (lambda d: d.replace("@@ -1,3", "@@@ -1,3"), "combined"),
        (lambda d: d.replace("index 1111111", "index " + "1" * 5000), "longer than 4096"),
    ],
)
def test_damage_is_named(damage: Callable[[str], str], reason: str) -> None:
    with pytest.raises(DiffError, match=reason) as caught:
        files_of(damage(SIMPLE))
    assert caught.value.path == "f.c"


@pytest.mark.parametrize(
    ("old", "new", "paths"),
    [
        ("a/x y.c", "b/x y.c", ("x y.c", "x y.c")),
        ("/dev/null", "b/new.c", (None, "new.c")),
        ("a/gone.c", "/dev/null", ("gone.c", None)),
        ('"a/\\303\\244.c"', '"b/\\303\\244.c"', ("ä.c", "ä.c")),
    ],
)
def test_paths(old: str, new: str, paths: tuple[str | None, str | None]) -> None:
    (file,) = files_of(SIMPLE.replace("--- a/f.c", f"--- {old}").replace("+++ b/f.c", f"+++ {new}"))
    assert (file.old_path, file.new_path) == paths


def test_a_plain_diff_loses_its_tree_name() -> None:
    plain = (
        "\n".join(SIMPLE.split("\n")[2:])
        .replace("a/f.c", "linux-next/d/f.c")
        .replace("b/f.c", "lnx/d/f.c")
    )
    (file,) = files_of(plain)
    assert (file.old_path, file.new_path) == ("d/f.c", "d/f.c")


def test_a_rename_without_a_hunk() -> None:
    (file,) = files_of(
        "diff --git a/x.c b/y.c\nsimilarity index 100%\nrename from x.c\nrename to y.c\n"
    )
    assert (file.old_path, file.new_path, file.hunks) == ("x.c", "y.c", ())


@pytest.mark.parametrize(
    ("quoted", "path"),
    [
        ('"x/gr\\303\\266\\303\\237e.c"', "x/größe.c"),
        ('"x/\\"\\\\\\t.c"', 'x/"\\\t.c'),
        ('"x/\\377.c"', "x/\ufffd.c"),
        ('"x/größe\\".c"', 'x/größe".c'),
        # What git would not write stays.
        ('"x/\\"', "x/\\"),
        ('"x/\\xZ\\N{foo}\\777"', "x/\\xZ\\N{foo}\\777"),
        ('"', '"'),
        ('""', '""'),
    ],
)
def test_a_path_in_quotes(quoted: str, path: str) -> None:
    prefixed = quoted.replace('"x', '"b/x')
    (file,) = files_of(
        f"diff --git a/x.c {prefixed}\n--- a/x.c\n+++ {prefixed}\n@@ -1 +1 @@\n-a\n+b\n"
    )
    assert file.new_path == path
    (file,) = files_of(f"diff --git a/x.c {prefixed}\nrename from x.c\nrename to {quoted}\n")
    assert file.new_path == path


def test_a_removed_line_that_looks_like_a_header() -> None:
    (file,) = files_of(SIMPLE.replace("-two\n", "--- two\n"))
    assert [line.text for line in file.hunks[0].lines if line.sign == "-"] == ["-- two"]


def test_no_newline_marker_is_no_line() -> None:
    (file,) = files_of(SIMPLE.rstrip("\n") + "\n\\ No newline at end of file\n")
    assert len(file.hunks[0].lines) == 5
