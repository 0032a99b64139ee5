# SPDX-License-Identifier: GPL-2.0-or-later
"""What a forge is to say of the reviews of a branch: one comment for all, and some on lines.

Pure.  A comment is written only where one of the findings is worth a mail, too
(`policy.severity`, `policy.confidence`); then it tells all that a mail would.
Marks that no reader sees tell our comments from others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from bot.config import Settings
from bot.model import Review
from bot.policy import passes
from bot.render import markdown
from bot.settings import PolicySettings
from bot.told import told
from bot.web.whole import Place, WholeDiff
from bot.web.wish import Remark, Wish
from checks.api import Finding

__all__ = ["Dialect", "Told", "keyed", "mark", "tell", "wish"]


class Dialect(NamedTuple):
    """How one forge wants it."""

    request: str
    """What it calls a pull request."""
    most: int
    """Characters that it takes in one comment."""
    link: Callable[[Place], str]
    """URL of a line of the change."""


class Told(NamedTuple):
    """One finding, and where the forge can show it."""

    finding: Finding
    place: Place | None
    """None where the whole change does not show that line."""
    key: str
    """Tells it from all others of the same branch, through all pushes."""


def tell(reviews: Sequence[Review], whole: WholeDiff) -> tuple[Told, ...]:
    """All that is told of `reviews`, in the order of patches and lines."""
    seen: dict[str, int] = {}
    found = []
    for review in reviews:
        for finding in told(review):
            again = seen[finding.fingerprint] = seen.get(finding.fingerprint, 0) + 1
            key = finding.fingerprint + (f"-{again}" if again > 1 else "")
            found.append(Told(finding, whole.place(finding, review.posting.series), key))
    return tuple(found)


def worth(found: Sequence[Told], policy: PolicySettings) -> bool:
    """Whether any of it is worth a comment."""
    return any(passes(one.finding, policy) for one in found)


def mark(context: str, key: str = "") -> str:
    """The mark of a comment: an HTML comment, which nobody sees; `key` is empty for the sticky."""
    return f"<!-- revokebot {context} {key or 'all'} -->"


def keyed(body: str, context: str) -> str | None:
    """The key in the mark of `body`; empty for the sticky one, None where it has no such mark."""
    start = f"<!-- revokebot {context} "
    first = body.partition("\n")[0].rstrip()
    if not first.startswith(start) or not first.endswith(" -->"):
        return None
    key = first.removeprefix(start).removesuffix(" -->")
    return "" if key == "all" else key


def wish(
    reviews: Sequence[Review],
    found: Sequence[Told],
    refused: Collection[str],
    *,
    dialect: Dialect,
    settings: Settings,
) -> Wish:
    """What is to be there of `reviews`.

    Parameters
    ----------
    found: what `tell` says of them
    refused: keys of what cannot stand on its line, though the diff has it
    """
    context = settings.ci.context
    clean = f"{mark(context)}\nWhat was said here does not hold any more."
    if not worth(found, settings.policy):
        return Wish("", clean)
    able = [one for one in found if one.place is not None and one.key not in refused]
    remarks = tuple(
        Remark(one.key, one.place, f"{mark(context, one.key)}\n{_said(one.finding)}")
        for one in able[: settings.ci.line_comments]
        if one.place is not None
    )
    on_lines = {remark.key for remark in remarks}
    items = [
        f"- {markdown.code(f'{one.finding.file}:{one.finding.line}')}"
        + ("" if one.key in on_lines else f" {_said(one.finding)}")
        for one in found
    ]
    return Wish("\n".join([mark(context), *items]), clean, remarks)


def _said(finding: Finding) -> str:
    return markdown.text(finding.message)
