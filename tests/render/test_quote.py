# SPDX-License-Identifier: GPL-2.0-or-later
"""Quoting a diff: which lines are shown, and that nothing in a hunk is taken for a header."""

from __future__ import annotations

from bot.render.quote import quote

TWO_FILES = """\
diff --git a/x.sql b/x.sql
index 1..2 100644
--- a/x.sql
+++ b/x.sql
@@ -1,3 +1,3 @@ heading
 one
--- a comment of SQL
+++ b of another language
 three
@@ -9,1 +9,2 @@
 nine
+ten
diff --git a/y b/y
new file mode 100644
--- /dev/null
+++ b/y
@@ -0,0 +1,7 @@
+1
+2
+3
+4
+5
+6
+7"""


def rows(*texts: str) -> list[int]:
    return [TWO_FILES.split("\n").index(text) for text in texts]


def quoted(*texts: str) -> list[list[str]]:
    return [block.split("\n") if block else [] for block in quote(TWO_FILES, rows(*texts))]


def test_lines_of_a_hunk_that_look_like_headers_are_lines() -> None:
    (block,) = quoted("+++ b of another language")
    assert block == [
        "> [ ... ]",
        "> diff --git a/x.sql b/x.sql",
        "> index 1..2 100644",
        "> --- a/x.sql",
        "> +++ b/x.sql",
        "> @@ -1,3 +1,3 @@ heading",
        ">  one",
        "> --- a comment of SQL",
        "> +++ b of another language",
    ]


def test_a_later_hunk_keeps_the_file_header() -> None:
    (block,) = quoted("+ten")
    assert block[4:] == ["> +++ b/x.sql", "> [ ... ]", "> @@ -9,1 +9,2 @@", ">  nine", "> +ten"]


def test_headers_are_repeated_only_where_they_change() -> None:
    first, second, third = quoted("--- a comment of SQL", "+ten", "+2")
    assert first[-1] == "> --- a comment of SQL"
    assert second == ["> [ ... ]", "> @@ -9,1 +9,2 @@", ">  nine", "> +ten"]
    assert third == [
        "> diff --git a/y b/y",
        "> new file mode 100644",
        "> --- /dev/null",
        "> +++ b/y",
        "> @@ -0,0 +1,7 @@",
        "> +1",
        "> +2",
    ]


def test_neighbours_are_not_cut_from_each_other() -> None:
    assert quoted("+1", "+2", "+2", "+7")[1:] == [
        ["> +2"],
        [],
        ["> +3", "> +4", "> +5", "> +6", "> +7"],
    ]


def test_a_line_of_the_header_can_be_the_anchor() -> None:
    (block,) = quoted("+++ b/y")
    assert block[-1].startswith("> ")
    assert "> +++ b/y" in block


def test_a_diff_without_git_header() -> None:
    diff = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b"
    assert quote(diff, [4])[0].split("\n") == [
        "> [ ... ]", "> --- a/x", "> +++ b/x", "> @@ -1 +1 @@", "> -a", "> +b",
    ]  # fmt: skip
