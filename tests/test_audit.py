# SPDX-License-Identifier: GPL-2.0-or-later
"""`revokebot audit`: whole files of a real git tree, found by words, judged as new."""

from __future__ import annotations

import json
import subprocess
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest

from bot.commands.audit import add
from bot.commands.audit import run as run_audit
from bot.config import Settings
from bot.setup import Setup
from bot.sources.files import TreeFile, added, files_at_head, release
from bot.sources.modules import modules_of
from bot.sources.tree import GitTree
from checks.api import Patch, Series
from checks.source.change import read_change
from tests.test_cli import refused, run

pytestmark = pytest.mark.integration

MAKEFILE = "# SPDX\nVERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 3\n"
HEADER = "struct dma_buf_attach_ops {\n\tvoid (*move_notify)(struct dma_buf_attachment *a);\n};\n"
UNPIN = """\
#include <linux/dma-buf.h>

static void frob_release(struct frob *frob)
{
	dma_buf_unpin(frob->attach);
	dma_buf_detach(frob->dmabuf, frob->attach);
}
"""
OPS = """\
#include "frob.h"

static const struct dma_buf_attach_ops frob_attach_ops = {
	.allow_peer2peer = true,
	.move_notify = frob_moved,
};
"""
MOVED = """\
#include "frob.h"

/* The map is made again later; dma_buf_pin() is for others. */
void frob_moved(struct dma_buf_attachment *attach)
{
	dma_buf_detach(attach->dmabuf, attach);
}
"""
FILES = {
    "Makefile": MAKEFILE,
    "include/linux/dma-buf.h": HEADER,
    "drivers/misc/frob/unpin.c": UNPIN,
    "drivers/misc/frob/ops.c": OPS,
    "drivers/misc/frob/moved.c": MOVED,
    "drivers/misc/frob/notes.txt": UNPIN,
    "drivers/misc/other/idle.c": "int idle;\n",
    "drivers/misc/locked/fine.c": UNPIN.replace("\tdma_buf_unpin", "\tdma_buf_frob"),
}


def commit(path: Path, files: Mapping[str, str | bytes]) -> Path:
    """A git tree at `path` with `files` at HEAD."""
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    git(path, "init", "-q")
    git(path, "add", "-A")
    git(path, "commit", "-q", "-m", "base")
    return path


def git(path: Path, *args: str) -> str:
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    return subprocess.run(
        ["git", "-C", str(path), *who, *args], check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return commit(tmp_path_factory.mktemp("linux"), FILES)


def audit(tree: Path, *args: str) -> list[dict[str, Any]]:
    done = run("audit", "--tree", str(tree), "--format", "jsonl", "--fail-on", "never", *args)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def places(told: list[dict[str, Any]], rule: str = "resv-lock") -> list[tuple[str, int]]:
    return [(f["file"], f["line"]) for t in told for f in t["findings"] if f["rule"] == rule]


def test_lines_are_those_of_the_file_and_ops_are_seen_from_beside(tree: Path) -> None:
    told = audit(tree, "drivers")
    assert places(told) == [("drivers/misc/frob/moved.c", 6), ("drivers/misc/frob/unpin.c", 5)]
    found = next(f for t in told for f in t["findings"] if f["file"].endswith("unpin.c"))
    lines = UNPIN.split("\n")
    assert found["line_text"] == "+" + lines[found["line"] - 1]
    assert (found["symbol"], found["side"]) == ("frob_release", "new")


def test_one_object_a_folder_with_its_files(tree: Path) -> None:
    told = audit(tree, "--select", "resv-lock")
    by_folder = {one["series"]["msgid"]: one["series"] for one in told}
    assert by_folder["drivers/misc/frob"]["files"] == [
        "drivers/misc/frob/moved.c",
        "drivers/misc/frob/ops.c",
        "drivers/misc/frob/unpin.c",
    ]
    assert "drivers/misc/other" not in by_folder
    series = by_folder["drivers/misc/frob"]
    assert series["subject"] == "[Linux 6.12] drivers/misc/frob"
    assert (series["context"], series["verified"]) == ("tree", True)
    assert series["edition"] == "move-notify"  # by the header, which no folder of them has
    assert all(one["schema"] == "revokebot.review/1" for one in told)


def test_the_core_header_is_seen_with_the_core(tmp_path: Path) -> None:
    core = {"drivers/dma-buf/dma-buf.c": UNPIN, "include/linux/dma-buf.h": HEADER}
    (one,) = audit(commit(tmp_path, core))
    assert one["series"]["files"] == sorted(core)


def test_paths_limit_it(tree: Path) -> None:
    assert places(audit(tree, "drivers/misc/frob/unpin.c")) == [("drivers/misc/frob/unpin.c", 5)]
    assert audit(tree, "drivers/misc/other/") == []
    assert audit(tree, ".") == audit(tree)


def test_the_edition_can_be_given(tree: Path) -> None:
    told = audit(tree, "drivers/misc/frob", "--edition", "merged")
    assert told[0]["series"]["edition"] == "merged"


def test_only_what_is_committed_counts(tmp_path: Path) -> None:
    path = commit(tmp_path, {"drivers/a.c": UNPIN, "drivers/b.c": UNPIN})
    (path / "drivers/a.c").unlink()
    (path / "drivers/b.c").write_text("int nothing;\n")
    assert places(audit(path)) == [("drivers/a.c", 5), ("drivers/b.c", 5)]


def test_a_bare_clone_will_do(tree: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(tree), "bare.git")
    assert audit(tmp_path / "bare.git") == audit(tree)


def test_the_number_of_workers_changes_nothing(tree: Path) -> None:
    assert audit(tree, "--jobs", "1") == audit(tree, "--jobs", "3")


def test_text_says_what_where_and_how_much(tree: Path) -> None:
    done = run("audit", "--tree", str(tree), "--select", "resv-lock", "drivers/misc/frob")
    assert done.returncode == 1
    assert done.stdout.startswith("Linux 6.12\n  edition move-notify: ")
    place = "drivers/misc/frob/unpin.c:5: error in frob_release [resv-lock, high confidence]\n"
    code = "    static void frob_release(struct frob *frob)\n    {\n    \tdma_buf_unpin(frob->attach);\n"
    assert place + code in done.stdout
    assert done.stdout.endswith("\n2 errors in 3 files in 1 folder\n")
    assert "2 findings: 2 resv-lock\n0 problems\n" in done.stderr


def test_clean_and_skipped_are_told_apart(tree: Path) -> None:
    done = run("audit", "--tree", str(tree), "drivers/misc/frob/ops.c", "--select", "resv-lock")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (
        0,
        "clean: 1 file in 1 folder, nothing to say",
    )
    done = run("audit", "--tree", str(tree), "drivers/misc/other")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "skipped: no rule is about any file there"


def test_output_goes_to_the_file(tree: Path, tmp_path: Path) -> None:
    path = tmp_path / "report"
    done = run("audit", "--tree", str(tree), "--output", str(path), "--fail-on", "never")
    assert (done.returncode, done.stdout) == (0, "")
    assert "unpin.c:5: error" in path.read_text()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "no tree is given; name a kernel git tree with --tree DIR"),
        (("--tree", "{tree}", "driver"), "driver: no such file or folder at HEAD of"),
        (("--tree", "{tree}", "driver"), "did you mean 'drivers'?"),
        (("--tree", "{tree}", "drivers/misc/frib"), "did you mean 'drivers/misc/frob'?"),
        (("--tree", "{tree}", "/etc/passwd"), "/etc/passwd: is no path inside of the tree"),
        (("--tree", "{tree}", "../x"), "../x: is no path inside of the tree"),
        (("--tree", "{tree}", "Makefile"), "Makefile: has no C file"),
        (("--tree", "{tree}/drivers"), "give --tree its root"),
        (("--tree", "{tree}", "--select", "export-rationale"), "about the words of a mail"),
        (("--tree", "{tree}", "--jobs", "-1"), "must be above 0"),
        (("--tree", "{tree}", "--format", "mail"), "invalid choice: 'mail'"),
    ],
)
def test_mistakes_are_told_in_one_line(tree: Path, args: tuple[str, ...], said: str) -> None:
    assert said in refused("audit", *(arg.format(tree=tree) for arg in args))


def test_a_tree_without_a_commit_is_a_mistake(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert str(tmp_path) in refused("audit", "--tree", str(tmp_path))


def test_odd_bytes_are_read_all_the_same(tmp_path: Path) -> None:
    said = UNPIN.replace("{\n", '{\n\tpr_info("Fr\xf6b");\n').encode("latin-1")
    latin = b"/* Fr\xf6b */\n" + said + b"\f\n\0\n"
    odd = 'drivers/o "d\td.c'
    path = commit(tmp_path, {"drivers/latin.c": latin, odd: UNPIN.rstrip("\n")})
    told = audit(path)
    assert [one["errors"] for one in told] == [[]]
    assert places(told) == [("drivers/latin.c", 7), (odd, 5)]


def test_links_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "link.c").symlink_to("file.c")
    path = commit(tmp_path, {"file.c": UNPIN})
    assert [file.path for file in files_at_head(path)] == ["file.c"]


def test_a_blob_that_is_not_there_is_a_problem(tree: Path) -> None:
    missing = TreeFile("drivers/misc/frob/gone.c", "100644", "1" * 40)
    with GitTree(tree) as blobs:
        (module,) = modules_of([missing], blobs, lambda _: True)
    assert module.files == ()
    (problem,) = module.posting.problems
    assert (problem.kind, problem.where) == ("missing-blob", "drivers/misc/frob/gone.c")


def test_a_rule_that_crashes_is_status_2(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def crash(_: Series) -> NoReturn:
        raise RuntimeError("bang")

    def of(settings: Settings) -> Setup:
        setup = whole(settings)
        return setup._replace(rules=tuple(rule._replace(check=crash) for rule in setup.rules))

    whole = Setup.of
    monkeypatch.setattr(Setup, "of", of)
    parser = ArgumentParser()
    parser.add_argument("--config")
    add(parser)
    args = parser.parse_args(["--tree", str(tree), "--select", "resv-lock", "drivers/misc/frob"])
    assert run_audit(args) == 2
    told = capsys.readouterr()
    assert "\ncrashed: rules failed and may have missed something; nothing found" in told.out
    assert "1 problem: 1 rule-crashed\n" in told.err


def test_the_diff_is_what_git_would_write(tree: Path) -> None:
    file = next(f for f in files_at_head(tree) if f.path.endswith("unpin.c"))
    shown = git(tree, "show", "--full-index", "--format=", "HEAD", "--", file.path)
    assert added(file, UNPIN.encode()) == shown
    (change,) = read_change(Patch(1, "", "", "", added(file, UNPIN.encode()))).files
    assert [line.text for line in change.lines] == UNPIN.splitlines()


def test_release() -> None:
    assert release(MAKEFILE.encode()) == "6.12"
    assert release(b"all:\n\tcc\n") == release(None) == ""


@pytest.mark.parametrize(
    ("declared", "needs"),
    [
        ("dma_buf_map_attachment_unlocked", False),  # as in the stable kernels of 6.1
        ("dma_buf_map_attachment_unlocked dma_buf_vmap_unlocked", True),
    ],
)
def test_the_header_tells_whether_map_needs_the_lock(
    tmp_path: Path, declared: str, needs: bool
) -> None:
    unmap = UNPIN.replace("dma_buf_unpin(frob->attach)", "dma_buf_unmap_attachment(attach, t, d)")
    path = commit(tmp_path, {"include/linux/dma-buf.h": f"int {declared};\n", "drivers/a.c": unmap})
    assert places(audit(path)) == [("drivers/a.c", 5)] * needs
