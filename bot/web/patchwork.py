# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of the patches that a Patchwork has, by its REST API, version 1.2.

A check can't be changed or taken away: a new one of the same context takes its
place.  So one is posted only where the newest says something else.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from bot.errors import ForgeError, UnsureError
from bot.model import Review
from bot.render.text import counted
from bot.sources.bounded_http import pause_before
from bot.told import told
from bot.web.api import Api
from checks.api import Finding, Patch, Severity

__all__ = ["Check", "Patchwork", "checks_of", "slug"]

STATES = {Severity.ERROR: "fail", Severity.WARNING: "warning", Severity.NOTE: "success"}
RANKS = ("success", "warning", "fail")
MOST_URL = 200
"""Characters of a target URL."""
MOST_WORDS = 255
"""Characters of a description; the field takes more, tables do not."""
ATTEMPTS = 4
"""Posts of one check, where no answer tells whether the one before has arrived."""
_NO_SLUG = re.compile(r"[^-a-zA-Z0-9_]+")


class Check(NamedTuple):
    """What is to be said of one patch."""

    msgid: str
    """Bare message-id."""
    state: str
    """`success`, `warning` or `fail`."""
    description: str
    """One line, of our own words alone."""
    target_url: str
    """Empty for none."""


def slug(context: str) -> str:
    """`context` as Patchwork wants it: letters, digits, `-` and `_`."""
    return _NO_SLUG.sub("-", context)[:255] or "revokebot"


def checks_of(review: Review, link: Callable[[str], str]) -> Iterator[Check]:
    """What is to be said of each patch of `review`, in order.

    Parameters
    ----------
    link: URL for a bare message-id
    """
    spoken = told(review)
    for patch in review.posting.series.patches:
        url = link(patch.msgid)
        found = [finding for finding in spoken if finding.patch == patch.ref]
        words, state = _said(review, patch, found)
        yield Check(patch.msgid, state, words[:MOST_WORDS], url if len(url) <= MOST_URL else "")


def _said(review: Review, patch: Patch, found: Sequence[Finding]) -> tuple[str, str]:
    """Description and state; what could not be reviewed is no success."""
    severities = Counter(finding.severity for finding in found)
    states = [STATES[severity] for severity in severities]
    rules = ", ".join(sorted({finding.rule for finding in found}))
    words = f"{counted(severities)}: {rules}" if found else "nothing to say"
    kinds = sorted({
        problem.kind
        for problem in review.errors
        if problem.kind == "rule-crashed" or patch.msgid in problem.where
    })  # fmt: skip
    if kinds:
        states.append("warning")
        words += f"; not all could be reviewed ({', '.join(kinds)})"
    return words, max(states, key=RANKS.index, default="success")


class Patchwork:
    """The patches of one Patchwork.

    Parameters
    ----------
    project: name (`linkname`) or id of the only project that is meant; empty for all
    context: name of our checks
    pause: waits so many seconds after a request that got no answer
    """

    def __init__(
        self, api: Api, project: str, context: str, pause: Callable[[float], object]
    ) -> None:
        self._api = api
        self._project = project
        self._context = slug(context)
        self._pause = pause

    def patches(self, msgid: str) -> list[int]:
        """Ids of the patch with this bare message-id: one for each project that has it."""
        query = {"msgid": msgid} | ({"project": self._project} if self._project else {})
        return [int(_field(one, "id")) for one in self._api.pages("/api/1.2/patches/", query)]

    def newest(self, patch: int) -> Check | None:
        """The newest check of our context; None where there is none."""
        query = {"context": self._context}
        found = list(self._api.pages(f"/api/1.2/patches/{patch}/checks/", query))
        if not found:
            return None
        last = max(found, key=lambda one: int(_field(one, "id")))
        words, url = last.get("description") or "", last.get("target_url") or ""
        return Check("", str(_field(last, "state")), words, url)

    def post(self, patch: int, check: Check) -> bool:
        """Say it of `patch`, unless the newest check says so already; whether it had to be said."""
        trouble = ""
        for number in range(1, ATTEMPTS + 1):
            newest = self.newest(patch)
            if newest is not None and newest == check._replace(msgid=""):
                return number > 1
            body = {
                "state": check.state,
                "context": self._context,
                "description": check.description,
                **({"target_url": check.target_url} if check.target_url else {}),
            }
            try:
                self._api.send("POST", f"/api/1.2/patches/{patch}/checks/", body)
            except UnsureError as err:
                trouble = str(err)
                self._pause(max(err.wait, pause_before(number)))
            else:
                return True
        raise ForgeError(trouble)


def _field(one: Mapping[str, Any], name: str) -> Any:
    try:
        return one[name]
    except (KeyError, TypeError) as err:
        raise ForgeError(f"an item of a list has no {name!r}; is it a Patchwork?") from err
