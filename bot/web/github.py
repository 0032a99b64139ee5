# SPDX-License-Identifier: GPL-2.0-or-later
"""A pull request of GitHub, by its REST API; what is said is decided elsewhere.

The comment for all is an issue comment, those on lines are review comments.
One is ours when it has our mark and our author.  Who we are, GitHub does not
tell the token of a workflow; then the author has to be a bot at least, which
no stranger can be.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from bot.errors import DeniedError, ForgeError, GoneError
from bot.web.api import Api
from bot.web.comments import Dialect, keyed, linked
from bot.web.wish import Comment, Remark, There

__all__ = ["GitHub", "Pull", "dialect", "pull_of", "pulls_at"]

MOST = 65_536
"""Characters of a comment."""


class Pull(NamedTuple):
    """A pull request."""

    number: int
    base: str
    """Commit that the other branch is at."""
    head: str
    """Commit that its own branch is at."""


def dialect(page: str, repo: str, base: str, head: str) -> Dialect:
    """How GitHub wants it.

    Parameters
    ----------
    page: URL of the forge for people, e.g. of `GITHUB_SERVER_URL`
    repo: OWNER/NAME
    base, head: commits that the lines are of, before and after the change
    """
    return Dialect("pull request", MOST, linked(f"{page.rstrip('/')}/{repo}/blob", base, head))


def pull_of(api: Api, repo: str, number: int) -> Pull:
    """Pull request `number` of `repo`.  Raises `ForgeError`."""
    path = f"/repos/{repo}/pulls/{number}"
    return _pull(api.get(path), path)


def pulls_at(api: Api, repo: str, commit: str) -> list[Pull]:
    """The open pull requests whose head is `commit`.  Raises `ForgeError`."""
    path = f"/repos/{repo}/commits/{commit}/pulls"
    known = [_pull(one, path) for one in api.pages(path) if one.get("state") == "open"]
    return [one for one in known if one.head == commit]


def _pull(found: Any, path: str) -> Pull:
    try:
        return Pull(int(found["number"]), str(found["base"]["sha"]), str(found["head"]["sha"]))
    except (KeyError, TypeError, ValueError) as err:
        raise ForgeError(f"GET {path}: no pull request came; is it the URL of the API?") from err


class GitHub:
    """Pull request `number` of `repo`, as `bot.web.wish.Forge`.

    Parameters
    ----------
    head: the commit that was reviewed
    context: name of the mark
    """

    def __init__(self, api: Api, repo: str, number: int, head: str, context: str) -> None:
        self._api = api
        self._name = repo
        self._repo = f"/repos/{repo}"
        self._number = number
        self._head = head
        self._context = context
        self._me: str | None = None

    def look(self) -> There:
        """What is there now."""
        head = pull_of(self._api, self._name, self._number).head
        stickies = self._api.pages(f"{self._repo}/issues/{self._number}/comments")
        found = list(self._api.pages(f"{self._repo}/pulls/{self._number}/comments"))
        answered = {
            one["in_reply_to_id"]
            for one in found
            if one.get("in_reply_to_id") is not None and self._key(one) is None
        }
        return There(
            head,
            tuple(self._comment(one) for one in stickies if self._key(one) == ""),
            tuple(
                self._comment(one)._replace(
                    current=one.get("line") is not None, answered=one["id"] in answered
                )
                for one in found
                if self._key(one) and one.get("in_reply_to_id") is None
            ),
        )

    def add_sticky(self, body: str) -> None:
        """Add the comment that is edited from then on."""
        self._api.send("POST", f"{self._repo}/issues/{self._number}/comments", {"body": body})

    def edit_sticky(self, comment: Comment, body: str) -> None:
        """Say `body` instead."""
        self._api.send("PATCH", f"{self._repo}/issues/comments/{comment.id}", {"body": body})

    def remove_sticky(self, comment: Comment) -> None:
        """Take it away: it is there twice."""
        self._remove(f"{self._repo}/issues/comments/{comment.id}")

    def add_remark(self, remark: Remark) -> None:
        """Add it on its line."""
        place = remark.place
        self._api.send(
            "POST",
            f"{self._repo}/pulls/{self._number}/comments",
            {
                "body": remark.body,
                "commit_id": self._head,
                "path": place.path,
                "line": place.line,
                "side": "LEFT" if place.side == "old" else "RIGHT",
            },
        )

    def edit_remark(self, comment: Comment, remark: Remark) -> None:
        """Say it in other words at the same place."""
        self._api.send("PATCH", f"{self._repo}/pulls/comments/{comment.id}", {"body": remark.body})

    def close_remark(self, comment: Comment) -> None:
        """Take it away; GitHub's REST API can't mark it as done."""
        self._remove(f"{self._repo}/pulls/comments/{comment.id}")

    def _remove(self, path: str) -> None:
        with suppress(GoneError):  # by another run
            self._api.send("DELETE", path)

    def _comment(self, one: Mapping[str, Any]) -> Comment:
        return Comment(str(one["id"]), self._key(one) or "", one.get("body") or "")

    def _key(self, one: Mapping[str, Any]) -> str | None:
        """The key of a comment, if it is ours."""
        key = keyed(one.get("body") or "", self._context)
        author = one.get("user") or {}
        if key is None or not self._ours(author):
            return None
        return key

    def _ours(self, author: Mapping[str, Any]) -> bool:
        if self._me is None:
            try:
                self._login()
            except DeniedError:
                self._me = ""
        return author.get("login") == self._me if self._me else author.get("type") == "Bot"

    def _login(self) -> str:
        """Who the token is of.  Raises `DeniedError` where it may not know."""
        if self._me is None:
            try:
                self._me = str(self._api.get("/user")["login"])
            except (KeyError, TypeError) as err:
                raise ForgeError("GET /user: names nobody; is it the URL of the API?") from err
        return self._me
