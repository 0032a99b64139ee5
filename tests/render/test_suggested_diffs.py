# SPDX-License-Identifier: GPL-2.0-or-later
"""A diff that stands in a reply is taken by `git apply`, given the mail as it is.

Quoted lines are no diff to git; what is left of the mail is what a reader
would try.  `tests/checks/test_suggestions.py` holds the same of the finding alone.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bot.render.mail import Reply
from checks.api import Finding, Patch
from tests.checks.build import after
from tests.render.examples import Example, examples
from tests.render.reading import RETURN, changed, one, text_of
from tests.render.reviews import HEADER_DIFF, finding

HEADER = "include/linux/dma-buf.h"


def diffs_of(reply: Reply) -> list[Finding]:
    return [found for found in reply.findings if found.suggestion.startswith("--- a/")]


SUGGESTING = [
    pytest.param(example, reply, id=f"{example.name}-{number}")
    for example in examples()
    for number, reply in enumerate(example.replies(), 1)
    if diffs_of(reply)
]


def applied(text: str, files: dict[str, str], folder: Path) -> dict[str, str]:
    """What `git apply` makes of `files` with `text`, which it must take whole."""
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")
    run = subprocess.run(
        ["git", "apply", "--whitespace=nowarn", "-"],
        input=text, cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr + text
    return {path: (folder / path).read_text(encoding="utf-8") for path in files}


def files_of(patch: Patch, found: list[Finding]) -> dict[str, str]:
    return {each.file: after(patch, each.file) for each in found}


def test_many_examples_suggest_a_diff() -> None:
    assert len(SUGGESTING) > 40


@pytest.mark.parametrize(("example", "reply"), SUGGESTING)
def test_the_mail_of_an_example_applies(example: Example, reply: Reply, tmp_path: Path) -> None:
    found = diffs_of(reply)
    (patch,) = (one for one in example.series.patches if one.ref == found[0].patch)
    before = files_of(patch, found)
    by_mail = applied(text_of(reply), before, tmp_path / "mail")
    assert by_mail != before
    suggested = "".join(dict.fromkeys(each.suggestion for each in found))
    assert by_mail == applied(suggested, before, tmp_path / "suggestion")


@pytest.mark.parametrize("ends", ["\n \n \n", " \n", "+\n+\n", " \t\n", " x \n"])
def test_blank_lines_at_the_end_of_a_diff_are_part_of_it(ends: str, tmp_path: Path) -> None:
    lines = ends.lstrip("\n").split("\n")[:-1]
    kept = [line[1:] for line in lines if line.startswith(" ")]
    number = len(HEADER_DIFF.split("\n"))
    hunk = f"@@ -{number},{1 + len(kept)} +{number},{2 + len(lines)} @@"
    diff = "\n".join([f"--- a/{HEADER}", f"+++ b/{HEADER}", hunk, " last", "+more", *lines]) + "\n"
    _, patch = changed()
    reply = one(finding(patch, RETURN, suggestion=diff, references=()))
    filler = "filler\n" * (number - 1)
    files = {HEADER: filler + "\n".join(["last", *kept]) + "\n"}
    wanted = filler + "\n".join(["last", "more", *(line[1:] for line in lines)]) + "\n"
    assert applied(text_of(reply), files, tmp_path) == {HEADER: wanted}


@pytest.mark.parametrize("line", [" last\r", "+\x0c", "-- ", " /* \u202e */"])
def test_a_diff_that_could_not_stand_in_a_mail_as_it_is_is_left_out(line: str) -> None:
    diff = f"--- a/{HEADER}\n+++ b/{HEADER}\n@@ -1,2 +1,2 @@\n first\n{line}\n"
    _, patch = changed()
    body = text_of(one(finding(patch, RETURN, suggestion=diff)))
    assert "importer_ops is NULL" in body
    assert "\n--- a/" not in body
    assert "like this" not in body
