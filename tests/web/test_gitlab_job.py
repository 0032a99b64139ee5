# SPDX-License-Identifier: GPL-2.0-or-later
"""The example job for GitLab: GitLab's schema takes it, and its script really runs.

It runs in bash as the runner starts it, in a checkout that tries to be run
itself, and clones this project from a repository beside it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from tests.web.branches import FOUND, Repository
from tests.web.installed import installed, lay_traps, lend_packages, source
from tests.web.running import environment
from tests.web.shops import GitLabShop, opened

pytestmark = pytest.mark.integration
FILE = ROOT / "contrib/ci/gitlab-ci.yml"
JOB = yaml.safe_load(FILE.read_text())["revokebot"]


@pytest.fixture
def shop(repository: Repository, tmp_path: Path) -> Iterator[GitLabShop]:
    with opened(GitLabShop, repository, tmp_path) as shop:
        assert isinstance(shop, GitLabShop)
        lay_traps(repository.path)
        yield shop


@pytest.fixture
def bot(tmp_path: Path) -> Path:
    """What `mktemp -d` makes for the job: a virtualenv is in it that has the packages."""
    folder = tmp_path / "bot"
    lend_packages(folder / "venv")
    return folder


def run(shop: GitLabShop, bot: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the job's script in the checkout of the merge request."""
    upstream = shop.folder / "upstream"
    if not upstream.exists():
        source(upstream)
        there = Repository(upstream)
        there.git("init", "-q")
        there.git("add", "-A", "-f")
        there.git("commit", "-qm", "all")
    programs = shop.folder / "programs"
    programs.mkdir(exist_ok=True)
    (programs / "mktemp").write_text(f'#!/bin/sh\n[ "$*" = -d ] && echo "{bot}"\n')
    (programs / "mktemp").chmod(0o755)
    own = {
        "PIP_NO_INDEX": "1",
        "BOT_URL": str(upstream),
        "BOT_COMMIT": Repository(upstream).git("rev-parse", "HEAD"),
    }
    assert own.keys() & JOB["variables"].keys() == own.keys() - {"PIP_NO_INDEX"}
    given = {**JOB["variables"], **shop.variables(), **own, **variables}
    home = environment(shop.folder, **given)
    home["PATH"] = f"{programs}:{Path(sys.executable).parent}:{home['PATH']}"
    done = subprocess.run(
        ["bash", "-c", "set -eo pipefail\n" + "\n".join(JOB["script"])],
        cwd=shop.repository.path, env=home, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not (shop.repository.path / "caught").exists()
    return done


def report(shop: GitLabShop) -> list[object]:
    """What the job keeps as its Code Quality report."""
    name = JOB["artifacts"]["reports"]["codequality"]
    found: list[object] = json.loads((shop.repository.path / name).read_text())
    return found


def test_the_job_comments_and_runs_nothing_of_the_checkout(shop: GitLabShop, bot: Path) -> None:
    done = run(shop, bot)
    assert done.returncode == JOB["allow_failure"]["exit_codes"], done.stderr
    assert installed(bot / "venv")
    assert len(shop.stickies) == 1
    assert len(shop.remarks) == len(FOUND)
    assert len(report(shop)) == len(FOUND)


def test_without_a_token_there_is_the_report(shop: GitLabShop, bot: Path) -> None:
    done = run(shop, bot, GITLAB_TOKEN="")
    assert done.returncode == JOB["allow_failure"]["exit_codes"], done.stderr
    assert shop.server.writes == []
    assert len(report(shop)) == len(FOUND)


def test_a_job_that_cannot_say_it_fails(shop: GitLabShop, bot: Path) -> None:
    done = run(shop, bot, GITLAB_TOKEN="wrong")
    assert done.returncode == 3, done.stderr
    assert done.returncode != JOB["allow_failure"]["exit_codes"]
    assert len(report(shop)) == len(FOUND)


def test_gitlabs_schema_takes_it() -> None:
    tool = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [tool, "--builtin-schema", "vendor.gitlab-ci", FILE],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
