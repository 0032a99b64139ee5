# SPDX-License-Identifier: GPL-2.0-or-later
"""The hook stops a real push to a real repository where there is something to say, and no other."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.web.branches import IMPORT, Repository, branch, empty, run_git
from tests.web.running import REVOKEBOT, environment

pytestmark = pytest.mark.integration

HOOK = ROOT / "contrib/hooks/pre-push"
STOPPED = "revokebot: stopped; push with --no-verify to go past this\n"
HELD = "dma_buf_fd() is not to be called with"
FILE = "drivers/misc/frob.c"


def hooked(made: Repository) -> Repository:
    """`made` with the hook, and a bare repository as `origin` that has its `master`."""
    run_git(made.path.parent, "init", "-q", "--bare", "remote.git")
    made.git("remote", "add", "origin", str(made.path.parent / "remote.git"))
    made.git("push", "-q", "origin", "master")
    hooks = made.path / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    (hooks / "pre-push").unlink(missing_ok=True)
    (hooks / "pre-push").symlink_to(HOOK)
    return made


@pytest.fixture
def made(tmp_path: Path) -> Repository:
    return hooked(empty(tmp_path / "linux"))


def push(
    made: Repository, *arguments: str, commands: Path = REVOKEBOT.parent, **variables: str
) -> tuple[int, str]:
    """Push, with `commands` on the path too; return the exit status, and all that was said."""
    world = environment(made.path.parent, GIT_CONFIG_NOSYSTEM="1", PYTHONPATH=str(ROOT))
    world["PATH"] = f"{REVOKEBOT.parent}:{commands}:{world['PATH']}"
    done = subprocess.run(
        ["git", "push", "-q", *arguments],
        cwd=made.path, env={**world, **variables}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def there(made: Repository, name: str = "topic") -> str:
    """The commit of a branch in the remote repository; empty when it has none."""
    return made.git("ls-remote", "origin", f"refs/heads/{name}").partition("\t")[0]


def clean(made: Repository, text: str = "one") -> str:
    return made.change(f"frob: say {text}", {FILE: ("\tint ret;", f"\tint ret; /* {text} */")})


def wrong(made: Repository) -> str:
    return made.change(
        "frob: hand out a file", {FILE: ("int frob_open(", f"{IMPORT}int frob_open(")}
    )


def test_a_finding_stops_the_push(tmp_path: Path) -> None:
    made = hooked(branch(tmp_path / "linux"))
    status, said = push(made, "origin", "topic")
    assert status == 1
    assert there(made) == ""
    for place in (f"{FILE}:9: error", f"{FILE}:27: warning", "drivers/misc/frob-dma.c:43: warning"):
        assert place in said
    assert "1 error, 2 warnings in 6 patches" in said
    assert STOPPED in said
    assert push(made, "--no-verify", "origin", "topic") == (0, "")
    assert there(made) == made.head


def test_a_setting_says_what_stops_it(made: Repository) -> None:
    wrong(made)
    assert push(made, "origin", "topic", REVOKEBOT_REVIEW_FAIL_ON="error") == (0, "")
    assert there(made) == made.head


def test_only_what_is_new_is_reviewed(made: Repository) -> None:
    clean(made)
    assert push(made, "origin", "topic") == (0, "")
    wrong(made)
    push(made, "--no-verify", "origin", "topic")
    clean(made, "two")
    assert push(made, "origin", "topic") == (0, "")
    # All of it is there under another name, so nothing is new.
    assert push(made, "origin", "topic:other") == (0, "")
    # Nor is anything when a branch goes.
    assert push(made, "origin", "--delete", "other") == (0, "")
    assert there(made, "other") == ""


def test_a_branch_that_is_made_anew_is_reviewed_from_where_it_left(made: Repository) -> None:
    clean(made)
    push(made, "origin", "topic")
    made.git("checkout", "-q", "-B", "topic", "master")
    wrong(made)
    status, said = push(made, "--force", "origin", "topic")
    assert status == 1
    assert HELD in said
    assert "1 warning in 1 patch" in said


def test_every_branch_of_a_push_counts(made: Repository) -> None:
    wrong(made)
    made.git("checkout", "-q", "-b", "zeal", "master")
    clean(made)
    status, said = push(made, "origin", "topic", "zeal")
    assert status == 1
    assert said.count(HELD) == 1
    assert (there(made), there(made, "zeal")) == ("", "")


def test_the_user_s_git_settings_are_no_matter(made: Repository) -> None:
    for name, value in {
        "diff.noprefix": "true", "diff.context": "0", "format.attach": "true", "format.coverLetter": "true",
        "format.subjectPrefix": "NICE", "format.outputDirectory": "out", "color.ui": "always",
    }.items():  # fmt: skip
        made.git("config", name, value)
    wrong(made)
    status, said = push(made, "origin", "topic")
    assert status == 1
    assert f"{FILE}:29: warning" in said


def test_what_cannot_be_reviewed_stops_it_with_a_reason(made: Repository) -> None:
    wrong(made)
    status, said = push(made, "origin", "topic", REVOKEBOT_REVIEW_EDITION="none")
    assert status == 1
    assert "revokebot: REVOKEBOT_REVIEW_EDITION:" in said
    assert STOPPED in said


def test_more_than_a_series_passes_and_is_told(made: Repository) -> None:
    tip, tree = made.head, made.git("rev-parse", "HEAD^{tree}")
    stream = "".join(
        f"commit refs/heads/topic\ncommitter A <a@author.example> {at} +0000\ndata 1\nx"
        + (f"\nfrom {tip}" if at == 0 else "")
        + f"\nM 040000 {tree} \n"
        for at in range(501)
    )
    run_git(made.path, "fast-import", "--quiet", "--force", text=stream)
    status, said = push(made, "origin", "topic")
    assert status == 0
    assert "501 commits are more than a series; not reviewed" in said
