# SPDX-License-Identifier: GPL-2.0-or-later
"""GitHub, as far as a pull request's comments go, over a real git repository.

Which lines can be commented on is asked of `git diff`, not of our own code.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.forges.described import Answer, Asked
from tests.forges.lines import lines_of
from tests.forges.server import Route, Server
from tests.web.branches import Repository

__all__ = ["BOT", "FORK", "PERSON", "GitHub"]

DESCRIPTION = Path(__file__).resolve().parent.parent / "data/openapi/github.json"
REPO = "tea/linux"
BOT, PERSON, FORK, STRANGER = "token-of-workflow", "token-of-person", "token-of-fork", ""
LOGINS = {BOT: ("github-actions[bot]", "Bot"), PERSON: ("author", "User")}


class GitHub(Server):
    """With one repository, `tea/linux`, and one pull request, 7."""

    description = DESCRIPTION
    nullable = (("pull-request-review-comment", "line"),)  # of one that is outdated

    def __init__(self, repository: Repository) -> None:
        super().__init__()
        self.repository = repository
        self.head = repository.head
        self.comments: list[dict[str, Any]] = []
        """Issue comments."""
        self.remarks: list[dict[str, Any]] = []
        """Review comments."""
        self.most = 65_536
        """Characters of a comment."""
        self.locked = False
        """Whether nobody may comment."""
        self._last = 100

    def routes(self) -> Sequence[Route]:
        repo = f"/repos/{REPO}"
        return (
            ("GET", "/user", self._user),
            ("GET", f"{repo}/commits/([0-9a-f]+)/pulls", self._pulls),
            ("GET", f"{repo}/pulls/7", lambda asked: Answer(200, self._pull())),
            ("GET", f"{repo}/issues/7/comments", lambda asked: self.page(asked, self.comments)),
            ("POST", f"{repo}/issues/7/comments", self._add),
            ("PATCH", rf"{repo}/issues/comments/(\d+)", self._edit),
            ("DELETE", rf"{repo}/issues/comments/(\d+)", self._delete),
            ("GET", f"{repo}/pulls/7/comments", lambda asked: self.page(asked, self.remarks)),
            ("POST", f"{repo}/pulls/7/comments", self._add_remark),
            ("PATCH", rf"{repo}/pulls/comments/(\d+)", self._edit),
            ("DELETE", rf"{repo}/pulls/comments/(\d+)", self._delete),
        )

    def allowed(self, asked: Asked) -> Answer | None:
        token = asked.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in (BOT, PERSON, FORK, ""):
            return Answer(401, _message("Bad credentials"))
        if asked.method != "GET" and token in (FORK, ""):
            return Answer(403, _message("Resource not accessible by integration"))
        if asked.method == "POST" and self.locked:
            return Answer(403, _message("Unable to create comment because issue is locked."))
        if asked.json and len(asked.json["body"]) > self.most:
            return Answer(422, _failed("body", f"body is too long (maximum is {self.most})"))
        return None

    def push(self, head: str) -> None:
        """Let the request be at another commit: what GitHub can't place any more has no line."""
        with self.lock:
            self.head = head
            for one in self.remarks:
                text = one["line_text"]
                lines = self._lines(one["path"], one["side"])
                kept = [number for number, line in lines.items() if line == text]
                one["line"] = kept[0] if kept else None

    def say(self, body: str, user: str = "author", **more: Any) -> dict[str, Any]:
        """Let somebody comment: on a line where `in_reply_to_id` is given."""
        with self.lock:
            one = self._new(body, (user, "User"))
            if "in_reply_to_id" in more:
                on = next(it for it in self.remarks if it["id"] == more["in_reply_to_id"])
                one = {**on, **one, **more}
                self.remarks.append(one)
            else:
                self.comments.append(one)
            return one

    def _user(self, asked: Asked) -> Answer:
        token = asked.headers.get("Authorization", "").removeprefix("Bearer ")
        if token == "":
            return Answer(401, _message("Requires authentication"))
        if token != PERSON:
            return Answer(403, _message("Resource not accessible by integration"))
        user = self._user_of(*LOGINS[PERSON], "public-user")
        return Answer(200, user | {"user_view_type": "public"})

    def _user_of(self, login: str, kind: str, schema: str = "simple-user") -> dict[str, Any]:
        return self.described.made(schema, login=login, type=kind)

    def _pulls(self, asked: Asked, commit: str) -> Answer:
        if commit != self.head:
            return self.page(asked, [])
        pull = self._pull()
        parts = {key: pull[key] for key in ("state", "number", "head", "base")}
        user = self._user_of("author", "User")
        return self.page(asked, [self.described.made("pull-request-simple", user=user, **parts)])

    def _pull(self) -> dict[str, Any]:
        return self.described.made(
            "pull-request", state="open", number=7, user=self._user_of("author", "User"),
            head={"sha": self.head}, base={"sha": self.repository.base},
        )  # fmt: skip

    def _add(self, asked: Asked) -> Answer:
        one = self._new(asked.json["body"], self._who(asked))
        self.comments.append(one)
        return Answer(201, one)

    def _add_remark(self, asked: Asked) -> Answer:
        body = asked.json
        lines = self._lines(body["path"], body["side"])
        if body["commit_id"] != self.head or body["line"] not in lines:
            field = "pull_request_review_thread.line"
            return Answer(422, _failed(field, f"{field} must be part of the diff"))
        kept = {key: body[key] for key in ("path", "line", "side", "commit_id")}
        one = self._new(body["body"], self._who(asked), "pull-request-review-comment") | kept
        one["line_text"] = lines[body["line"]]
        self.remarks.append(one)
        return Answer(201, one)

    def _edit(self, asked: Asked, number: str) -> Answer:
        one = self._find(asked, int(number))
        if one is None:
            return Answer(404, _message("Not Found"))
        one["body"] = asked.json["body"]
        return Answer(200, one)

    def _delete(self, asked: Asked, number: str) -> Answer:
        one = self._find(asked, int(number))
        if one is None:
            return Answer(404, _message("Not Found"))
        (self.remarks if "/pulls/" in asked.path else self.comments).remove(one)
        return Answer(204)

    def _find(self, asked: Asked, number: int) -> dict[str, Any] | None:
        items = self.remarks if "/pulls/" in asked.path else self.comments
        return next((one for one in items if one["id"] == number), None)

    def _who(self, asked: Asked) -> tuple[str, str]:
        return LOGINS[asked.headers["Authorization"].removeprefix("Bearer ")]

    def _new(
        self, body: str, who: tuple[str, str], schema: str = "issue-comment"
    ) -> dict[str, Any]:
        self._last += 1
        return self.described.made(schema, id=self._last, body=body, user=self._user_of(*who))

    def _lines(self, path: str, side: str) -> dict[int, str]:
        """The lines of a file that can be commented on, by their number on `side`."""
        both = lines_of(self.repository, self.head, path).items()
        numbers = ((line.old if side == "LEFT" else line.new, text) for line, text in both)
        return {number: text for number, text in numbers if number is not None}


def _message(text: str) -> dict[str, str]:
    return {"message": text, "documentation_url": "https://docs.github.com/rest"}


def _failed(field: str, text: str) -> dict[str, Any]:
    error = {"resource": "Comment", "code": "custom", "field": field, "message": text}
    return {**_message("Validation Failed"), "errors": [error]}
