# SPDX-License-Identifier: GPL-2.0-or-later
"""pre-commit takes our manifest and runs the hook at a real push.

It clones a repository that has the manifest alone.  How the hook gets into a
virtualenv is for tests/test_wheel.py; here `language: system` takes the one at hand.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.b4.test_hooks import HELD, HOOK, STOPPED, clean, hooked, push, there, wrong
from tests.conftest import ROOT
from tests.web.branches import Repository, empty, run_git
from tests.web.running import environment

pytestmark = pytest.mark.integration

MANIFEST = ROOT / ".pre-commit-hooks.yaml"
CONFIG = """\
repos:
  - repo: {hooks}
    rev: {rev}
    hooks:
      - id: revokebot
        language: system
"""


def pre_commit(made: Repository, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "pre_commit", *arguments],
        cwd=made.path, env=environment(made.path.parent, GIT_CONFIG_NOSYSTEM="1"),
        capture_output=True, text=True, check=True,
    )  # fmt: skip


def test_the_manifest_is_valid(tmp_path: Path) -> None:
    made = empty(tmp_path / "linux")
    pre_commit(made, "validate-manifest", str(MANIFEST))


def test_it_stops_a_push(tmp_path: Path) -> None:
    made = hooked(empty(tmp_path / "linux"))
    (made.path / ".git/hooks/pre-push").unlink()
    hooks, commands = tmp_path / "hooks", tmp_path / "bin"
    hooks.mkdir()
    shutil.copy(MANIFEST, hooks)
    run_git(hooks, "init", "-q")
    run_git(hooks, "add", "-A")
    run_git(hooks, "commit", "-q", "-m", "hooks: import")
    commands.mkdir()
    (commands / "revokebot-pre-push").symlink_to(HOOK)
    config = CONFIG.format(hooks=hooks, rev=run_git(hooks, "rev-parse", "HEAD"))
    (made.path / ".pre-commit-config.yaml").write_text(config)
    pre_commit(made, "install", "--hook-type", "pre-push")
    clean(made)
    status, said = push(made, "origin", "topic", commands=commands)
    assert "Passed" in said
    assert status == 0
    assert there(made) == made.head
    before = made.head
    wrong(made)
    status, said = push(made, "origin", "topic", commands=commands)
    assert status == 1
    assert HELD in said
    assert "1 warning in 1 patch" in said
    assert STOPPED in said
    assert there(made) == before
