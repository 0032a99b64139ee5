# SPDX-License-Identifier: GPL-2.0-or-later
"""Recall and precision on what human reviewers said, for the rules that there are."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from checks import load_rules
from tests.conftest import ROOT

pytestmark = pytest.mark.corpus

COUNTED = {"human", "contract-later", "clean"}
"""Bases of labels that are no oddities; the corpus's own notes say which is which."""

RECALL, PRECISION = 0.85, 0.97


def squeezed(text: str | None) -> str:
    return " ".join((text or "").lstrip("+- ").split())


def meets(finding: dict[str, Any], label: dict[str, Any]) -> bool:
    """Whether a finding is of the label's rule, at its file, and at its symbol or line."""
    where = label.get("where") or {}
    if finding["rule"] != label["rule"] or where.get("file") not in (None, finding["file"]):
        return False
    symbol, line = where.get("symbol"), where.get("line_text")
    if not symbol and not line:
        return True
    same_line = bool(line) and squeezed(line) == squeezed(finding["line_text"])
    return same_line or bool(symbol and symbol == finding["symbol"])


def test_recall_and_precision(corpus: Path) -> None:
    archive = corpus / "revoke-threads.mbox.xz"
    command = [sys.executable, "-m", "bot", "backtest", str(archive), "--format", "jsonl"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    findings = defaultdict(list)
    for line in done.stdout.splitlines():
        for finding in json.loads(line)["findings"]:
            findings[finding["patch"]["msgid"]].append(finding)
    ours = {rule.id for rule in load_rules()}
    count = {"hit": 0, "missed": 0, "false": 0, "quiet": 0}
    for raw in (corpus / "labels.jsonl").read_text(encoding="utf-8").splitlines():
        label = json.loads(raw)
        if label["rule"] not in ours or label["basis"] not in COUNTED:
            continue
        found = any(meets(f, label) for f in findings[label["patch_msgid"].strip("<> ")])
        expected = ("hit", "missed") if label["expected"] else ("false", "quiet")
        count[expected[0] if found else expected[1]] += 1
    assert count["hit"] / (count["hit"] + count["missed"]) >= RECALL, count
    assert count["hit"] / (count["hit"] + count["false"]) >= PRECISION, count
