# SPDX-License-Identifier: GPL-2.0-or-later
"""Broken patches are found, and the correct ones they were made from are left alone."""

from __future__ import annotations

import pytest

from checks import load_rules
from tests.mutants.mutations import mutants
from tests.mutants.run import alarms, judge

AIM = 0.95
"""Of all mutants."""

DEPTHS = pytest.mark.parametrize("depth", ["diff", "tree"])


@DEPTHS
def test_broken_patches_are_found(depth: str) -> None:
    judged = list(judge(depth))
    missed = [f"{m.mutation.rule}: {m.mutation.what} ({m.place})" for m, hit in judged if not hit]
    assert len(missed) <= (1 - AIM) * len(judged), missed


@DEPTHS
def test_correct_patches_are_left_alone(depth: str) -> None:
    assert [(name, f.rule, f.line_text) for name, f in alarms(depth)] == []


def test_most_rules_have_mutants() -> None:
    broken = {mutant.mutation.rule for mutant in mutants()}
    assert len(broken) > 0.8 * len(load_rules())
    assert broken <= {rule.id for rule in load_rules()}
