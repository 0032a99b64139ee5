# SPDX-License-Identifier: GPL-2.0-or-later
"""A forge with a request on it, and the job that comments there: the same for every forge.

What a test asks of a forge is in `Shop`; the ways of each are below.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.forges import forgejo, github, gitlab
from tests.forges.server import Server, serving
from tests.web.branches import Repository
from tests.web.running import revokebot, started

__all__ = ["SHOPS", "Said", "Shop"]

ASKED = {"REVOKEBOT_POLICY_CONFIDENCE": "medium"}
"""What is asked is worth a comment, too: of the branch, two findings of three."""


class Said(NamedTuple):
    """A comment of ours on a line, as the forge shows it."""

    path: str
    line: int
    side: str
    body: str


class Shop:
    """One forge, and one request on it."""

    action: str
    refused: int
    """Status for a line outside the diff."""
    server: Any

    def __init__(self, repository: Repository, folder: Path) -> None:
        self.repository = repository
        self.folder = folder

    def variables(self) -> dict[str, str]:
        """The environment of the job."""
        raise NotImplementedError

    def event(self) -> str:
        """The file with the event `pull_request`, as GitHub and Forgejo write it."""
        ends = {"base": {"sha": self.repository.base}, "head": {"sha": self.repository.head}}
        path = self.folder / "event.json"
        path.write_text(json.dumps({"pull_request": {"number": 7, **ends}}))
        return str(path)

    def run(self, *flags: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the job to its end."""
        return revokebot(
            ["ci", self.action, *flags], self.repository.path, {**self.variables(), **variables}
        )

    def start(self, *flags: str) -> subprocess.Popen[str]:
        """Start the job."""
        return started(["ci", self.action, *flags], self.repository.path, self.variables())

    def good(self, *flags: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the job, which has to work."""
        done = self.run("--fail-on", "never", *flags, **variables)
        assert done.returncode == 0, done.stderr
        return done

    def push(self) -> None:
        """Let the request be at what `topic` is by now."""
        self.server.push(self.repository.head)

    @property
    def stickies(self) -> list[str]:
        """Bodies of all comments that are on no line."""
        raise NotImplementedError

    @property
    def remarks(self) -> list[Said]:
        """All comments on lines that are not done with, answers left out."""
        raise NotImplementedError

    def answer(self, text: str, body: str) -> None:
        """Let somebody answer the remark that has `text` in it."""
        raise NotImplementedError

    def say(self, body: str) -> None:
        """Let somebody comment."""
        raise NotImplementedError


class GitHubShop(Shop):
    """GitHub, the job's token being that of a workflow."""

    action, refused = "github", 422
    server: github.GitHub

    def __init__(self, repository: Repository, folder: Path) -> None:
        super().__init__(repository, folder)
        self.server = github.GitHub(repository)
        self.summary = folder / "summary.md"

    def variables(self) -> dict[str, str]:
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self.server.url,
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_REPOSITORY": github.REPO,
            "GITHUB_EVENT_PATH": self.event(),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_TOKEN": github.BOT,
            **ASKED,
        }

    @property
    def stickies(self) -> list[str]:
        return [one["body"] for one in self.server.comments]

    @property
    def remarks(self) -> list[Said]:
        return [
            Said(one["path"], one["line"], "old" if one["side"] == "LEFT" else "new", one["body"])
            for one in self.server.remarks
            if "in_reply_to_id" not in one
        ]

    def answer(self, text: str, body: str) -> None:
        (one,) = (one for one in self.server.remarks if text in one["body"])
        self.server.say(body, in_reply_to_id=one["id"])

    def say(self, body: str) -> None:
        self.server.say(body)


class GitLabShop(Shop):
    """GitLab, the job being one of a pipeline for the merged result."""

    action, refused = "gitlab", 400
    server: gitlab.GitLab

    def __init__(self, repository: Repository, folder: Path) -> None:
        super().__init__(repository, folder)
        self.server = gitlab.GitLab(repository)

    def variables(self) -> dict[str, str]:
        return {
            "GITLAB_CI": "true",
            "CI_API_V4_URL": self.server.api,
            "CI_PROJECT_ID": "6",  # of the fork
            "CI_MERGE_REQUEST_PROJECT_ID": "5",
            "CI_MERGE_REQUEST_IID": "7",
            "CI_MERGE_REQUEST_DIFF_BASE_SHA": self.repository.base,
            "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": self.repository.head,
            "CI_COMMIT_SHA": "f" * 40,
            "GITLAB_TOKEN": gitlab.BOT,
            **ASKED,
        }

    @property
    def stickies(self) -> list[str]:
        return [note["body"] for note in self.server.notes]

    @property
    def remarks(self) -> list[Said]:
        found = []
        for thread in self.server.discussions:
            note = thread["notes"][0]
            place = note["position"]
            if note["resolved"]:
                continue
            old = "new_line" not in place
            line = place["old_line"] if old else place["new_line"]
            found.append(Said(place["new_path"], line, "old" if old else "new", note["body"]))
        return found

    def answer(self, text: str, body: str) -> None:
        threads = self.server.discussions
        (one,) = (one for one in threads if text in one["notes"][0]["body"])
        self.server.reply(one, body)

    def say(self, body: str) -> None:
        self.server.say(body)


class ForgejoShop(Shop):
    """Forgejo, which takes the comment for all alone."""

    action = "forgejo"
    server: forgejo.Forgejo

    def __init__(self, repository: Repository, folder: Path) -> None:
        super().__init__(repository, folder)
        self.server = forgejo.Forgejo(repository)

    def variables(self) -> dict[str, str]:
        return {
            "GITHUB_API_URL": self.server.api,
            "GITHUB_SERVER_URL": "https://forgejo.example",
            "GITHUB_REPOSITORY": forgejo.REPO,
            "GITHUB_EVENT_PATH": self.event(),
            "FORGEJO_TOKEN": forgejo.BOT,
            **ASKED,
        }

    @property
    def stickies(self) -> list[str]:
        return [one["body"] for one in self.server.comments]

    def say(self, body: str) -> None:
        self.server.say(body)


SHOPS: tuple[type[Shop], ...] = (GitHubShop, GitLabShop)
"""Those that take comments on lines."""


@contextmanager
def opened(kind: type[Shop], repository: Repository, folder: Path) -> Iterator[Shop]:
    """A shop whose server answers until the end."""
    shop = kind(repository, folder)
    server: Server = shop.server
    with serving(server):
        yield shop
