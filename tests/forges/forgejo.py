# SPDX-License-Identifier: GPL-2.0-or-later
"""Forgejo, as far as the comments of a pull request go that are on no line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.forges.described import Answer, Asked
from tests.forges.server import Route, Server
from tests.web.branches import Repository

__all__ = ["BOT", "READER", "REPO", "Forgejo"]

REPO = "tea/linux"
BOT, READER = "token-of-bot", "token-of-reader"
LOGINS = {BOT: "revokebot", READER: "reader"}


class Forgejo(Server):
    """With one repository, `tea/linux`, and one pull request, 7."""

    description = Path(__file__).resolve().parent.parent / "data/openapi/forgejo.yaml"

    def __init__(self, repository: Repository) -> None:
        super().__init__()
        self.repository = repository
        self.head = repository.head
        self.comments: list[dict[str, Any]] = []
        self._last = 100

    @property
    def api(self) -> str:
        """URL of the API."""
        return f"{self.url}/api/v1"

    def routes(self) -> Sequence[Route]:
        repo = f"/api/v1/repos/{REPO}"
        return (
            ("GET", "/api/v1/user", self._user),
            ("GET", f"{repo}/pulls/7", lambda asked: Answer(200, self._pull())),
            # All at once, whatever their number.
            ("GET", f"{repo}/issues/7/comments", lambda asked: Answer(200, list(self.comments))),
            ("POST", f"{repo}/issues/7/comments", self._add),
            ("PATCH", rf"{repo}/issues/comments/(\d+)", self._edit),
            ("DELETE", rf"{repo}/issues/comments/(\d+)", self._delete),
        )

    def allowed(self, asked: Asked) -> Answer | None:
        token = _token(asked)
        if token not in (BOT, READER, ""):
            return Answer(401, {"message": "user does not exist [uid: 0, name: ]"})
        if asked.method != "GET" and token != BOT:
            return Answer(403, {"message": "token does not have the scope: [write:issue]"})
        return None

    def push(self, head: str) -> None:
        """Let the request be at another commit."""
        with self.lock:
            self.head = head

    def say(self, body: str, user: str = "author") -> dict[str, Any]:
        """Let somebody comment."""
        with self.lock:
            self._last += 1
            one = self.described.made("Comment", id=self._last, body=body, user=self._named(user))
            self.comments.append(one)
            return one

    def _user(self, asked: Asked) -> Answer:
        if not _token(asked):
            return Answer(401, {"message": "token is required"})
        return Answer(200, self._named(LOGINS[_token(asked)]))

    def _named(self, login: str) -> dict[str, Any]:
        return self.described.made("User", login=login)

    def _pull(self) -> dict[str, Any]:
        return self.described.made(
            "PullRequest", state="open", number=7,
            head={"sha": self.head}, base={"sha": self.repository.base},
        )  # fmt: skip

    def _add(self, asked: Asked) -> Answer:
        return Answer(201, self.say(asked.json["body"], LOGINS[_token(asked)]))

    def _edit(self, asked: Asked, number: str) -> Answer:
        one = self._find(number)
        if one is None:
            return Answer(404, {"message": "Not Found"})
        one["body"] = asked.json["body"]
        return Answer(200, one)

    def _delete(self, asked: Asked, number: str) -> Answer:
        one = self._find(number)
        if one is None:
            return Answer(404, {"message": "Not Found"})
        self.comments.remove(one)
        return Answer(204)

    def _find(self, number: str) -> dict[str, Any] | None:
        return next((one for one in self.comments if str(one["id"]) == number), None)


def _token(asked: Asked) -> str:
    return asked.headers.get("Authorization", "").removeprefix("token ")
