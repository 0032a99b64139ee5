# SPDX-License-Identifier: GPL-2.0-or-later
"""A pull request of Forgejo or Gitea: the comment for all.  Their API has the form of GitHub's.

Comments on lines do not follow their lines there, and the API does not tell
which are outdated: what is said of a line stands in the comment for all, with
a link.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.web.comments import Dialect, linked
from bot.web.github import MOST, GitHub, pull_of
from bot.web.wish import There

__all__ = ["Forgejo", "dialect"]


def dialect(page: str, repo: str, base: str, head: str) -> Dialect:
    """How Forgejo wants it; see `bot.web.github.dialect`."""
    files = f"{page.rstrip('/')}/{repo}/src/commit"
    return Dialect("pull request", MOST, linked(files, base, head), lines=False)


class Forgejo(GitHub):
    """Pull request `number` of `repo`, as `bot.web.wish.Forge`; see `GitHub`."""

    def look(self) -> There:
        """What is there now."""
        head = pull_of(self._api, self._name, self._number).head
        # The list is never cut into pages (Forgejo and Gitea: ListIssueComments).
        found = self._api.pages(f"{self._repo}/issues/{self._number}/comments", size=0)
        stickies = tuple(self._comment(one) for one in found if self._key(one) == "")
        return There(head, stickies, ())

    def _ours(self, author: Mapping[str, Any]) -> bool:
        # A job's token has an account of its own, too; no kind of account tells bots from people.
        return bool(author.get("login") == self._login())
