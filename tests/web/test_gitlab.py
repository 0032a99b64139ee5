# SPDX-License-Identifier: GPL-2.0-or-later
"""What only GitLab has: pipelines, the Code Quality report, discussions that people resolve."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bot.errors import InvalidError
from bot.web.api import Api
from bot.web.api import Server as Named
from bot.web.comments import mark
from bot.web.gitlab import GitLab, request_of
from bot.web.whole import Place
from bot.web.wish import Remark
from tests.delivery.tls import certificate
from tests.forges import gitlab
from tests.forges.lines import lines_of
from tests.forges.server import serving
from tests.web.branches import FOUND, LOCKED, MOVED, Repository
from tests.web.shops import GitLabShop, opened

pytestmark = pytest.mark.integration
FILE = MOVED[2]
UNLOCKED = "\tfrob_stop(frob);\n\tdma_buf_unpin(frob->attach);\n"
DETACH = "`dma_buf_detach()` further down"


@pytest.fixture
def shop(repository: Repository, tmp_path: Path) -> Iterator[GitLabShop]:
    with opened(GitLabShop, repository, tmp_path) as shop:
        assert isinstance(shop, GitLabShop)
        yield shop


@pytest.fixture
def quality(tmp_path: Path) -> Path:
    """Where the Code Quality report goes to."""
    return tmp_path / "gl-code-quality-report.json"


def told(quality: Path) -> int:
    """How many findings the report has."""
    return len(json.loads(quality.read_text()))


def thread_of(shop: GitLabShop, text: str) -> Any:
    (one,) = (one for one in shop.server.discussions if text in one["notes"][0]["body"])
    return one


def mend(shop: GitLabShop) -> None:
    """Push a commit after which one finding is gone."""
    shop.repository.change(
        "frob: take the lock again", {FILE: (UNLOCKED, f"\tfrob_stop(frob);\n{LOCKED}")}
    )
    shop.push()


@pytest.mark.parametrize("text", ["x", "7x", "-7", "\N{ARABIC-INDIC DIGIT SEVEN}"])
def test_a_merge_request_that_is_no_number_is_an_error(shop: GitLabShop, text: str) -> None:
    done = shop.run(CI_MERGE_REQUEST_IID=text)
    assert done.returncode == 2
    assert "CI_MERGE_REQUEST_IID is no number" in done.stderr
    assert "--merge-request" in done.stderr


def test_a_pipeline_for_the_branch_alone_is_at_its_commit(shop: GitLabShop) -> None:
    head = {"CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": "", "CI_COMMIT_SHA": shop.repository.head}
    shop.good(**head)
    assert len(shop.remarks) == len(FOUND)


def test_a_pipeline_for_no_merge_request_comments_nowhere(shop: GitLabShop, quality: Path) -> None:
    names = [name for name in shop.variables() if name.startswith("CI_MERGE_REQUEST")]
    none = dict.fromkeys(names, "")
    done = shop.run("--range", "master..topic", "--code-quality", str(quality), **none)
    assert done.returncode == 1
    assert "--merge-request" in done.stderr
    assert told(quality) == len(FOUND)
    assert shop.server.asked == []
    done = shop.run(**none)
    assert done.returncode == 2
    assert "--range" in done.stderr


@pytest.mark.parametrize(("fail_on", "status"), [("error", 1), ("never", 0)])
def test_the_pipeline_of_a_fork_has_no_token_and_writes_the_report(
    shop: GitLabShop, quality: Path, fail_on: str, status: int
) -> None:
    flags = ("--fail-on", fail_on, "--code-quality", str(quality))
    done = shop.run(*flags, GITLAB_TOKEN="", CI_JOB_TOKEN="glcbt-1")
    assert done.returncode == status
    assert "no token is in $GITLAB_TOKEN" in done.stderr
    assert told(quality) == len(FOUND)
    assert shop.server.asked == []


def test_a_token_that_may_not_comment_is_told_of_and_the_report_is_there(
    shop: GitLabShop, quality: Path
) -> None:
    done = shop.run("--code-quality", str(quality), GITLAB_TOKEN=gitlab.READER)
    assert done.returncode == 3
    assert "HTTP 403" in done.stderr
    assert "scope api" in done.stderr
    assert told(quality) == len(FOUND)
    assert shop.server.threads == []


def test_a_dry_run_without_a_token_tells_what_it_would_send(
    shop: GitLabShop, quality: Path
) -> None:
    shop.good()
    sent = [one.json for one in shop.server.asked if one.method == "POST"]
    shop.server.asked.clear()
    done = shop.good("--dry-run", "--code-quality", str(quality), GITLAB_TOKEN="",
                     CI_MERGE_REQUEST_PROJECT_URL=f"{shop.server.url}/tea/linux")  # fmt: skip
    assert shop.server.asked == []
    assert told(quality) == len(FOUND)
    assert "if nothing of ours were there" in done.stderr
    told_of = [line.split(" ", 2) for line in done.stdout.splitlines()]
    assert [method for method, *_ in told_of] == ["POST"] * (len(FOUND) + 1)
    assert [json.loads(body) for *_, body in told_of] == sent


def test_before_gitlab_has_a_diff_all_is_told_in_the_note(shop: GitLabShop) -> None:
    shop.server.prepared = False
    done = shop.good("--dry-run")
    assert done.stdout.count("POST ") == 1
    shop.good()
    (sticky,) = shop.stickies
    assert DETACH in sticky
    assert shop.remarks == []
    done = shop.run(CI_MERGE_REQUEST_DIFF_BASE_SHA="")
    assert done.returncode == 3
    assert "no diff yet" in done.stderr
    shop.server.prepared = True
    shop.good()
    assert len(shop.remarks) == len(FOUND)
    assert DETACH not in shop.stickies[0]


def test_what_a_person_resolved_stays_so(shop: GitLabShop) -> None:
    shop.good()
    thread = thread_of(shop, DETACH)
    shop.server.resolve(thread, gitlab.PERSON)
    before = list(shop.server.writes)
    shop.good()
    assert shop.server.writes == before
    mend(shop)
    shop.good()
    assert thread["notes"][0]["resolved_by"]["id"] == gitlab.PERSON[0]
    assert len(shop.server.discussions) == len(FOUND)


def test_what_we_resolved_is_opened_again_when_it_comes_again(shop: GitLabShop) -> None:
    shop.good()
    thread = thread_of(shop, DETACH)
    mend(shop)
    shop.good()
    assert thread["notes"][0]["resolved"]
    assert thread["notes"][1]["system"]  # which is no answer
    shop.repository.git("reset", "-q", "--hard", "HEAD~1")
    shop.push()
    shop.good()
    assert not thread["notes"][0]["resolved"]
    assert len(shop.server.discussions) == len(FOUND)


def test_what_a_person_opened_again_is_resolved_again(shop: GitLabShop) -> None:
    shop.good()
    thread = thread_of(shop, DETACH)
    mend(shop)
    shop.good()
    shop.server.resolve(thread, gitlab.PERSON, done=False)
    shop.good()
    assert thread["notes"][0]["resolved"]


def test_a_line_that_is_there_before_and_after_has_both_numbers(shop: GitLabShop) -> None:
    lines = lines_of(shop.repository, shop.repository.head, FILE)
    old, new = next(line for line in lines if None not in line and line.old != line.new)
    headers = {"PRIVATE-TOKEN": gitlab.BOT}
    api = Api(Named(shop.server.api, headers, "the token", "all"))
    forge = GitLab(api, "5", 7, request_of(api, "5", 7), "revokebot")
    forge.look()
    body = f"{mark('revokebot', 'a1')}\nHere."
    for place in (Place(FILE, MOVED[1], "new", old, new), Place(FILE, MOVED[1], "new", None, new)):
        with suppress(InvalidError):
            forge.add_remark(Remark("a1", place, body))
    (only,) = shop.server.discussions  # by one number alone GitLab doesn't find the line
    place = only["notes"][0]["position"]
    assert (place["old_line"], place["new_line"]) == (old, new)


def test_a_project_is_named_by_its_path(shop: GitLabShop) -> None:
    none = {name: "" for name in shop.variables() if name.startswith("CI_") and "URL" not in name}
    flags = ("--project", "tea/linux", "--merge-request", "7")
    shop.good("--url", shop.server.api, *flags, **none, CI_API_V4_URL="")
    assert len(shop.stickies) == 1
    assert len(shop.remarks) == len(FOUND)
    before = list(shop.server.writes)
    shop.good()
    assert shop.server.writes == before


def test_nothing_is_asked_of_a_server_that_is_not_named(shop: GitLabShop) -> None:
    done = shop.run(CI_API_V4_URL="")
    assert done.returncode == 2
    assert "--url" in done.stderr


def test_the_authority_of_the_runner_is_believed(repository: Repository, tmp_path: Path) -> None:
    shop = GitLabShop(repository, tmp_path)
    authority, context = certificate(tmp_path, "127.0.0.1")
    with serving(shop.server, context):
        done = shop.run()
        assert done.returncode == 3
        assert "TLS failed" in done.stderr
        assert shop.server.asked == []
        shop.good(CI_SERVER_TLS_CA_FILE=str(authority))
        assert len(shop.stickies) == 1
