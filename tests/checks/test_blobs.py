# SPDX-License-Identifier: GPL-2.0-or-later
"""The tree depth: whole files by the hash in the index line, of one patch and of a series."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bot.sources.tree import GitTree
from checks import load_rules
from checks.api import Patch, Series
from checks.runner import Outcome, run

FILE = "drivers/misc/frob.c"
BEFORE = (
    "#include <linux/dma-buf.h>\n\nint frob_go(struct frob *frob)\n{\n"
    + "".join(f"\tstep_{n}(frob);\n" for n in range(20))
    + "\tdma_resv_lock(frob->dmabuf->resv, NULL);\n"
    + "".join(f"\tlocked_step_{n}(frob);\n" for n in range(20))
    + "\treturn 0;\n}\n"
)
PINNED = BEFORE.replace(
    "\tlocked_step_9(frob);\n", "\tlocked_step_9(frob);\n\tdma_buf_pin(frob->attach);\n"
)
LATER = PINNED.replace("\tstep_9(frob);\n", "\tstep_9(frob);\n\tdma_buf_unpin(frob->attach);\n")


def git(tree: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@localhost", *words]
    return subprocess.run(command, cwd=tree, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / FILE).parent.mkdir(parents=True)
    for name, text in (("base", BEFORE), ("pin", PINNED), ("unpin", LATER)):
        (tmp_path / FILE).write_text(text)
        git(tmp_path, "add", "-A")
        git(tmp_path, "commit", "-qm", name)
    return tmp_path


def series_of(tree: Path) -> Series:
    """The two commits on top of the base, as patches."""
    diffs = [git(tree, "diff", f"main~{n + 1}", f"main~{n}") for n in (1, 0)]
    patches = tuple(Patch(n, f"{n}@test", f"[PATCH {n}/2]", "", d) for n, d in enumerate(diffs, 1))
    return Series("1@test", "[PATCH 1/2]", 1, patches, 2)


def base_only(tree: Path, where: Path) -> Path:
    """A clone that has the base and none of the objects after it."""
    git(tree, "clone", "-q", "--no-local", "--depth=1", "--branch=base", tree.as_uri(), str(where))
    return where


def review(series: Series, tree: Path) -> Outcome:
    with GitTree(tree) as blobs:
        return run(series, load_rules(), blobs=blobs)


def test_the_whole_function_is_seen_and_verified(tree: Path, tmp_path: Path) -> None:
    series = series_of(tree)
    git(tree, "tag", "base", "main~2")
    outcome = review(series, base_only(tree, tmp_path / "clone"))
    assert (outcome.context, outcome.verified, outcome.errors) == ("tree", True, ())
    assert [(f.rule, f.patch.number, f.symbol) for f in outcome.findings] == [
        ("resv-lock", 2, "frob_go")
    ]


def test_without_a_tree_nothing_is_guessed(tree: Path) -> None:
    outcome = run(series_of(tree), load_rules())
    assert (outcome.context, outcome.verified, outcome.findings) == ("diff", None, ())


def test_a_tree_without_the_blob_is_unverified(tree: Path, tmp_path: Path) -> None:
    series = series_of(tree)
    other = tmp_path / "other"
    (other / FILE).parent.mkdir(parents=True)
    (other / FILE).write_text("/* moved down */\n" + BEFORE)
    git(other, "init", "-q")
    git(other, "add", "-A")
    git(other, "commit", "-qm", "base")
    outcome = review(series, other)
    assert (outcome.context, outcome.verified) == ("tree", False)
    assert [(f.rule, f.patch.number) for f in outcome.findings] == [("resv-lock", 2)]


def test_a_tree_that_does_not_fit_is_not_used(tree: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "README").write_text("something else\n")
    git(other, "init", "-q")
    git(other, "add", "-A")
    git(other, "commit", "-qm", "base")
    assert review(series_of(tree), other).context == "diff"


def test_the_repr_of_a_long_series_grows_with_its_length(tree: Path) -> None:
    """Each patch has the one before it; were it all before it, every patch would double this."""
    patch = series_of(tree).patches[0]
    for number in range(2, 40):
        patch = patch._replace(number=number, previous=patch)
    assert len(repr(patch)) < 100 * len(repr(series_of(tree).patches[0]))
