# SPDX-License-Identifier: GPL-2.0-or-later
"""What the README tells to run exists, and so does what it links to."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
REVOKEBOT = Path(sys.executable).with_name("revokebot")


def named(pattern: str) -> set[str]:
    """What `pattern` finds in the README; never empty, lest a test pass on nothing."""
    found = set(re.findall(pattern, README))
    assert found, f"the README has no {pattern}"
    return found


def run(*argv: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_commands_exist() -> None:
    for command in named(r"`revokebot ([a-z]+)"):
        done = run(REVOKEBOT, command, "--help")
        assert done.returncode == 0, f"revokebot {command} --help: {done.stderr}"


def test_flags_exist() -> None:
    usage = "".join(run(REVOKEBOT, name, "--help").stdout for name in ("review", "reply"))
    assert {flag for flag in named(r"`(--[a-z-]+)") if flag not in usage} == set()


def test_make_targets_exist() -> None:
    for target in named(r"(?m)(?:`|^    )make ([a-z]+)"):
        done = run("make", "-n", target)
        assert done.returncode == 0, f"make {target}: {done.stderr}"


def test_links_lead_somewhere() -> None:
    for link in named(r"\]\(([^):]+)\)"):
        assert (ROOT / link).exists(), link
