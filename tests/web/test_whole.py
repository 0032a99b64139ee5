# SPDX-License-Identifier: GPL-2.0-or-later
"""Where lines of a patch are at the end of its branch, and in the diff that a forge shows.

Held against git: what a line says is looked up in the commit that it is said to be in.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

import pytest

from bot.landing import land, shown
from bot.sources import SourceOptions, open_source
from bot.sources.git import range_diff
from bot.web.whole import WholeDiff
from checks.api import Confidence, Finding, Patch, Series, Severity
from checks.source.diff import Line
from tests.forges.lines import Line as Numbers
from tests.forges.lines import lines_of
from tests.web.branches import BEFORE, MOVED, Repository, branch
from tests.web.chains import chain

pytestmark = pytest.mark.integration
SEEDS = range(40)


class Branch:
    """A branch, and what git says of it."""

    def __init__(self, made: Repository) -> None:
        self.made = made
        (posting,) = open_source("master..topic", SourceOptions(newer=False, tree=made.path))
        self.series: Series = posting.series
        self.whole = WholeDiff(range_diff(made.path, "master", "topic"))
        self.commits = made.git("rev-list", "--reverse", "master..topic").split()
        self.file = cache(self._file)
        self.texts = cache(self._texts)

    def _file(self, commit: str, path: str) -> list[str]:
        return self.made.git("show", f"{commit}:{path}").split("\n")

    def _texts(self, commit: str) -> set[str]:
        """All that any file says."""
        names = self.made.git("ls-tree", "-r", "--name-only", commit).split("\n")
        return {line.strip() for name in names for line in self.file(commit, name)}

    def findings(self) -> Iterator[tuple[Finding, Patch, Line]]:
        """One on each line of each patch."""
        for patch in self.series.patches:
            for change in patch.change.all_files:
                for line in change.lines:
                    yield finding(patch, change.path, line), patch, line


def finding(patch: Patch, path: str, line: Line) -> Finding:
    """One at `line` of the change to `path`."""
    side = "old" if line.new is None else "new"
    number = line.old if line.new is None else line.new
    assert number is not None
    where = (path, number, side, line.whole, line.at)
    kind = ("rule", "topic", Severity.ERROR, Confidence.HIGH, patch.ref)
    return Finding(*kind, *where, None, "message", "", (), "")


def survives(branch: Branch, patch: Patch, line: Line) -> bool:
    """Whether every later commit has the line, or every earlier one for one that is taken away."""
    at = branch.commits.index(patch.msgid.partition("@")[0])
    before, after = ["master", *branch.commits[:at]], branch.commits[at + 1 :]
    others = before if line.new is None else after
    return all(line.text.strip() in branch.texts(commit) for commit in others)


@pytest.fixture(scope="module", params=SEEDS)
def drawn(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Branch:
    """A branch that is drawn from a seed."""
    return Branch(chain(tmp_path_factory.mktemp("drawn") / "linux", request.param))


def test_lines_are_followed_as_git_has_them(drawn: Branch) -> None:
    branch = drawn
    for found, patch, line in branch.findings():
        spot = land(found, branch.series)
        if spot is not None:
            commit = "topic" if spot.side == "new" else "master"
            assert spot.side == found.side
            assert branch.file(commit, spot.path)[spot.line - 1].strip() == line.text.strip()
        assert (spot is not None) == survives(branch, patch, line), (found, spot)
        near = shown(found, branch.series)
        assert near.line >= 1
        if line.new is not None and spot is not None:
            assert near == spot


def test_places_are_lines_of_the_diff_that_a_forge_shows(drawn: Branch) -> None:
    branch, diffs = drawn, cache(partial(lines_of, drawn.made, "topic"))
    placed = 0
    for found, _patch, line in branch.findings():
        place = branch.whole.place(found, branch.series)
        spot = land(found, branch.series)
        if place is None:
            assert spot is None or line.sign == " " or line.text not in diffs(spot.path).values()
            continue
        placed += 1
        known = diffs(place.path)
        assert known[Numbers(place.old, place.new)] == line.text
        assert spot is not None
        assert (place.side == "old") == (place.new is None)
    assert placed


def test_a_merge_of_the_other_branch_misplaces_nothing(tmp_path: Path) -> None:
    made = branch(tmp_path / "linux", 2)
    made.git("checkout", "-q", "master")
    top = "#include <linux/dma-buf.h>\n"
    made.change("frob: include more", {MOVED[1]: (top, f"#include <linux/a.h>\n{top}")})
    made.git("checkout", "-q", "topic")
    made.git("merge", "-q", "--no-edit", "master")
    read = Branch(made)
    for found, _, line in read.findings():
        place = read.whole.place(found, read.series)
        if place is not None:
            assert lines_of(made, "topic", place.path)[Numbers(place.old, place.new)] == line.text


def test_the_same_text_twice_is_told_apart(tmp_path: Path) -> None:
    made = branch(tmp_path / "linux", 0)
    double = "int frob_open(struct frob *frob)\n{\n"
    made.change("frob: twice", {MOVED[1]: (double, f"{double}\tfrob();\n\tfrob();\n")})
    read = Branch(made)
    places = [
        read.whole.place(found, read.series) for found, _, line in read.findings() if line.added
    ]
    first = BEFORE.split("\n").index("int frob_open(struct frob *frob)") + 3
    assert [place and place.new for place in places] == [first, first + 1]


def test_what_cannot_be_read_is_nowhere(tmp_path: Path) -> None:
    made = branch(tmp_path / "linux", 2)
    read = Branch(made)
    (found,) = (found for found, patch, line in read.findings() if "dma_buf_fd" in line.text)
    first = read.series.patches[0]
    damaged = first._replace(number=3, diff=first.diff.replace("@@ -", "@@ ", 1))
    series = read.series._replace(patches=(*read.series.patches, damaged))
    assert land(found, read.series) is not None
    assert land(found, series) is None
    assert WholeDiff("diff --git a/x b/x\n@@ damaged").place(found, read.series) is None
