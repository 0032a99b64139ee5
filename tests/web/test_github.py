# SPDX-License-Identifier: GPL-2.0-or-later
"""What only GitHub has: the events of workflows, and comments that are ours by their author."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.web.api import FEW, Api
from bot.web.api import Server as Named
from tests.forges import github
from tests.forges.described import Answer
from tests.forges.server import Fault
from tests.web.branches import FOUND, MOVED, Repository, run_git
from tests.web.shops import GitHubShop, opened

pytestmark = pytest.mark.integration
ZERO = "0" * 40


@pytest.fixture
def shop(repository: Repository, tmp_path: Path) -> Iterator[GitHubShop]:
    with opened(GitHubShop, repository, tmp_path) as shop:
        assert isinstance(shop, GitHubShop)
        yield shop


def event(shop: GitHubShop, payload: object) -> str:
    """The file of another event than the shop's."""
    file = shop.folder / "other.json"
    file.write_text(json.dumps(payload))
    return str(file)


def pushed(shop: GitHubShop, before: str, **more: Any) -> str:
    """The event of a push to `topic`."""
    repository = {"default_branch": "master", "full_name": github.REPO}
    after = shop.repository.head
    payload = {"ref": "refs/heads/topic", "before": before, "after": after, "forced": False}
    return event(shop, {**payload, "repository": repository, **more})


def noted(text: str) -> dict[str, int]:
    """Title of each annotation, by the words of the runner, with how many there are."""
    shape = re.compile(r"::(?:error|warning|notice) file=[^,:]+,line=\d+,title=([^,:]+)::.+")
    titles = [found[1] for found in map(shape.fullmatch, text.splitlines()) if found]
    assert len(titles) == text.count("::error ") + text.count("::warning ")
    return {title: titles.count(title) for title in titles}


ALL = {"resv-lock": 2, "stub-callback": 1}


def test_a_push_to_a_pull_request_is_told_of_all_its_commits(shop: GitHubShop) -> None:
    shop.good(GITHUB_EVENT_PATH=pushed(shop, shop.repository.git("rev-parse", "topic~1")))
    assert len(shop.stickies) == 1
    assert len(shop.remarks) == len(FOUND)
    before = list(shop.server.writes)
    shop.good()  # by the event of the pull request
    assert shop.server.writes == before


@pytest.mark.parametrize("forced", [False, True], ids=["new", "forced"])
def test_a_push_without_a_pull_request_is_annotated(shop: GitHubShop, forced: bool) -> None:
    shop.repository.git("update-ref", "refs/remotes/origin/master", "master")
    shop.server.head = "f" * 40
    path = pushed(shop, "e" * 40 if forced else ZERO, forced=forced)
    done = shop.run(GITHUB_EVENT_PATH=path)
    assert done.returncode == 1, done.stderr
    assert noted(done.stdout) == ALL
    assert shop.server.writes == []
    assert "resv-lock" in shop.summary.read_text()


def test_a_push_of_some_commits_is_annotated_for_those(shop: GitHubShop) -> None:
    shop.server.head = "f" * 40
    before = shop.repository.git("rev-parse", "topic~2")
    done = shop.run(GITHUB_EVENT_PATH=pushed(shop, before))
    assert noted(done.stdout) == {"stub-callback": 1}


def test_a_merge_group_is_annotated(shop: GitHubShop) -> None:
    ends = {"base_sha": shop.repository.base, "head_sha": shop.repository.head}
    shop.server.head = "f" * 40
    done = shop.run(GITHUB_EVENT_PATH=event(shop, {"merge_group": ends}))
    assert done.returncode == 1, done.stderr
    assert noted(done.stdout) == ALL
    assert shop.server.writes == []


def test_an_event_without_commits_wants_to_know_which(shop: GitHubShop) -> None:
    path = event(shop, {"inputs": None, "ref": "refs/heads/topic"})
    done = shop.run(GITHUB_EVENT_PATH=path)
    assert done.returncode == 2
    assert "--range" in done.stderr
    shop.good("--pull", "7", GITHUB_EVENT_PATH=path)
    assert len(shop.remarks) == len(FOUND)


def test_by_hand_a_range_finds_its_pull_request(shop: GitHubShop) -> None:
    shop.good("--repo", github.REPO, "--range", "master..topic",
              GITHUB_EVENT_PATH="", GITHUB_REPOSITORY="")  # fmt: skip
    assert len(shop.remarks) == len(FOUND)


def test_the_merge_that_is_checked_out_does_not_matter(shop: GitHubShop) -> None:
    git = shop.repository.git
    git("checkout", "-q", "--detach", "master")
    shop.repository.change("frob: meanwhile", {MOVED[1]: ("frob_stop(frob);", "frob_halt(frob);")})
    git("merge", "-q", "--no-ff", "-s", "ours", "-m", "Merge topic into master", "topic")
    shop.good()
    assert len(shop.remarks) == len(FOUND)
    assert {one["commit_id"] for one in shop.server.remarks} == {shop.repository.head}


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', '{"pull_request": 7}'])
def test_an_event_that_is_none_is_an_error(shop: GitHubShop, text: str) -> None:
    path = shop.folder / "broken.json"
    path.write_text(text)
    done = shop.run(GITHUB_EVENT_PATH=str(path))
    assert done.returncode == 2
    assert "internal" not in done.stderr


def test_without_a_token_there_are_annotations_and_no_request(shop: GitHubShop) -> None:
    done = shop.run(GITHUB_TOKEN="")
    assert done.returncode == 1
    assert noted(done.stdout) == ALL
    assert shop.server.asked == []
    assert "stub-callback" in shop.summary.read_text()


@pytest.mark.parametrize("why", ["fork", "locked"])
def test_where_comments_are_refused_there_are_annotations(shop: GitHubShop, why: str) -> None:
    shop.server.locked = why == "locked"
    done = shop.run(GITHUB_TOKEN=github.FORK if why == "fork" else github.BOT)
    assert done.returncode == 1
    assert noted(done.stdout) == ALL
    assert "403" in done.stderr
    assert "annotations" in done.stderr
    assert shop.stickies == []
    assert "stub-callback" in shop.summary.read_text()


@pytest.mark.parametrize("status", [403, 404, 422])
def test_where_pull_requests_are_not_shown_there_are_annotations(
    shop: GitHubShop, status: int
) -> None:
    denied = Answer(status, {"message": "No"})
    shop.server.faults = [Fault("GET", "/commits/", denied)]
    path = pushed(shop, shop.repository.base)
    done = shop.run("--fail-on", "never", GITHUB_EVENT_PATH=path)
    assert done.returncode == 0, done.stderr
    assert noted(done.stdout) == ALL


@pytest.mark.parametrize("token", [github.BOT, github.PERSON], ids=["workflow", "person"])
def test_a_stranger_with_our_mark_changes_nothing(shop: GitHubShop, token: str) -> None:
    shop.good(GITHUB_TOKEN=token)
    (sticky,) = shop.stickies
    remark = shop.server.remarks[0]
    false = [
        shop.server.say(f"{sticky.partition(chr(10))[0]}\nNothing to see.", "mallory"),
        shop.server.say(remark["body"], "mallory", in_reply_to_id=remark["id"]),
    ]
    before = list(shop.server.writes)
    shop.good(GITHUB_TOKEN=token)
    assert shop.server.writes == before
    assert [one["user"]["login"] for one in false] == ["mallory", "mallory"]
    # They have answered, so that one stays; the two others go.
    shop.repository.git("reset", "-q", "--hard", "master")
    shop.repository.change(
        "frob: speak", {MOVED[1]: ("\treturn ret;", "\tfrob_say();\n\treturn ret;")}
    )
    shop.push()
    shop.good(GITHUB_TOKEN=token)
    assert [one["id"] for one in shop.server.remarks] == [remark["id"], false[1]["id"]]
    assert false[0] in shop.server.comments


def test_who_wrote_it_first_is_told_by_no_mark_alone(shop: GitHubShop) -> None:
    shop.good()
    (sticky,) = shop.stickies
    shop.server.comments.clear()
    shop.server.say(sticky, "mallory")
    shop.good()
    assert shop.stickies == [sticky, sticky]


def test_what_is_too_long_for_one_comment_is_counted(
    shop: GitHubShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.web.github.MOST", 1000)
    shop.server.most = 1000
    shop.good(REVOKEBOT_CI_LINE_COMMENTS="0")
    (sticky,) = shop.stickies
    assert re.search(r"And [12] more", sticky)


def test_a_limit_that_does_not_say_for_how_long_is_a_minute(shop: GitHubShop) -> None:
    words = {"message": "You have exceeded a secondary rate limit."}
    shop.server.faults = [Fault("POST", ".", Answer(403, words))]
    done = shop.run(REVOKEBOT_CI_DEADLINE="5")
    assert done.returncode == 3
    assert "60 s" in done.stderr


def test_a_limit_that_ends_at_some_time_is_waited_for(shop: GitHubShop) -> None:
    over = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1000000000"}
    words = {"message": "API rate limit exceeded"}
    shop.server.faults = [
        Fault("GET", ".", Answer(403, words, over)),
        Fault("POST", ".", Answer(429, words, over)),
    ]
    shop.good()
    assert len(shop.remarks) == len(FOUND)


def test_an_answer_that_breaks_off_makes_nothing_double(shop: GitHubShop) -> None:
    half = Answer(201, headers={"Content-Length": "900"}, raw=b'{"id": 1')
    shop.server.faults = [Fault("POST", path, half, after=True) for path in ("pulls", "issues")]
    shop.good()
    assert len(shop.stickies) == 1
    assert len(shop.remarks) == len(FOUND)


def test_many_changes_are_not_made_at_once(
    shop: GitHubShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = shop.server.say("x")
    slept: list[float] = []
    monkeypatch.setattr("bot.web.api.time.sleep", slept.append)
    headers = {"Authorization": f"Bearer {github.BOT}"}
    api = Api(Named(shop.server.url, headers, "the token", "all", pause=7.0))
    for number in range(FEW + 2):
        api.send(
            "PATCH", f"/repos/{github.REPO}/issues/comments/{one['id']}", {"body": f"{number}"}
        )
    assert [seconds for seconds in slept if seconds] == [7.0, 7.0]  # the server sleeps 0 s


def test_a_branch_without_commits_of_its_own_has_nothing_to_say(shop: GitHubShop) -> None:
    shop.good()
    shop.repository.git("reset", "-q", "--hard", "master")
    shop.push()
    done = shop.run("--fail-on", "note")
    assert done.returncode == 0, done.stderr
    assert shop.remarks == []
    assert "nothing to say" in shop.stickies[0]


def test_a_dry_run_writes_no_summary(shop: GitHubShop) -> None:
    shop.good("--dry-run")
    assert not shop.summary.exists()


def test_a_summary_that_can_not_be_written_is_an_error(shop: GitHubShop) -> None:
    done = shop.run(GITHUB_STEP_SUMMARY=str(shop.folder / "missing/summary.md"))
    assert done.returncode == 2
    assert "missing/summary.md" in done.stderr


@pytest.mark.parametrize("depth", [1, 3, 4, 5])
def test_a_shallow_clone_says_what_to_do(shop: GitHubShop, depth: int) -> None:
    """The branch has taken master in: with some depths its merge base is there, and commits lack."""
    git = shop.repository.git
    git("checkout", "-q", "master")
    shop.repository.change(
        "frob: meanwhile", {MOVED[1]: ("return frob_start(frob);", "return !!frob_start(frob);")}
    )
    git("checkout", "-q", "topic")
    git("merge", "-q", "-m", "Merge master", "master")
    shop.repository.change(
        "frob: last", {MOVED[2]: ("\treturn ret;", "\tfrob_say();\n\treturn ret;")}
    )
    shop.push()
    url = f"file://{shop.repository.path}"
    clone = shop.folder / "clone"
    run_git(
        shop.folder, "clone", "-q", "--depth", str(depth), "--no-single-branch", url, str(clone)
    )
    done = shop.run("--tree", str(clone))
    assert done.returncode == 2
    assert "fetch-depth: 0" in done.stderr
    run_git(clone, "fetch", "-q", "--unshallow")
    shop.good("--tree", str(clone))
    assert len(shop.remarks) == len(FOUND)
