# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs `revokebot` as a process, with an environment of its own, as a job of some CI does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["REVOKEBOT", "environment", "revokebot", "started"]

REVOKEBOT = Path(sys.executable).with_name("revokebot")


def environment(home: Path, **variables: str) -> dict[str, str]:
    """The environment of a job: nothing of ours but the path, and `variables`."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ}
    return {**kept, "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1", **variables}


def started(arguments: list[str], folder: Path, variables: dict[str, str]) -> subprocess.Popen[str]:
    """Start `revokebot` with `arguments` in `folder`."""
    return subprocess.Popen(
        [REVOKEBOT, *arguments],
        cwd=folder,
        env=environment(folder.parent, **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def revokebot(
    arguments: list[str], folder: Path, variables: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run `revokebot` with `arguments` in `folder` to its end."""
    process = started(arguments, folder, variables)
    out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)
