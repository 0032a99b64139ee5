# SPDX-License-Identifier: GPL-2.0-or-later
"""An audit for a terminal: what each file should be told, and how much was looked at.

As in a review, clean, skipped, crashed and incomplete end in four different
summary lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from bot.model import Review
from bot.render.plain import listed, one_line, wrap
from bot.render.text import CONTEXT, Style, count, counted, errors, remark
from checks.api import Finding, Severity
from checks.edition import EditionVerdict

__all__ = ["Tally", "blocks", "heading", "summary"]

LOST = ("rule-crashed", "review-crashed", "worker-died", "time-limit")
"""Problems that are ours: what a rule would have said is not known."""


@dataclass(slots=True)
class Tally:
    """What was read and found, for the summary."""

    files: int = 0
    folders: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    severities: Counter[Severity] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)

    def add(self, review: Review, files: int) -> None:
        """Count the review of one folder, of which `files` are in scope."""
        self.files += files
        self.folders += 1
        self.rules.update(found.rule for found in review.findings)
        self.severities.update(found.severity for found in review.findings)
        self.problems.update(problem.kind for problem in review.errors)

    @property
    def worst(self) -> int:
        """Rank of the worst finding; -1 without any."""
        return max((severity.rank for severity in self.severities), default=-1)

    @property
    def lost(self) -> int:
        """How many problems are ours."""
        return sum(self.problems[kind] for kind in LOST)

    @property
    def size(self) -> str:
        """How much was looked at."""
        return f"{count(self.files, 'file')} in {count(self.folders, 'folder')}"

    def __str__(self) -> str:
        return (
            f"{self.size}\n{count(self.rules.total(), 'finding')}{listed(self.rules)}\n"
            f"{count(self.problems.total(), 'problem')}{listed(self.problems)}"
        )


def heading(title: str, verdict: EditionVerdict, style: Style) -> str:
    """The first lines: which kernel, and by which edition it is judged."""
    edition = wrap(f"edition {verdict.base}: {one_line(verdict.reason)}", style.width, "  ")
    return f"{style.paint(title.strip('[]') or 'a tree without a release', 'bold')}\n{edition}\n\n"


def blocks(review: Review, style: Style) -> Iterator[str]:
    """Yield the findings of one folder, file by file, then what could not be read of it."""
    for finding in sorted(review.findings, key=lambda found: (found.file, found.line)):
        yield "\n".join(remark(finding, _code(review, finding), style)) + "\n\n"
    if review.errors:
        yield "\n".join(errors(review, style)) + "\n\n"


def _code(review: Review, finding: Finding) -> Iterator[tuple[str, str]]:
    """The line that the finding is about, below the ones before it, as the file has them."""
    lines = review.posting.series.patches[0].diff.split("\n")
    for line in lines[max(finding.diff_line - CONTEXT, 0) : finding.diff_line + 1]:
        if line.startswith("+") and not line.startswith("+++ "):
            yield "", line[1:]


def summary(tally: Tally) -> str:
    """The last line: what was found, and whether all of it was looked at."""
    found = counted(tally.severities)
    rest = tally.problems.total() - tally.problems["rule-crashed"]
    if tally.problems["rule-crashed"]:
        text = f"crashed: rules failed and may have missed something; {found} by the others"
    elif rest:
        text = f"incomplete: {count(rest, 'problem')}, told above; {found} in what was read"
    elif tally.severities:
        text = f"{found} in {tally.size}"
    elif not tally.files:
        text = "skipped: no rule is about any file there"
    else:
        text = f"clean: {tally.size}, nothing to say"
    return text + "\n"
