# SPDX-License-Identifier: GPL-2.0-or-later
"""A suggestion that is a diff is taken by `git apply` on top of the patch that it is about."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from checks import load_rules
from checks.api import Bad, Rule
from checks.examples import series_of
from checks.runner import run
from tests.checks.build import after

EXAMPLES = [
    pytest.param(rule, bad, id=f"{rule.id}-{number}")
    for rule in load_rules()
    for number, bad in enumerate(rule.bad, 1)
    if not bad.todo
]


@pytest.mark.parametrize(("rule", "bad"), EXAMPLES)
def test_a_suggested_diff_applies(rule: Rule, bad: Bad, tmp_path: Path) -> None:
    series = series_of(bad)
    for finding in run(series, (rule,), edition=bad.edition).findings:
        if not finding.suggestion.startswith("--- a/"):
            assert not finding.suggestion or finding.suggestion[0] == "+"
            continue
        patch = series.patches[finding.patch.number - 1]
        target = tmp_path / finding.file
        target.parent.mkdir(parents=True, exist_ok=True)
        before = after(patch, finding.file)
        target.write_text(before, encoding="utf-8")
        subprocess.run(
            ["git", "apply", "--whitespace=nowarn", "-"],
            input=finding.suggestion,
            cwd=tmp_path,
            check=True,
            capture_output=True,
            text=True,
        )
        assert target.read_text(encoding="utf-8") != before
