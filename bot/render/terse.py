# SPDX-License-Identifier: GPL-2.0-or-later
"""Reviews as `checkpatch.pl --terse` writes: one line for a finding, none for no finding.

`b4 prep --check` and `b4 am --check` take each line for a warning, or for an error
when it says `ERROR:`.  So a note is left out, unless notes are to fail.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.config import Settings
from bot.model import Review
from bot.render.plain import for_log, one_line
from bot.told import told
from checks.api import Severity

__all__ = ["render"]

ERROR = "ERROR:"
LABELS = {Severity.ERROR: ERROR, Severity.WARNING: "WARNING:", Severity.NOTE: "NOTE:"}


def render(reviews: Sequence[Review], settings: Settings) -> str:
    """What is told of `reviews`, and what could not be reviewed."""
    notes = settings.review.fail_on == Severity.NOTE
    lines = (line for review in reviews for line in _lines(review, notes))
    return for_log("".join(f"{line}\n" for line in lines))


def _lines(review: Review, notes: bool) -> Iterator[str]:
    for finding in told(review):
        if notes or finding.severity is not Severity.NOTE:
            place = _plain(f"{finding.file}:{finding.line}")
            said = _plain(" ".join(finding.message.split()))
            yield f"{place}: {LABELS[finding.severity]} {said} [{finding.rule}]"
    for problem in review.errors:
        what = problem.where if problem.kind == "rule-crashed" else "not reviewed"
        yield f"WARNING: {_plain(what)}: {_plain(problem.message)}"


def _plain(text: str) -> str:
    """A line that is not taken for an error for what a patch has in it."""
    return one_line(text).replace(ERROR, "ERROR :")
