# SPDX-License-Identifier: GPL-2.0-or-later
"""Commit message and diff, taken out of what lists and mailers put around them."""

from __future__ import annotations

import pytest

from bot.sources.body import find_diff, is_pull_request, split_body
from tests.sources.mails import BODY, DIFF, MESSAGE

FOOTER = (
    "_______________________________________________\nsome-list mailing list -- s@lists.example\n"
)


@pytest.mark.parametrize(
    "tail",
    [
        "",
        "-- \n2.52.0\n\n",
        "--\n2.52.0\n",
        "-- \n2.52.0\n" + FOOTER,
        FOOTER,
        "\n" + FOOTER,
        "\nThanks,\nAnn\n",
    ],
)
def test_diff_ends_with_its_last_hunk(tail: str) -> None:
    body = split_body(MESSAGE + "\n---\n file | 1 +\n\n" + DIFF + tail)
    assert body.diff == DIFF
    assert body.message == MESSAGE
    assert body.sound


def test_removed_line_that_looks_like_a_signature_stays() -> None:
    diff = DIFF.replace("@@ -10,4 +10,5 @@", "@@ -10,5 +10,5 @@") + "-- \n"
    assert split_body(diff + "-- \n2.52.0\n").diff == diff


def test_cut_hunk_is_cut_at_the_signature_and_told() -> None:
    body = split_body(
        BODY.replace(" \treturn 0;\n", "").replace(" \tif (!pot->lid)\n", "\twrapped\n")
    )
    assert not body.sound
    assert body.diff.endswith("teapot_warm(pot);\n")


@pytest.mark.parametrize(
    "prose",
    [
        "diff --git is a command that\nnew file mode likes\n", "+++ snip +++\n", "--- snip ---\n+++ snip +++\n",
        "@@ -1,2 +1,2 @@\n", "--- a/x\n+++ b/x\nwere the names\n", "> diff --git a/x b/x\n> index 1234567..89abcde\n",
    ],
)  # fmt: skip
def test_prose_is_no_header(prose: str) -> None:
    assert find_diff(prose) == -1
    assert split_body(prose + DIFF).diff == DIFF


def test_plain_diff_without_git_header() -> None:
    diff = DIFF[DIFF.index("---") :]
    body = split_body("Why.\n\n" + diff + "-- \nAnn\n")
    assert body.diff == diff
    assert body.message == "Why."


@pytest.mark.parametrize(
    "diff",
    [
        "diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n",
        "diff --git a/x b/x\nold mode 100644\nnew mode 100755\n",
        "diff --git a/x b/x\nnew file mode 100644\nindex 0000000..e69de29\n",
        DIFF + "diff --git a/y b/y\ndeleted file mode 100644\nindex e69de29..0000000\n",
        "diff --git a/x.bin b/x.bin\nindex 1234567..89abcde 100644\nBinary files a/x.bin and b/x.bin differ\n",
        "diff --git a/x.bin b/x.bin\nindex 1234567..89abcde 100644\nGIT binary patch\nliteral 1\nIcmZ\n\nliteral 0\nHcm\n",
        DIFF.replace(" \treturn 0;\n", " \treturn 0;\n\\ No newline at end of file\n"),
    ],
)
def test_changes_without_hunks(diff: str) -> None:
    body = split_body("Why.\n---\n" + diff + "-- \n2.52.0\n")
    assert body.diff == diff
    assert body.sound


def test_stripped_blank_context_line_counts() -> None:
    stripped = DIFF.replace("\n \n", "\n\n")
    assert split_body(stripped + "-- \n2.52.0\n").diff == stripped


def test_scissors_and_in_body_headers() -> None:
    text = (
        "Hi all, see below.\n\n-- >8 --\nFrom: Someone Else <else@author.example>\nSubject: y\n\n"
        + BODY
    )
    assert split_body(text).message == MESSAGE


def test_header_without_diff_is_told() -> None:
    body = split_body("Why.\n---\ndiff --git a/x\nb/x index 1234567..89abcde\n")
    assert body.diff == ""
    assert not body.sound


def test_pull_request() -> None:
    text = "Hi,\n\nThe following changes since commit 1234:\n\nare available in the Git repository at:\n"
    assert is_pull_request(text)
    assert not is_pull_request(BODY)
