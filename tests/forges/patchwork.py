# SPDX-License-Identifier: GPL-2.0-or-later
"""Patchwork, as far as the checks of patches go."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.forges.described import Answer, Asked
from tests.forges.server import Route, Server

__all__ = ["BOT", "READER", "Patchwork"]

DESCRIPTION = Path(__file__).resolve().parent.parent / "data/openapi/patchwork.yaml"
BOT, READER = "token-of-bot", "token-of-reader"
USERS = {BOT: (9, "revokebot"), READER: (8, "reader")}


class Patchwork(Server):
    """With the patches that a test puts into it."""

    description = DESCRIPTION

    def __init__(self) -> None:
        super().__init__()
        self.patches: list[dict[str, Any]] = []
        self.checks: list[dict[str, Any]] = []
        """In the order in which they came, each with the `patch` that it is of."""

    def has(self, msgid: str, project: str = "dri-devel") -> int:
        """Let it have a patch; its id."""
        number = len(self.patches) + 1
        where = {"id": len(project), "link_name": project}
        self.patches.append(
            self.described.made("Patch", id=number, msgid=f"<{msgid}>", project=where)
        )
        return number

    def say(self, patch: int, context: str, state: str, description: str = "") -> None:
        """Let somebody else post a check."""
        self._check(
            patch, (1, "ci"), {"context": context, "state": state, "description": description}
        )

    def routes(self) -> Sequence[Route]:
        patch = r"/api/1\.2/patches/(\d+)/checks/"
        return (
            ("GET", r"/api/1\.2/patches/", self._found),
            ("GET", patch, self._list),
            ("POST", patch, self._post),
        )

    def allowed(self, asked: Asked) -> Answer | None:
        token = asked.headers.get("Authorization", "").removeprefix("Token ")
        if token and token not in USERS:
            return Answer(401, {"detail": "Invalid token."})
        if asked.method != "GET" and token != BOT:
            return Answer(403, {"detail": "You do not have permission to perform this action."})
        return None

    def _found(self, asked: Asked) -> Answer:
        wanted, project = asked.query.get("msgid"), asked.query.get("project")
        return self.page(asked, [
            one for one in self.patches
            if one["msgid"] == f"<{wanted}>" and project in (None, one["project"]["link_name"])
        ])  # fmt: skip

    def _list(self, asked: Asked, number: str) -> Answer:
        context = asked.query.get("context")
        return self.page(asked, [
            {key: value for key, value in one.items() if key != "patch"} for one in self.checks
            if one["patch"] == int(number) and context in (None, one["context"])
        ])  # fmt: skip

    def _post(self, asked: Asked, number: str) -> Answer:
        if not re.fullmatch(r"[-a-zA-Z0-9_]+", asked.json["context"]):
            return Answer(400, {"context": ["Enter a valid slug."]})
        token = asked.headers["Authorization"].removeprefix("Token ")
        one = self._check(int(number), USERS[token], asked.json)
        return Answer(201, {key: value for key, value in one.items() if key != "patch"})

    def _check(self, patch: int, who: tuple[int, str], values: dict[str, Any]) -> dict[str, Any]:
        user = {"id": who[0], "username": who[1]}
        number = len(self.checks) + 1
        one = self.described.made("Check", id=number, user=user, **values)
        one["patch"] = patch
        self.checks.append(one)
        return one
