# SPDX-License-Identifier: GPL-2.0-or-later
"""Run the rules over one series: from `Series` to findings and problems.

Pure: no network, no clock, no files.  A rule that raises becomes a problem of
that rule on that series; a damaged file of a diff is named and left out.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from checks.api import Blobs, Confidence, Edition, Finding, Hit, Patch, Problem, Rule, Series
from checks.edition import detect
from checks.scope import Scope, in_scope, scope_of, wanted
from checks.source.vocabulary import canonical

__all__ = ["Outcome", "run"]

LOW = Confidence.LOW


class Outcome(NamedTuple):
    """What the rules said of one series, and what they were able to see."""

    edition: Edition
    """The one that holds once the series is applied."""
    edition_reason: str
    context: str
    """`tree` or `diff`."""
    verified: bool | None
    """Whether git's hashes confirm all images that were used; None in `diff` depth."""
    findings: tuple[Finding, ...]
    errors: tuple[Problem, ...]


def run(
    series: Series,
    rules: tuple[Rule, ...],
    *,
    edition: Edition | None = None,
    blobs: Blobs | None = None,
    every_diff: bool = True,
) -> Outcome:
    """Review `series` by `rules`.

    Parameters
    ----------
    edition: the user's choice; None recognises it from tree or series
    blobs: git object store for the `tree` depth
    every_diff: parse also the files that no rule can fire on, to report damage in them
    """
    series = _prepare(series, blobs)
    verdict = detect(series, edition, blobs)
    series = series._replace(verdict=verdict)
    errors: list[Problem] = []
    findings: list[Finding] = []
    for rule in rules:
        if not in_scope(series, scope_of((rule,))):
            continue
        try:
            hits = list(_hits(rule, series))
        except Exception as err:  # any bug of a rule is told, and the others go on
            errors.append(_crash(rule, series, err))
            continue
        sure = series.complete or not rule.meta.whole
        findings += (_finding(rule, hit if sure else hit._replace(confidence=LOW)) for hit in hits)
    errors += _damage(series, every_diff)
    context, verified = _depth(series, scope_of(rules)) if blobs is not None else ("diff", None)
    findings = _number(sorted(findings, key=_order))
    return Outcome(verdict.last, verdict.reason, context, verified, tuple(findings), tuple(errors))


def _prepare(series: Series, blobs: Blobs | None) -> Series:
    """Put the patches in order; in `tree` depth give each the object store and the one before."""
    patches = sorted(series.patches, key=lambda patch: patch.number)
    if blobs is not None:
        previous: Patch | None = None
        for at, patch in enumerate(patches):
            previous = patches[at] = patch._replace(blobs=blobs, previous=previous)
    return series._replace(patches=tuple(patches))


def _damage(series: Series, every_diff: bool) -> Iterator[Problem]:
    """The files that can't be read: of all, or of those that some rule asked for."""
    for patch in series.patches:
        for file in patch.change.all_files:
            if (every_diff or file.parsed) and file.damage is not None:
                yield Problem(
                    "damaged-diff",
                    patch.msgid,
                    f"{file.damage.path}: {file.damage.reason}; this file is not reviewed",
                )


def _hits(rule: Rule, series: Series) -> Iterator[Hit]:
    for hit in rule.check(series):
        if series.edition(hit.patch) in rule.meta.editions:
            yield hit
            if rule.meta.once:
                return


def _crash(rule: Rule, series: Series, err: Exception) -> Problem:
    last = err.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    at = f"{last.tb_frame.f_code.co_name}:{last.tb_lineno}" if last is not None else "?"
    reason = " ".join(f"{type(err).__name__}: {err}".split())[:200]
    return Problem(
        "rule-crashed", rule.id, f"{reason} (at {at}, on {series.msgid}); please report it"
    )


def _finding(rule: Rule, hit: Hit) -> Finding:
    severity = rule.meta.severity
    if hit.severity is not None and hit.severity.rank < severity.rank:
        severity = hit.severity
    line = hit.line
    return Finding(
        rule=rule.id,
        topic=rule.topic,
        severity=severity,
        confidence=hit.confidence or rule.meta.confidence,
        patch=hit.patch.ref,
        file=hit.file.path,
        line=(line.old if line.sign == "-" else line.new) or 0,
        side="old" if line.sign == "-" else "new",
        line_text=line.whole,
        diff_line=line.at,
        symbol=hit.symbol,
        message=hit.message,
        suggestion=hit.suggestion,
        references=rule.meta.sources,
        fingerprint="",
        facts=hit.facts,
    )


def _order(finding: Finding) -> tuple[int, int, int, str]:
    """Diff order; on one line the worst first."""
    return finding.patch.number, finding.diff_line, -finding.severity.rank, finding.rule


def _number(findings: list[Finding]) -> list[Finding]:
    """Give each finding its fingerprint; equal ones are told apart by their order."""
    seen: Counter[tuple[str, ...]] = Counter()
    numbered = []
    for finding in findings:
        key = (finding.rule, finding.file, finding.symbol or "", canonical(finding.line_text[1:]))
        seen[key] += 1
        digest = hashlib.sha256("\0".join((*key, str(seen[key]))).encode("utf-8", "replace"))
        numbered.append(finding._replace(fingerprint=digest.hexdigest()[:16]))
    return numbered


def _depth(series: Series, scopes: tuple[Scope, ...]) -> tuple[str, bool | None]:
    """In which depth the files in scope can be seen, and whether hashes confirm it."""
    wholes = [
        file.whole
        for patch in series.patches
        for file in patch.change.all_files
        if wanted(file, scopes) and file.damage is None
    ]
    if not any(wholes):
        return "diff", None
    return "tree", all(whole is not None and whole.verified for whole in wholes)
