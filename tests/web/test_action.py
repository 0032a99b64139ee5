# SPDX-License-Identifier: GPL-2.0-or-later
"""action.yml and the example workflows: GitHub's schemas take them, and the steps really run.

The steps run in bash as the runner starts it, with what `uses:` gives them, in
a checkout that tries to be run itself.  Only the lock is empty, so that nothing
is fetched: the virtualenv sees the packages of this one by a path file.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.forges import github
from tests.web.branches import FOUND, Repository
from tests.web.installed import installed, lay_traps, lend_packages, source
from tests.web.running import environment
from tests.web.shops import GitHubShop, opened

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
WORKFLOWS = sorted((ROOT / "contrib/ci").glob("github*.yml"))
INSTALL, REVIEW = ACTION["runs"]["steps"]
INPUT = re.compile(r"\$\{\{ inputs\.([a-z-]+) \}\}")


def step(
    what: dict[str, Any], folder: Path, variables: dict[str, str], **inputs: str
) -> subprocess.CompletedProcess[str]:
    """Run one step of the action, as the runner does: `shell: bash`."""
    values = {name: str(one["default"]) for name, one in ACTION["inputs"].items()} | inputs
    given = {
        name: INPUT.sub(lambda found: values[found[1]], text)
        for name, text in what.get("env", {}).items()
    }
    script = Path(variables["RUNNER_TEMP"]) / "step.sh"
    script.write_text(what["run"])
    home = environment(script.parent, **variables, **given)
    home["PATH"] = f"{Path(sys.executable).parent}:{home['PATH']}"
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
        cwd=folder, env=home, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def temp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """$RUNNER_TEMP after the first step."""
    folder = tmp_path_factory.mktemp("runner")
    source(folder / "action")
    lend_packages(folder / "revokebot")
    (folder / "checkout").mkdir()
    lay_traps(folder / "checkout")
    variables = {"RUNNER_TEMP": str(folder), "GITHUB_ACTION_PATH": str(folder / "action")}
    done = step(INSTALL, folder / "checkout", {**variables, "PIP_NO_INDEX": "1"})
    assert done.returncode == 0, done.stderr
    assert not (folder / "checkout/caught").exists()
    assert installed(folder / "revokebot")
    return folder


@pytest.fixture
def shop(repository: Repository, tmp_path: Path) -> Iterator[GitHubShop]:
    with opened(GitHubShop, repository, tmp_path) as shop:
        assert isinstance(shop, GitHubShop)
        lay_traps(repository.path)
        yield shop


def review(shop: GitHubShop, temp: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Run the second step in the checkout of the pull request."""
    variables = {**shop.variables(), "RUNNER_TEMP": str(temp)}
    del variables["GITHUB_TOKEN"]
    named = {name.replace("_", "-"): value for name, value in inputs.items()}
    done = step(REVIEW, shop.repository.path, variables, **{"token": github.BOT, **named})
    assert not (shop.repository.path / "caught").exists()
    return done


def test_the_action_comments_and_runs_nothing_of_the_checkout(shop: GitHubShop, temp: Path) -> None:
    done = review(shop, temp)
    assert done.returncode == 1, done.stderr
    assert len(shop.stickies) == 1
    assert len(shop.remarks) == len(FOUND)
    before = list(shop.server.writes)
    assert review(shop, temp, fail_on="never").returncode == 0
    assert shop.server.writes == before


def test_each_input_does_what_it_says(shop: GitHubShop, temp: Path) -> None:
    done = review(shop, temp, dry_run="true", fail_on="never")
    assert done.stdout.count("POST http") == len(FOUND) + 1
    assert shop.server.writes == []
    done = review(shop, temp, token="")
    assert done.stdout.count("\n::") + done.stdout.startswith("::") == len(FOUND)
    inputs = {
        "line_comments": "0",
        "context": "other",
        "select": "importer",
        "ignore": "stub-callback",
        "edition": "renamed",
    }
    done = review(shop, temp, fail_on="never", pull="7", range="master..topic", **inputs)
    assert done.returncode == 0, done.stderr
    (sticky,) = shop.stickies
    assert sticky.startswith("<!-- revokebot other all -->")
    assert "`renamed`" in sticky
    assert "### revokebot: 2 remarks" in sticky
    assert shop.remarks == []
    assert review(shop, temp, select="no-such-rule").returncode == 2


@pytest.mark.parametrize(
    "name", sorted(ACTION["inputs"].keys() - {"token", "context", "dry-run", "line-comments"})
)
def test_an_input_is_never_a_command(shop: GitHubShop, temp: Path, name: str) -> None:
    text = "$(touch caught) `touch caught`; touch caught #\" ' * --dry-run"
    done = review(shop, temp, **{name.replace("-", "_"): text})
    assert done.returncode == 2, done.stderr
    assert "--dry-run" not in done.stdout


def test_no_expression_stands_in_a_script() -> None:
    for what in ACTION["runs"]["steps"]:
        assert "${{" not in what["run"]
    for workflow in WORKFLOWS:
        for job in yaml.safe_load(workflow.read_text())["jobs"].values():
            assert not any("${{" in what.get("run", "") for what in job["steps"])


def test_every_input_comes_to_a_step() -> None:
    used = {found for text in REVIEW["env"].values() for found in INPUT.findall(text)}
    assert used == ACTION["inputs"].keys()


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_the_examples_give_no_more_than_is_needed(workflow: Path) -> None:
    found = yaml.safe_load(workflow.read_text())
    assert found["permissions"] == {"contents": "read", "pull-requests": "write"}
    (job,) = found["jobs"].values()
    checkout, *_, own = job["steps"]
    assert checkout["with"] == {"fetch-depth": 0, "persist-credentials": False}
    assert own["uses"] == "OWNER/revokebot@COMMIT"
    assert own["with"].keys() <= ACTION["inputs"].keys()
    on = found[True]  # YAML 1.1 takes `on` for that
    # With a token that may write, nothing of a stranger is ever checked out.
    assert list(on) == (["pull_request_target"] if "forks" in workflow.name else ["pull_request"])
    assert "ref" not in checkout["with"]


def test_the_commits_of_a_fork_are_fetched_and_not_checked_out(
    shop: GitHubShop, temp: Path
) -> None:
    forks = yaml.safe_load((ROOT / "contrib/ci/github-forks.yml").read_text())
    fetch = next(what for job in forks["jobs"].values() for what in job["steps"] if "run" in what)
    head = shop.repository.head
    shop.repository.git("update-ref", "refs/pull/7/head", head)
    clone = shop.folder / "clone"
    shop.repository.git("clone", "-q", "--single-branch", "-b", "master", "--no-tags",
                        f"file://{shop.repository.path}", str(clone))  # fmt: skip
    there = Repository(clone)
    variables = {**shop.variables(), "RUNNER_TEMP": str(temp), "NUMBER": "7"}
    del variables["GITHUB_TOKEN"]
    done = step({"run": fetch["run"]}, clone, variables)
    assert done.returncode == 0, done.stderr
    assert there.git("rev-parse", "HEAD") == shop.repository.base
    del variables["NUMBER"]
    done = step(REVIEW, clone, variables, token=github.BOT)
    assert done.returncode == 1, done.stderr
    assert len(shop.remarks) == len(FOUND)


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-actions", [ROOT / "action.yml"]),
        ("vendor.github-workflows", WORKFLOWS),
        ("custom.github-workflows-require-timeout", WORKFLOWS),
    ],
)
def test_the_schemas_take_them(schema: str, files: list[Path]) -> None:
    assert files
    tool = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [tool, "--builtin-schema", schema, *files], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
