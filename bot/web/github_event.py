# SPDX-License-Identifier: GPL-2.0-or-later
"""What the event that started a workflow says of the commits to review.

Pure.  Of the commit that is checked out it says nothing: for a pull request that
is a merge that nobody has written
(docs.github.com: Events that trigger workflows, Webhook events and payloads).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["Event", "read_event"]

ZERO = "0" * 40
"""What a push says came before the first commit of a branch, or after its last."""


class Event(NamedTuple):
    """Commits; all is empty where the event does not tell."""

    base: str = ""
    """What is known already: the commits of `head` without those of it are looked at."""
    head: str = ""
    number: int = 0
    """Of the pull request; 0 for none."""
    repo: str = ""
    """OWNER/NAME."""


def read_event(payload: object) -> Event:
    """What `payload` says, the JSON of `$GITHUB_EVENT_PATH`.

    Of a branch that is new, or written anew, the push does not tell where it begins:
    that is where it left the branch that the repository shows first.
    """
    return _commits(payload)._replace(repo=_text(_part(payload, "repository"), "full_name"))


def _commits(payload: object) -> Event:
    pull, group = _part(payload, "pull_request"), _part(payload, "merge_group")
    if pull:
        base, head = (_text(_part(pull, end), "sha") for end in ("base", "head"))
        number = pull.get("number")
        return Event(base, head, number if isinstance(number, int) else 0)
    if group:
        return Event(_text(group, "base_sha"), _text(group, "head_sha"))
    push = payload if isinstance(payload, Mapping) else {}
    before, after = _text(push, "before"), _text(push, "after")
    if after in ("", ZERO):
        return Event()
    if before in ("", ZERO) or push.get("forced"):
        first = _text(_part(push, "repository"), "default_branch")
        return Event(f"refs/remotes/origin/{first}" if first else "", after)
    return Event(before, after)


def _part(node: object, key: str) -> Mapping[str, Any]:
    found = node.get(key) if isinstance(node, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _text(node: Mapping[str, Any], key: str) -> str:
    found = node.get(key)
    return found if isinstance(found, str) else ""
