# SPDX-License-Identifier: GPL-2.0-or-later
"""What a newcomer sees first: the bundled example, through the installed command."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot import __version__
from tests.render.golden import same_as_golden

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = "examples/revocable-helper.mbox"
REVOKEBOT = Path(sys.executable).with_name("revokebot")


def revokebot(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [REVOKEBOT, *args], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def review() -> dict[str, Any]:
    run = revokebot("review", EXAMPLE, "--format", "jsonl")
    assert run.returncode == 1, run.stderr
    (line,) = run.stdout.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_the_example_is_read_whole() -> None:
    found = review()
    assert found["schema"] == "revokebot.review/1"
    assert found["errors"] == []
    assert found["series"] == {
        "msgid": "20260203-can-revoke-v1-0-2f7c1d@example.org",
        "subject": "[PATCH 0/2] dma-buf: let exporters revoke a buffer",
        "revision": 1,
        "patches": 2,
        "edition": "renamed",
        "context": "diff",
        "verified": None,
    }


def test_the_example_shows_what_the_bot_was_written_for() -> None:
    places = {
        (finding["rule"], finding["patch"]["number"], finding["symbol"])
        for finding in review()["findings"]
    }
    helper, wait = "dma_buf_attach_can_revoke", "dma_buf_revoke_and_wait"
    assert ("callback-test", 1, helper) in places
    assert ("core-namespace", 2, wait) in places
    assert ("notify-kernel-doc", 1, helper) in places


def test_make_review_shows_the_example_and_does_not_fail() -> None:
    run = revokebot("review", "--fail-on", "never", EXAMPLE)
    assert run.returncode == 0, run.stderr
    assert "callback-test" in run.stdout


@pytest.mark.parametrize("form", ["text", "jsonl", "mail", "markdown"])
def test_the_example_reads_as_it_did(form: str) -> None:
    """Through real rules and templates; `REGEN=1 pytest` writes the files anew, to be read."""
    run = revokebot("review", EXAMPLE, "--format", form, "--color", "never", "--fail-on", "never")
    assert run.returncode == 0, run.stderr
    said = re.sub(r"^Date: .*$", "Date: (now)", run.stdout, flags=re.MULTILINE)
    same_as_golden(f"example.{form}", said.replace(__version__, "VERSION").encode())
