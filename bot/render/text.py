# SPDX-License-Identifier: GPL-2.0-or-later
"""A review for a terminal.  Nothing of a mail is printed raw: see `bot.render.plain`.

Clean, skipped, crashed and incomplete end in four different summary lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from bot.model import Review
from bot.render.links import links
from bot.render.plain import escape, one_line, wrap
from checks.api import Finding, Severity

__all__ = ["Style", "count", "counted", "errors", "in_full", "remark", "render", "summary"]

CONTEXT = 2
"""Diff lines shown above the one that a finding is about."""

_SGR = {"bold": "1", "red": "31", "green": "32", "yellow": "33", "cyan": "36", "dim": "2"}
_SEVERITY = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
_SIGN = {"+": "green", "-": "red", "@": "cyan"}


class Style(NamedTuple):
    """How the text is to look."""

    color: bool = False
    width: int = 80
    """Columns that messages are wrapped to."""
    link_mask: str = "https://lore.kernel.org/r/%s"

    def paint(self, text: str, color: str | None) -> str:
        """Return `text` in `color` where colour is wanted."""
        return f"\x1b[{_SGR[color]}m{text}\x1b[0m" if self.color and color else text


ASIDE = ("counter-patch", "double-part")
"""Problems of the thread, not of the series: it was reviewed whole all the same."""


def render(review: Review, style: Style, *, in_scope: bool = True) -> str:
    """Return `review` as text.

    Parameters
    ----------
    in_scope: whether any rule could have fired; otherwise it says that the series was skipped
    """
    blocks = ["\n".join(_heading(review, style))]
    blocks += ["\n".join(_finding(review, finding, style)) for finding in review.findings]
    if review.errors:
        blocks.append("\n".join(errors(review, style)))
    blocks.append(style.paint(summary(review, in_scope=in_scope), "bold"))
    return "\n\n".join(blocks) + "\n"


def summary(review: Review, *, in_scope: bool = True) -> str:
    """One line: what was found, and whether all of it was looked at."""
    found, crashed = (
        counted(Counter(finding.severity for finding in review.findings)),
        [e for e in review.errors if e.kind == "rule-crashed"],
    )
    rest = sum(problem.kind not in (*ASIDE, "rule-crashed") for problem in review.errors)
    if crashed:
        rules = ", ".join(sorted({one_line(problem.where) for problem in crashed}))
        return f"crashed: {rules} failed and may have missed something; {found} by the others"
    if not review.posting.series.patches:
        return "skipped: there is no patch to review"
    if rest:
        return f"incomplete: {count(rest, 'problem')}, told above; {found} in what was read"
    if review.findings:
        return f"{found} in {count(len(review.posting.series.patches), 'patch', 'patches')}"
    if not in_scope:
        return "skipped: no rule is about anything that this series touches"
    return f"clean: {count(len(review.posting.series.patches), 'patch', 'patches')}, nothing to say"


def counted(counts: Mapping[Severity, int]) -> str:
    """Findings by severity, in words."""
    parts = [
        count(counts[severity], severity.value) for severity in Severity if counts.get(severity)
    ]
    return ", ".join(parts) or "nothing found"


def count(number: int, noun: str, plural: str = "") -> str:
    """`number` and what there are so many of."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def _heading(review: Review, style: Style) -> Iterator[str]:
    series = review.posting.series
    yield style.paint(one_line(series.subject), "bold")
    have = count(series.total, "patch", "patches")
    yield f"  {one_line(series.msgid)}, {have}, revision {series.revision}"
    yield wrap(f"edition {review.edition}: {one_line(review.edition_reason)}", style.width, "  ")
    seen = {
        None: "diff: only what the hunks show",
        True: "tree: whole files, confirmed by git's hashes",
        False: "tree: whole files, but not those that the patches were made against",
    }
    yield f"  context {seen[review.verified if review.context == 'tree' else None]}"


def in_full(finding: Finding) -> str:
    """What is said of `finding`, and the change that it suggests, for who shows plain text."""
    change = finding.suggestion.rstrip("\n")
    return finding.message + (f"\n\nSuggested change:\n{change}" if change else "")


def remark(
    finding: Finding, code: Iterable[tuple[str, str]], style: Style, subject: str = ""
) -> Iterator[str]:
    """Yield the lines about one finding.

    Parameters
    ----------
    code: the lines that lead to it and its own, each with the sign that gives its colour
    subject: the patch that it is about, where there are several
    """
    place = f"{one_line(finding.file)}:{finding.line}:"
    severity = style.paint(finding.severity.value, _SEVERITY[finding.severity])
    where = f" in {one_line(finding.symbol)}" if finding.symbol else ""
    rule = f"[{finding.rule}, {finding.confidence} confidence]"
    yield f"{style.paint(place, 'bold')} {severity}{where} {style.paint(rule, 'dim')}"
    if subject:
        yield f"  {one_line(subject)}"
    for sign, line in code:
        yield "    " + style.paint(escape(line), _SIGN.get(sign))
    yield wrap(escape(finding.message), style.width, "  ")
    if finding.suggestion:
        yield "  Suggested change:"
        for line in finding.suggestion.rstrip("\n").split("\n"):
            yield "    " + style.paint(escape(line), _SIGN.get(line[:1]))
    for link in links(finding.references, style.link_mask):
        yield style.paint(f"  see {one_line(link)}", "dim")


def _finding(review: Review, finding: Finding, style: Style) -> Iterator[str]:
    several = len(review.posting.series.patches) > 1
    code = ((line[:1], line) for line in _diff_lines(review, finding))
    yield from remark(finding, code, style, finding.patch.subject if several else "")


def _diff_lines(review: Review, finding: Finding) -> list[str]:
    """The line that the finding is about, below at most `CONTEXT` lines of the same hunk."""
    for patch in review.posting.series.patches:
        if patch.msgid == finding.patch.msgid and patch.number == finding.patch.number:
            lines = patch.diff.split("\n")[max(finding.diff_line - CONTEXT, 0) : finding.diff_line]
            start = next((n for n in range(len(lines), 0, -1) if lines[n - 1].startswith("@@ ")), 0)
            return [*lines[start:], finding.line_text]
    return [finding.line_text]


def errors(review: Review, style: Style) -> Iterator[str]:
    """Yield the lines about what could not be read or reviewed."""
    yield style.paint("not reviewed, or not as it should be:", "red")
    for problem in review.errors:
        text = f"{one_line(problem.where)}: {one_line(problem.message)} [{problem.kind}]"
        yield wrap(text, style.width, "  ")
