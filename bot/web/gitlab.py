# SPDX-License-Identifier: GPL-2.0-or-later
"""A merge request of GitLab, by its REST API; what is said is decided elsewhere.

The comment for all is a note, those on lines are discussions, which GitLab
moves along with their lines by itself.  One is ours when it has our mark and
is by the account of the token.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import quote

from bot.errors import ForgeError, GoneError, InvalidError
from bot.web.api import Api
from bot.web.comments import Dialect, keyed, linked
from bot.web.whole import Place
from bot.web.wish import Comment, Remark, There

__all__ = ["GitLab", "Request", "dialect", "path_of", "request_of"]

MOST = 1_000_000
"""Characters of a note."""


class Request(NamedTuple):
    """What GitLab tells of a merge request."""

    path: str
    """Of the API."""
    page: str
    """URL for people."""
    base: str
    start: str
    head: str
    """The commits that its newest diff is between."""


def dialect(page: str, base: str, head: str) -> Dialect:
    """How GitLab wants it.

    Parameters
    ----------
    page: URL of the project for people
    base, head: commits that the lines are of, before and after the change
    """
    return Dialect("merge request", MOST, linked(f"{page.rstrip('/')}/-/blob", base, head))


def path_of(project: str, number: int) -> str:
    """Where the API has the merge request `number` of `project`, an id or a path."""
    return f"/projects/{quote(project, safe='')}/merge_requests/{number}"


def request_of(api: Api, project: str, number: int) -> Request:
    """The merge request `number` of `project`.  Raises `ForgeError`.

    Of one that is new GitLab may have no diff yet; then only `head` is known of the commits.
    """
    path = path_of(project, number)
    found = api.get(path)
    try:
        refs = found["diff_refs"] or {}
        return Request(
            path,
            str(found["web_url"]),
            str(refs.get("base_sha") or ""),
            str(refs.get("start_sha") or ""),
            str(refs.get("head_sha") or found["sha"]),
        )
    except (KeyError, TypeError) as err:
        raise ForgeError(f"GET {path}: no merge request came; is it the URL of the API?") from err


class GitLab:
    """A merge request, as `bot.web.wish.Forge`.

    Parameters
    ----------
    known: what is known of it before the first look
    context: name of the mark
    """

    def __init__(self, api: Api, project: str, number: int, known: Request, context: str) -> None:
        self._api = api
        self._project = project
        self._number = number
        self._context = context
        self._me = 0
        self._request = known

    def look(self) -> There:
        """What is there now."""
        if not self._me:
            self._me = int(self._api.get("/user")["id"])
        self._request = request_of(self._api, self._project, self._number)
        threads = list(self._api.pages(f"{self._request.path}/discussions"))
        return There(
            self._request.head,
            tuple(
                Comment(str(note["id"]), "", note["body"])
                for thread in threads
                for note in thread["notes"]
                if self._key(note) == ""
            ),
            tuple(self._remarks(threads)),
        )

    def add_sticky(self, body: str) -> None:
        """Add the note that is edited from then on."""
        self._api.send("POST", f"{self._request.path}/notes", {"body": body})

    def edit_sticky(self, comment: Comment, body: str) -> None:
        """Say `body` instead."""
        self._api.send("PUT", f"{self._request.path}/notes/{comment.id}", {"body": body})

    def remove_sticky(self, comment: Comment) -> None:
        """Take it away: it is there twice."""
        with suppress(GoneError):  # by another run
            self._api.send("DELETE", f"{self._request.path}/notes/{comment.id}")

    def add_remark(self, remark: Remark) -> None:
        """Begin a discussion on its line."""
        if not self._request.base:
            raise InvalidError(f"{self._request.path}: has no diff yet")
        body = {"body": remark.body, "position": self._position(remark.place)}
        self._api.send("POST", f"{self._request.path}/discussions", body)

    def edit_remark(self, comment: Comment, remark: Remark) -> None:
        """Say it in other words; open the discussion again where we had closed it."""
        thread, _, note = comment.id.partition("/")
        path = f"{self._request.path}/discussions/{thread}"
        if comment.body != remark.body:
            self._api.send("PUT", f"{path}/notes/{note}", {"body": remark.body})
        if comment.closed:
            self._api.send("PUT", path, {"resolved": False})

    def close_remark(self, comment: Comment) -> None:
        """Mark the discussion as resolved."""
        thread = comment.id.partition("/")[0]
        self._api.send("PUT", f"{self._request.path}/discussions/{thread}", {"resolved": True})

    def _remarks(self, threads: list[Any]) -> Iterator[Comment]:
        """The discussions that we have begun."""
        for thread in threads:
            first, *others = thread["notes"]
            key = self._key(first)
            if not key or not first.get("position"):
                continue
            people = [note for note in others if not note["system"] and not self._mine(note)]
            resolved = bool(first.get("resolved"))
            by_us = resolved and (first.get("resolved_by") or {}).get("id") == self._me
            yield Comment(
                f"{thread['id']}/{first['id']}",
                key,
                first["body"],
                answered=bool(people) or (resolved and not by_us),
                closed=by_us,
            )

    def _position(self, place: Place) -> dict[str, Any]:
        request = self._request
        numbers = {"old_line": place.old, "new_line": place.new}
        return {
            "position_type": "text",
            "base_sha": request.base,
            "start_sha": request.start,
            "head_sha": request.head,
            "old_path": place.old_path,
            "new_path": place.path,
            **{name: number for name, number in numbers.items() if number is not None},
        }

    def _key(self, note: Mapping[str, Any]) -> str | None:
        """The key of a note, if it is ours."""
        return keyed(note["body"], self._context) if self._mine(note) else None

    def _mine(self, note: Mapping[str, Any]) -> bool:
        return bool((note.get("author") or {}).get("id") == self._me)
