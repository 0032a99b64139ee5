# SPDX-License-Identifier: GPL-2.0-or-later
"""Run the rules over originals and mutants."""

from __future__ import annotations

from collections.abc import Iterator

from checks import load_rules
from checks.api import Finding
from checks.runner import run
from tests.mutants.mutations import Mutant, mutants
from tests.mutants.originals import ORIGINALS, Base, series_of, states_of

__all__ = ["alarms", "judge"]


def judge(depth: str) -> Iterator[tuple[Mutant, bool]]:
    """Yield every mutant, and whether its rule fired on it in `depth` (`diff` or `tree`).

    Raises when a rule crashes.
    """
    rules = {rule.id: rule for rule in load_rules()}
    for mutant in mutants():
        rule = rules.get(mutant.mutation.rule)
        if rule is None:
            yield mutant, False
            continue
        blobs = Base(mutant.states) if depth == "tree" else None
        series = series_of(mutant.states)
        done = run(series, (rule,), edition=mutant.original.edition, blobs=blobs)
        assert done.errors == (), (mutant.mutation, done.errors)
        yield mutant, bool(done.findings)


def alarms(depth: str) -> Iterator[tuple[str, Finding]]:
    """Yield what any rule says of a correct series: nothing, if all is well."""
    for original in ORIGINALS:
        states = states_of(original.name)
        blobs = Base(states) if depth == "tree" else None
        done = run(series_of(states), load_rules(), edition=original.edition, blobs=blobs)
        assert done.errors == (), done.errors
        for finding in done.findings:
            if finding.rule not in original.aside:
                yield original.name, finding
