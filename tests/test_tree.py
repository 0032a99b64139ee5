# SPDX-License-Identifier: GPL-2.0-or-later
"""`--tree`: whole files from a real git tree, in a review and in the workers of a backtest."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.test_cli import run

BASE = "#include <linux/dma-buf.h>\n\n" + "int pad;\n" * 30 + "void frob(void)\n{\n\tone();\n}\n"
AFTER = BASE.replace("\tone();\n", "\tone();\n\tdma_buf_pin(attach);\n")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A git tree with the file before the patch, and beside it the patch as a mail."""
    path = tmp_path / "linux"

    def git(*args: str) -> str:
        argv = [
            "git",
            "-C",
            str(path),
            "-c",
            "user.name=x",
            "-c",
            "user.email=x@example.org",
            *args,
        ]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

    path.mkdir()
    git("init", "-q")
    (path / "frob.c").write_text(BASE)
    git("add", "frob.c")
    git("commit", "-q", "-m", "base")
    (path / "frob.c").write_text(AFTER)
    diff = git("diff", "--full-index")
    head = "From: a <a@example.org>\nSubject: [PATCH] frob: pin\nMessage-ID: <t@example.org>\n"
    (tmp_path / "patch.mbox").write_text(f"{head}\nPin.\n---\n{diff}")
    return path


@pytest.mark.integration
@pytest.mark.parametrize(
    "command", [["review", "--format", "jsonl", "--fail-on", "never"], ["backtest"]]
)
def test_the_tree_is_read_and_confirmed(tree: Path, command: list[str]) -> None:
    mbox = str(tree.parent / "patch.mbox")
    with_tree = json.loads(run(*command, "--tree", str(tree), mbox).stdout)
    assert with_tree["series"]["context"] == "tree"
    assert with_tree["series"]["verified"] is True
    without = json.loads(run(*command, mbox).stdout)
    assert without["series"]["context"] == "diff"
    assert without["series"]["verified"] is None


@pytest.mark.integration
def test_the_text_says_what_was_seen(tree: Path) -> None:
    mbox = str(tree.parent / "patch.mbox")
    assert (
        "whole files, confirmed by git's hashes" in run("review", "--tree", str(tree), mbox).stdout
    )
    assert "only what the hunks show" in run("review", mbox).stdout
