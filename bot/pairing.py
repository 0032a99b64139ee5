# SPDX-License-Identifier: GPL-2.0-or-later
"""Which finding of one revision is which of another, though lines move and names change.

Pure.  It does not guess where several would fit: then a finding counts as new.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import NamedTuple

from checks.api import Finding
from checks.source.vocabulary import canonical

__all__ = ["pair"]


class _Step(NamedTuple):
    """One way to tell that two findings are the same."""

    key: Callable[[Finding], Hashable | None]
    lone: bool
    """Only where exactly one is left on either side."""
    sure: bool


def _text(finding: Finding) -> str:
    return canonical(finding.line_text[1:])


def _kind(finding: Finding) -> Hashable:
    """What the rule finds fault with; a rule that finds only one thing does not say."""
    return finding.rule, str(finding.facts.get("kind"))


def _by_symbol(finding: Finding) -> Hashable | None:
    return (finding.rule, _text(finding), finding.symbol) if finding.symbol else None


_STEPS = (
    _Step(lambda finding: finding.fingerprint, lone=False, sure=True),
    _Step(lambda finding: (finding.rule, _text(finding), finding.file), lone=False, sure=True),
    _Step(_by_symbol, lone=False, sure=True),
    _Step(lambda f: (_kind(f), f.file, f.symbol), lone=True, sure=False),
    _Step(lambda finding: (_kind(finding), _text(finding)), lone=True, sure=False),
)


def pair(
    found: Sequence[Finding], older: Sequence[Finding], *, sure: bool = False
) -> dict[int, int]:
    """Map indexes of `found` to those of `older`; each stands at most once.

    The order of either does not matter.  With `sure`, only by fingerprint or
    equal text in the same file or symbol.
    """
    new, old = _ordered(found), _ordered(older)
    pairs: dict[int, int] = {}
    for step in _STEPS:
        if not new or not old:
            break
        if sure and not step.sure:
            continue
        there = _grouped(old, older, step)
        for key, ours in _grouped(new, found, step).items():
            theirs = there.get(key, [])
            if not step.lone or len(ours) == len(theirs) == 1:
                pairs.update(zip(ours, theirs, strict=False))
        taken = set(pairs.values())
        new = [at for at in new if at not in pairs]
        old = [at for at in old if at not in taken]
    return pairs


def _ordered(findings: Sequence[Finding]) -> list[int]:
    """Indexes in the order of the diffs, whatever order they came in."""
    return sorted(range(len(findings)), key=lambda at: _place(findings[at]))


def _place(finding: Finding) -> tuple[int, int, str, str, str]:
    return (
        finding.patch.number,
        finding.diff_line,
        finding.fingerprint,
        finding.rule,
        finding.line_text,
    )


def _grouped(
    places: Iterable[int], findings: Sequence[Finding], step: _Step
) -> dict[Hashable, list[int]]:
    groups: dict[Hashable, list[int]] = {}
    for at in places:
        if (key := step.key(findings[at])) is not None:
            groups.setdefault(key, []).append(at)
    return groups
