# SPDX-License-Identifier: GPL-2.0-or-later
"""Git ranges, public-inbox epochs and blob look-ups, with the real git on repositories made here."""

from __future__ import annotations

import os
import pickle
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.errors import InputError
from bot.sources import SourceOptions, open_source
from bot.sources.git import epoch_mails, is_range
from bot.sources.gitcmd import explain
from bot.sources.tree import GitTree
from tests.sources.mails import series

pytestmark = pytest.mark.integration
Git = Callable[..., str]

HOSTILE_CONFIG = """\
[diff]
noprefix = true
mnemonicPrefix = true
context = 9
interHunkContext = 9
external = /bin/false
suppressBlankEmpty = true
algorithm = patience
renames = false
[color]
ui = always
[format]
signature = "my signature"
subjectPrefix = "TEA"
attach = true
thread = true
coverLetter = true
numbered = false
signOff = true
headers = "Cc: list@lists.example\\n"
from = true
[core]
pager = /bin/false
quotePath = false
abbrev = 4
[user]
name = Someone Else
email = else@author.example
[log]
showSignature = true
"""


def runner(folder: Path, home: Path) -> Git:
    """Return a function that runs git in `folder`, with a date that is always the same."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    clean |= {"HOME": str(home), "XDG_CONFIG_HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"}
    for role in ("AUTHOR", "COMMITTER"):
        clean |= {f"GIT_{role}_NAME": "A U Thor", f"GIT_{role}_EMAIL": "author@author.example"}
        clean |= {f"GIT_{role}_DATE": "2026-03-03T10:00:00+0100"}

    def git(*arguments: str) -> str:
        run = subprocess.run(
            ["git", *arguments], cwd=folder, env=clean, capture_output=True, text=True, check=True
        )
        return run.stdout.strip()

    return git


@pytest.fixture
def git(tmp_path: Path) -> Git:
    """A tree `tree` with three commits on a file, the last two of them patches."""
    tree = tmp_path / "tree"
    (tmp_path / "home").mkdir()
    tree.mkdir()
    git = runner(tree, tmp_path / "home")
    git("init", "-q", "-b", "master")
    for step in range(3):
        lines = [f"int cup{n};\n" for n in range(9)]
        lines[4] = f"int spoon{step};\n"
        (tree / "teapot.c").write_text("".join(lines))
        git("add", "teapot.c")
        git("commit", "-q", "-m", f"teapot: step {step}\n\nFrom here on it pours.")
    return git


def test_range(git: Git, tmp_path: Path) -> None:
    options = SourceOptions(tree=tmp_path / "tree")
    (posting,) = open_source("HEAD~2..HEAD", options)
    assert [patch.subject for patch in posting.series.patches] == [
        "[PATCH 1/2] teapot: step 1", "[PATCH 2/2] teapot: step 2",
    ]  # fmt: skip
    assert posting.problems == ()
    assert posting.series.msgid == git("rev-parse", "HEAD~1") + "@git.invalid"
    assert posting.series.patches[0].message == "From here on it pours."
    (posting,) = open_source("HEAD^!", options)
    assert posting.series.patches[0].subject == "[PATCH] teapot: step 2"


def test_configuration_of_the_user_changes_nothing(
    git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = SourceOptions(tree=tmp_path / "tree")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    plain = list(open_source("HEAD~2..HEAD", options))
    (tmp_path / "home" / ".gitconfig").write_text(HOSTILE_CONFIG)
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "/bin/false")
    monkeypatch.setenv("GIT_DIFF_OPTS", "--unified=0")
    assert list(open_source("HEAD~2..HEAD", options)) == plain
    diff = plain[0].series.patches[0].diff
    assert diff.startswith("diff --git a/teapot.c b/teapot.c\n")
    assert diff.endswith(" int cup7;\n")


def test_file_of_format_patch_is_the_same_series(git: Git, tmp_path: Path) -> None:
    (posting,) = open_source("HEAD~2..HEAD", SourceOptions(tree=tmp_path / "tree"))
    saved = tmp_path / "0001.patch"
    saved.write_text(git("format-patch", "--stdout", "--full-index", "HEAD~2..HEAD") + "\n")
    (read,) = open_source(str(saved))
    assert read.series == posting.series
    assert read.problems == ()


def test_tree_of_another_user(git: Git, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    # Git's own test switch, since only root can give a folder away.
    run = subprocess.run(
        ["git", "rev-parse", "--git-dir"],
        cwd=tree,
        env=os.environ | {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    message = str(explain(tree, run.stderr))
    assert message.endswith(f"run `git config --global --add safe.directory {tree}`")


def test_range_refusals(git: Git, tmp_path: Path) -> None:
    git("config", "core.fsmonitor", "false")
    options = SourceOptions(tree=tmp_path / "tree")
    for spec, words in (("no..HEAD", "is no range"), ("HEAD..HEAD", "has 0 commits")):
        with pytest.raises(InputError, match=words):
            list(open_source(spec, options))
    with pytest.raises(InputError, match="is no git repository"):
        list(open_source("HEAD~1..HEAD", SourceOptions(tree=tmp_path)))
    with pytest.raises(InputError, match="give a range"):
        list(open_source(str(tmp_path / "tree")))


@pytest.mark.parametrize("spec", ["A..B", "v6.1..", "..HEAD", "HEAD^!", "main@{1}..HEAD", "a...b"])
def test_is_range(spec: str) -> None:
    assert is_range(spec)


@pytest.mark.parametrize("spec", ["a@b.example", "--output=x..y", "x", "a b..c", "-x..y", ".."])
def test_is_no_range(spec: str) -> None:
    assert not is_range(spec)


def inbox(folder: Path, home: Path, mails: list[bytes]) -> Path:
    """A bare epoch with one commit a mail, and a deletion at the end."""
    folder.mkdir(parents=True)
    git = runner(folder, home)
    git("init", "-q", "--bare", "-b", "master", ".")
    stream = b""
    for mark, one in enumerate(mails, 1):
        stream += b"commit refs/heads/master\ncommitter A <a@x> %d +0000\ndata 0\n" % mark
        stream += b"M 100644 inline m\ndata %d\n%b\n" % (len(one), one)
    stream += b"commit refs/heads/master\ncommitter A <a@x> 99 +0000\ndata 0\nD m\nM 100644 inline d\ndata 1\nx\n"
    subprocess.run(["git", "fast-import", "--quiet"], cwd=folder, input=stream, check=True)
    return folder


@pytest.mark.parametrize("place", ["git/0.git", "0.git", "."])
def test_inbox(tmp_path: Path, place: str) -> None:
    mails = series(3)
    (tmp_path / "home").mkdir()
    root = tmp_path / "inbox"
    epoch = inbox(root / place, tmp_path / "home", mails)
    assert [mail for _, mail in epoch_mails(epoch)] == mails
    seen: list[tuple[int, int]] = []
    (posting,) = open_source(str(root), SourceOptions(), lambda *step: seen.append(step))
    assert posting.series.complete
    assert seen[-1][0] == 4
    commits = [commit for commit, _ in epoch_mails(epoch)]
    assert [mail for _, mail in epoch_mails(epoch, since=commits[1])] == mails[2:]
    with pytest.raises(InputError, match="any more; read it from its start"):
        list(epoch_mails(epoch, since="12" * 20))


def test_epochs_in_order_of_their_number(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    for number, one in ((0, 0), (2, 1), (10, 2)):
        inbox(
            tmp_path / "inbox" / "git" / f"{number}.git",
            tmp_path / "home",
            series(2)[one : one + 1],
        )
    (posting,) = open_source(str(tmp_path / "inbox"))
    assert list(posting.mails) == [f"s{n}@author.example" for n in range(3)]


def test_inbox_without_commits(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "0.git")], check=True)
    with pytest.raises(InputError, match="has no commit"):
        list(open_source(str(tmp_path)))


def test_stopping_early_leaves_no_process(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    epoch = inbox(
        tmp_path / "0.git", tmp_path / "home", [b"x" * 300_000 + b"%d" % n for n in range(9)]
    )
    mails = epoch_mails(epoch)
    next(mails)
    mails.close()  # would raise ResourceWarning for a process left behind


def test_tree(git: Git, tmp_path: Path) -> None:
    oid = git("rev-parse", "HEAD:teapot.c")
    with GitTree(tmp_path / "tree") as tree:
        content = tree.blob(oid)
        assert content == tree.blob(oid[:12]) == tree.file("teapot.c")
        assert content is not None
        assert content.startswith(b"int cup0;")
        assert pickle.loads(pickle.dumps(tree)).blob(oid) == content
        assert tree.blob("0" * 40) is None
        assert tree.blob("feedfacefeed") is None
        assert tree.blob(git("rev-parse", "HEAD")) is None
        for path in (
            "nothing.c",
            "../teapot.c",
            "/etc/passwd",
            "a\nb",
            "./teapot.c",
            "",
            "cup pot 3",
        ):
            assert tree.file(path) is None
        assert tree.file("teapot.c") == content


def test_tree_ambiguous_hash(git: Git, tmp_path: Path) -> None:
    seen: dict[str, bytes] = {}
    for number in range(2000):
        text = b"tea %d\n" % number
        from hashlib import sha1

        oid = sha1(b"blob %d\0%b" % (len(text), text)).hexdigest()[:4]
        if oid in seen:
            break
        seen[oid] = text
    for blob in (seen[oid], text):
        (tmp_path / "tree" / "blob").write_bytes(blob)
        git("hash-object", "-w", "blob")
    with GitTree(tmp_path / "tree") as tree:
        assert tree.blob(oid) is None


def test_tree_refusals(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(InputError, match="give"):
            GitTree(path)
