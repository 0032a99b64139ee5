# SPDX-License-Identifier: GPL-2.0-or-later
"""Review one posting: run the rules, and keep what could not be read beside what they said.

Pure: no network, no clock, no files.  It chooses no words and sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.errors import UsageError
from bot.model import Posting, Review
from bot.names import nearest
from checks.api import Blobs, Edition, Rule
from checks.runner import Outcome, run

__all__ = ["check_names", "choose", "merge", "review"]


def review(
    posting: Posting,
    rules: tuple[Rule, ...],
    *,
    edition: Edition | None = None,
    blobs: Blobs | None = None,
    every_diff: bool = True,
) -> Review:
    """Review `posting` by `rules`.

    Parameters
    ----------
    edition: the edition that the user names; None recognises it
    blobs: git object store for the `tree` depth
    every_diff: report damage also in files that no rule can fire on
    """
    return merge(
        posting, run(posting.series, rules, edition=edition, blobs=blobs, every_diff=every_diff)
    )


def merge(posting: Posting, outcome: Outcome) -> Review:
    """What the rules said of `posting`, and before it what could not be read."""
    return Review(
        posting=posting,
        edition=outcome.edition,
        edition_reason=outcome.edition_reason,
        context=outcome.context,
        verified=outcome.verified,
        findings=outcome.findings,
        errors=(*posting.problems, *outcome.errors),
    )


def choose(
    rules: tuple[Rule, ...], select: Sequence[str], ignore: Sequence[str]
) -> tuple[Rule, ...]:
    """The rules named by id or topic in `select` (all when empty), without those in `ignore`.

    Raises `UsageError` for a name that is neither, and when nothing is left to run.
    """
    known = {rule.id for rule in rules} | {rule.topic for rule in rules}
    for flag, names in (("--select", select), ("--ignore", ignore)):
        check_names(names, known, flag, "rule or topic")
    chosen = tuple(
        rule
        for rule in rules
        if (not select or {rule.id, rule.topic} & set(select))
        and not {rule.id, rule.topic} & set(ignore)
    )
    if not chosen:
        raise UsageError("--select and --ignore leave no rule to run; `revokebot rules` lists them")
    return chosen


def check_names(names: Iterable[str], known: set[str], where: str, kind: str = "rule") -> None:
    """Raise `UsageError` with `where` for a name that is not among those `known` of this `kind`."""
    for name in names:
        if name not in known:
            hint = nearest(name, known, "`revokebot rules` lists them")
            raise UsageError(f"{where}: no {kind} is called '{name}'{hint}")
