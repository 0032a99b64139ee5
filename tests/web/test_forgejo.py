# SPDX-License-Identifier: GPL-2.0-or-later
"""Forgejo and Gitea: one comment that tells all, whatever happens."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.web.comments import mark
from tests.forges import forgejo
from tests.forges.described import Answer, Asked
from tests.forges.server import Fault
from tests.web.branches import FOUND, LOCKED, MOVED, Repository
from tests.web.shops import ForgejoShop, opened

pytestmark = pytest.mark.integration
FILE = MOVED[2]
UNLOCKED = "\tfrob_stop(frob);\n\tdma_buf_unpin(frob->attach);\n"
MENDED = {FILE: (UNLOCKED, f"\tfrob_stop(frob);\n{LOCKED}")}
LINK = re.compile(r"\(https://forgejo\.example/tea/linux/src/commit/([0-9a-f]{40})/(\S+)#L(\d+)\)")


@pytest.fixture
def shop(repository: Repository, tmp_path: Path) -> Iterator[ForgejoShop]:
    with opened(ForgejoShop, repository, tmp_path) as shop:
        assert isinstance(shop, ForgejoShop)
        yield shop


def linked(shop: ForgejoShop) -> list[str]:
    """The lines of the branch, or of what was before it, that the comment links."""
    (sticky,) = shop.stickies
    return [
        shop.repository.git("show", f"{commit}:{path}").split("\n")[int(line) - 1]
        for commit, path, line in LINK.findall(sticky)
    ]


def test_all_is_told_in_one_comment_with_links_to_the_lines(shop: ForgejoShop) -> None:
    shop.good()
    assert sorted(line.strip() for line in linked(shop)) == sorted(
        line.lstrip("+-").strip() for line in FOUND
    )
    before = list(shop.server.writes)
    assert len(before) == 1
    assert "as it should be" in shop.good().stderr
    assert shop.server.writes == before


def test_a_push_edits_it(shop: ForgejoShop) -> None:
    shop.good()
    shop.repository.change("frob: take the lock again", MENDED)
    shop.push()
    shop.good()
    assert len(linked(shop)) == len(FOUND) - 1
    shop.repository.git("reset", "-q", "--hard", "master")
    shop.repository.change("frob: x", {MOVED[1]: ("\treturn ret;\n", "\tx();\n\treturn ret;\n")})
    shop.push()
    shop.good()
    assert linked(shop) == []
    assert len(shop.stickies) == 1


def test_comments_of_others_are_left_alone(shop: ForgejoShop) -> None:
    shop.server.say(f"{mark('revokebot')}\nI am you.", user="author")
    for number in range(120):
        shop.say(f"comment {number}")
    shop.good()
    shop.good()
    assert len(shop.stickies) == 122
    assert shop.stickies[0].endswith("I am you.")


@pytest.mark.parametrize(
    ("method", "status"),
    [("GET", 500), ("GET", 502), ("GET", 503), ("POST", 409), ("POST", 500), ("POST", 503)],
)
def test_a_fault_of_the_server_is_got_over(shop: ForgejoShop, method: str, status: int) -> None:
    shop.server.faults = [Fault(method, ".", Answer(status, {"message": "no"}))]
    shop.good()
    assert shop.server.faults == []
    assert len(linked(shop)) == len(FOUND)


def test_a_comment_whose_answer_is_lost_is_not_made_twice(shop: ForgejoShop) -> None:
    shop.server.faults = [Fault("POST", "comments", after=True)]
    shop.good()
    assert len(linked(shop)) == len(FOUND)


def test_jobs_at_the_same_time_leave_one_comment(shop: ForgejoShop) -> None:
    waiting: list[Asked] = []

    def together(asked: Asked) -> None:
        """The second one writes before the first: both have seen nothing."""
        if asked.method == "POST" and not waiting:
            waiting.append(asked)
            shop.good()

    shop.server.gate = together
    shop.good()
    assert waiting
    assert len(linked(shop)) == len(FOUND)


@pytest.mark.parametrize(
    ("token", "words"), [("wrong", "check $FORGEJO_TOKEN"), (forgejo.READER, "write:issue")]
)
def test_a_token_that_may_not_is_told_of(shop: ForgejoShop, token: str, words: str) -> None:
    done = shop.run(FORGEJO_TOKEN=token)
    assert done.returncode == 3
    assert words in done.stderr
    assert shop.stickies == []


def test_without_a_token_the_log_tells(shop: ForgejoShop) -> None:
    done = shop.good(FORGEJO_TOKEN="")
    assert done.stdout.count("::") == 2 * len(FOUND)
    assert "told here" in done.stderr
    assert shop.server.asked == []


@pytest.mark.parametrize("token", [forgejo.BOT, ""])
def test_a_dry_run_tells_what_it_would_send(shop: ForgejoShop, token: str) -> None:
    done = shop.good("--dry-run", FORGEJO_TOKEN=token)
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"POST {shop.server.api}/repos/{forgejo.REPO}/issues/7/comments ")
    assert shop.server.writes == []


@pytest.mark.parametrize(("fail_on", "status"), [("error", 1), ("never", 0)])
def test_the_exit_status_follows_fail_on(shop: ForgejoShop, fail_on: str, status: int) -> None:
    assert shop.run("--fail-on", fail_on).returncode == status


def test_by_hand_all_is_named(shop: ForgejoShop) -> None:
    named = ["--url", shop.server.api, "--repo", forgejo.REPO, "--pull", "7"]
    nothing = {
        "GITHUB_API_URL": "",
        "GITHUB_SERVER_URL": "",
        "GITHUB_REPOSITORY": "",
        "GITHUB_EVENT_PATH": "",
    }
    shop.good(*named, **nothing)
    (sticky,) = shop.stickies
    assert f"({shop.server.url}/{forgejo.REPO}/src/commit/" in sticky
    before = list(shop.server.writes)
    shop.good(*named, "--range", "master..topic", **nothing)
    assert shop.server.writes == before
    for left_out in ("--url", "--repo", "--pull"):
        at = named.index(left_out)
        done = shop.run(*named[:at], *named[at + 2 :], **nothing)
        assert done.returncode == 2
        assert "give --" in done.stderr or "needs --repo" in done.stderr


def test_a_push_is_told_in_the_log(shop: ForgejoShop, tmp_path: Path) -> None:
    ends = {"before": shop.repository.base, "after": shop.repository.head}
    (tmp_path / "push.json").write_text(json.dumps(ends))
    done = shop.good("--event", str(tmp_path / "push.json"))
    assert done.stdout.count("::") == 2 * len(FOUND)
    assert "no pull request is named; told here" in done.stderr
    assert shop.server.asked == []


def test_a_pull_request_of_no_repository_is_an_error(shop: ForgejoShop) -> None:
    done = shop.run(GITHUB_REPOSITORY="")
    assert done.returncode == 2
    assert "give --repo OWNER/NAME" in done.stderr
