# SPDX-License-Identifier: GPL-2.0-or-later
"""GitLab, as far as a merge request's notes and discussions go, over a real git repository."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.forges.described import Answer, Asked
from tests.forges.lines import Line, lines_of
from tests.forges.server import Route, Server
from tests.web.branches import Repository

__all__ = ["BOT", "PERSON", "READER", "GitLab"]

DESCRIPTION = Path(__file__).resolve().parent.parent / "data/openapi/gitlab.yaml"
BOT, READER = "glpat-bot", "glpat-reader"
USERS = {BOT: (9, "project_5_bot"), READER: (8, "reader")}
PERSON = (1, "author")


class GitLab(Server):
    """With one project, 5, and one merge request, 7."""

    description = DESCRIPTION

    def __init__(self, repository: Repository) -> None:
        super().__init__()
        self.repository = repository
        self.head = repository.head
        self.threads: list[dict[str, Any]] = []
        """Discussions, those of a single note too."""
        self.prepared = True
        """Whether it has made the diff of the request yet."""
        self._last = 100

    @property
    def api(self) -> str:
        """URL of the API."""
        return f"{self.url}/api/v4"

    @property
    def notes(self) -> list[dict[str, Any]]:
        """The single notes."""
        return [one["notes"][0] for one in self.threads if one["individual_note"]]

    @property
    def discussions(self) -> list[dict[str, Any]]:
        """Those on lines."""
        return [one for one in self.threads if not one["individual_note"]]

    def routes(self) -> Sequence[Route]:
        mr = "/api/v4/projects/(?:5|tea%2Flinux)/merge_requests/7"
        return (
            ("GET", "/api/v4/user", lambda asked: Answer(200, self._user(*self._who(asked)))),
            ("GET", mr, lambda asked: Answer(200, self._request())),
            ("POST", f"{mr}/notes", self._add),
            ("PUT", rf"{mr}/notes/(\d+)", self._edit),
            ("DELETE", rf"{mr}/notes/(\d+)", self._delete),
            ("GET", f"{mr}/discussions", lambda asked: self.page(asked, self.threads)),
            ("POST", f"{mr}/discussions", self._begin),
            ("PUT", rf"{mr}/discussions/(\w+)", self._resolve),
            ("PUT", rf"{mr}/discussions/\w+/notes/(\d+)", self._edit),
        )

    def allowed(self, asked: Asked) -> Answer | None:
        token = asked.headers.get("Private-Token", asked.headers.get("PRIVATE-TOKEN", ""))
        if token not in USERS:
            return Answer(401, {"message": "401 Unauthorized"})
        if asked.method != "GET" and token == READER:
            return Answer(403, {"message": "403 Forbidden"})
        return None

    def push(self, head: str) -> None:
        """Let the request be at another commit; discussions move along with their lines."""
        with self.lock:
            before, self.head = self.head, head
            for thread in self.discussions:
                place = thread["notes"][0]["position"]
                old = lines_of(self.repository, before, place["new_path"])
                text = old.get(Line(place.get("old_line"), place.get("new_line")))
                new = lines_of(self.repository, head, place["new_path"])
                kept = [line for line in new if new[line] == text and line.new is not None]
                if "new_line" in place and kept:
                    place |= {"new_line": kept[0].new, "head_sha": head}

    def reply(self, thread: dict[str, Any], body: str) -> None:
        """Let somebody answer in a discussion."""
        with self.lock:
            thread["notes"].append(self._note(body, PERSON, "DiscussionNote"))

    def say(self, body: str) -> None:
        """Let somebody write a note."""
        with self.lock:
            self._single(self._note(body, PERSON, None))

    def resolve(self, thread: dict[str, Any], by: tuple[int, str], done: bool = True) -> None:
        """Let somebody resolve a discussion, which leaves a note of the system's in it."""
        with self.lock:
            for note in thread["notes"]:
                note["resolved"] = done
                note["resolved_by"] = self._user(*by) if done else None
            thread["notes"].append(self._note("resolved all threads", by, None) | {"system": True})

    def _request(self) -> dict[str, Any]:
        refs = {"base_sha": self.repository.base, "start_sha": self.repository.base}
        made = self.described.made(
            "MergeRequest", iid=7, sha=self.head, diff_refs={**refs, "head_sha": self.head},
            web_url=f"{self.url}/tea/linux/-/merge_requests/7",
        )  # fmt: skip
        return made if self.prepared else made | {"diff_refs": None}

    def _add(self, asked: Asked) -> Answer:
        note = self._note(asked.json["body"], self._who(asked), None)
        self._single(note)
        return Answer(201, note)

    def _single(self, note: dict[str, Any]) -> None:
        self.threads.append({"id": f"d{note['id']}", "individual_note": True, "notes": [note]})

    def _begin(self, asked: Asked) -> Answer:
        body = asked.json
        place = body["position"]
        here = Line(place.get("old_line"), place.get("new_line"))
        known = lines_of(self.repository, self.head, place["new_path"])
        if place["head_sha"] != self.head or here not in known:
            return Answer(
                400, {"message": '400 Bad request - Note {:line_code=>["can\'t be blank"]}'}
            )
        note = self._note(body["body"], self._who(asked), "DiffNote")
        note |= {"position": place, "resolvable": True, "resolved": False, "resolved_by": None}
        thread = {"id": f"d{note['id']}", "individual_note": False, "notes": [note]}
        self.threads.append(thread)
        return Answer(201, thread)

    def _resolve(self, asked: Asked, name: str) -> Answer:
        thread = next((one for one in self.threads if one["id"] == name), None)
        if thread is None:
            return Answer(404, {"message": "404 Discussion Not Found"})
        self.resolve(thread, self._who(asked), asked.json["resolved"])
        return Answer(200, thread)

    def _edit(self, asked: Asked, number: str) -> Answer:
        for thread in self.threads:
            for note in thread["notes"]:
                if note["id"] == int(number):
                    note["body"] = asked.json["body"]
                    return Answer(200, note)
        return Answer(404, {"message": "404 Note Not Found"})

    def _delete(self, asked: Asked, number: str) -> Answer:
        for thread in self.threads:
            if thread["notes"][0]["id"] == int(number):
                self.threads.remove(thread)
                return Answer(204)
        return Answer(404, {"message": "404 Note Not Found"})

    def _who(self, asked: Asked) -> tuple[int, str]:
        return USERS[asked.headers.get("Private-Token", asked.headers.get("PRIVATE-TOKEN", ""))]

    def _user(self, number: int, name: str) -> dict[str, Any]:
        return self.described.made("User", id=number, username=name)

    def _note(self, body: str, who: tuple[int, str], kind: str | None) -> dict[str, Any]:
        self._last += 1
        note = self.described.made("Note", id=self._last, body=body, author=self._user(*who))
        return note | {"type": kind}
