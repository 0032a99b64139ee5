# SPDX-License-Identifier: GPL-2.0-or-later
"""Every rule fires on its BAD examples, exactly there, and stays silent on its GOOD ones."""

from __future__ import annotations

import pytest
from _pytest.mark.structures import ParameterSet

from checks import load_rules
from checks.api import Bad, Good, Rule
from checks.examples import series_of
from checks.runner import run

RULES = load_rules()


def _examples(kind: str) -> list[ParameterSet]:
    cases = []
    for rule in RULES:
        for number, example in enumerate(getattr(rule, kind), 1):
            marks = [pytest.mark.xfail(strict=True, reason="known gap")] if example.todo else []
            cases.append(pytest.param(rule, example, id=f"{rule.id}-{number}", marks=marks))
    return cases


@pytest.mark.parametrize(("rule", "bad"), _examples("bad"))
def test_bad_example_is_found_exactly_there(rule: Rule, bad: Bad) -> None:
    outcome = run(series_of(bad), (rule,), edition=bad.edition)
    assert outcome.errors == ()
    assert sorted(f.line_text[1:].strip() for f in outcome.findings) == sorted(bad.at)


@pytest.mark.parametrize(("rule", "good"), _examples("good"))
def test_good_example_is_silent(rule: Rule, good: Good) -> None:
    outcome = run(series_of(good), (rule,), edition=good.edition)
    assert outcome.errors == ()
    assert [(f.message, f.line_text) for f in outcome.findings] == []
