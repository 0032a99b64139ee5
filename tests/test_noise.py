# SPDX-License-Identifier: GPL-2.0-or-later
"""What is said of the whole archive beyond the labels: all of it is looked at, little of it wrong."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.test_labels import meets

pytestmark = pytest.mark.corpus

NAMES = re.compile(r"dma_buf|dmabuf|dma-buf|dma_resv|DMA_BUF|dma_fence")
"""One of these stands in whatever is the contract's business."""

WRONG, HIGH, MEDIUM = 0.03, 0.98, 0.90
"""Aims: wrong findings in all, right ones of those that claim to be sure, and fairly sure."""

ROW = re.compile(
    r"^\| ([a-z-]+) \| (\S+): (.+?) \| (.+?) \| (\w+)(?:/\w+)? \| (right|wrong) \|", re.M
)


@cache
def _loud(archive: Path) -> list[dict[str, Any]]:
    """The findings above note over the whole archive, each with its series."""
    command = [sys.executable, "-m", "bot", "backtest", str(archive), "--format", "jsonl"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    reviews = map(json.loads, done.stdout.splitlines())
    return [f for review in reviews for f in review["findings"] if f["severity"] != "note"]


def _unlabelled(corpus: Path) -> list[dict[str, Any]]:
    labels = [json.loads(x) for x in (corpus / "labels.jsonl").read_text("utf-8").splitlines()]
    found = _loud(corpus / "linaro-mm-sig-until-2026-02.mbox.xz")
    spoken = {label["patch_msgid"].strip("<> ") for label in labels}
    return [
        f
        for f in found
        if f["patch"]["msgid"] not in spoken
        or not any(
            meets(f, label) and label["patch_msgid"].strip("<> ") == f["patch"]["msgid"]
            for label in labels
        )
    ]


def _verdicts() -> dict[tuple[str, str, str], tuple[str, str]]:
    """(rule, file, message-id) to confidence and verdict, of docs/noise.md."""
    text = (ROOT / "docs/noise.md").read_text("utf-8")
    return {
        (rule, file, mail): (confidence, verdict)
        for rule, file, _, mails, confidence, verdict in ROW.findall(text)
        for mail in mails.split()
        if "@" in mail
    }


def test_every_finding_has_a_verdict(corpus: Path) -> None:
    verdicts = _verdicts()
    found = {(f["rule"], f["file"], f["patch"]["msgid"]) for f in _unlabelled(corpus)}
    assert found - verdicts.keys() == set(), "look at these and add them to docs/noise.md"
    assert verdicts.keys() - found == set(), "these are not found any more; take them out"


def test_few_are_wrong(corpus: Path) -> None:
    rows = [_verdicts()[f["rule"], f["file"], f["patch"]["msgid"]] for f in _unlabelled(corpus)]
    assert len(rows) > 50
    assert sum(verdict == "wrong" for _, verdict in rows) <= WRONG * len(rows)
    for confidence, aim in (("high", HIGH), ("medium", MEDIUM)):
        right = [verdict == "right" for claimed, verdict in rows if claimed == confidence]
        assert sum(right) >= aim * len(right), confidence


def test_nothing_is_said_of_other_patches(corpus: Path) -> None:
    for finding in _loud(corpus / "linaro-mm-sig-until-2026-02.mbox.xz"):
        place = f"{finding['file']} {finding['line_text']} {finding['message']}"
        assert NAMES.search(place), finding
