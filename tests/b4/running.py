# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the real b4 in a git tree: a process of its own, with an empty home and no network to ask."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.web.branches import IMPORT, STUB, Repository, empty
from tests.web.running import REVOKEBOT, environment

__all__ = ["AM", "FILLED", "PREP", "REVIEW", "SERIES", "b4", "half_done", "in_b4", "with_b4"]

_COMMANDS = dict(
    re.findall(
        r"(?m)^    git config --add b4\.(\S+) 'revokebot (.*)'$", (ROOT / "docs/b4.md").read_text()
    )
)
PREP, AM, REVIEW, SERIES = (
    f"{shlex.quote(str(REVOKEBOT))} {_COMMANDS[f'{name}-check-cmd']}"
    for name in ("prep-perpatch", "am-perpatch", "review-perpatch", "review-series")
)
"""What docs/b4.md tells to configure."""

_EMPTY = "static void frob_invalidate(struct dma_buf_attachment *attach)\n{\n"
FILLED = (
    f"{_EMPTY}\tfrob_stop(attach->importer_priv);\n\tfrob_forget_mapping(attach->importer_priv);\n"
)
"""What a later patch makes of the stub, so that nobody has anything to say of it."""


def half_done(path: Path) -> Repository:
    """A branch whose first patch is wrong by itself, and right once the second one is there.

    The third has a finding of its own.
    """
    made = empty(path)
    file = "drivers/misc/frob.c"
    made.change("frob: listen", {file: ("int frob_open(", f"{STUB}int frob_open(")})
    made.change("frob: let go of the buffer", {file: (_EMPTY, FILLED)})
    made.change("frob: hand out a file", {file: ("int frob_open(", f"{IMPORT}int frob_open(")})
    return made


def with_b4(made: Repository, **settings: str) -> Repository:
    """`made`, configured for b4: who we are, and `settings`, with `_` for `-`."""
    made.git("config", "user.name", "A U Thor")
    made.git("config", "user.email", "author@author.example")
    made.git("config", "b4.attestation-policy", "off")
    for name, value in settings.items():
        made.git("config", f"b4.{name.replace('_', '-')}", value)
    return made


def _world(made: Repository) -> dict[str, str]:
    home = made.path.parent / "home"
    home.mkdir(exist_ok=True)
    return environment(home, GIT_CONFIG_NOSYSTEM="1", PYTHONPATH=str(ROOT))


def b4(made: Repository, *arguments: str) -> str:
    """Run b4 in `made` without network; return what it said, without its colours."""
    command = [str(REVOKEBOT.with_name("b4")), "--offline-mode", *arguments]
    done = subprocess.run(
        command, cwd=made.path, env=_world(made), capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def in_b4(made: Repository, script: str, *arguments: str) -> Any:
    """Run a Python script that uses b4 in `made`; return the JSON that it prints."""
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(
        command, cwd=made.path, env=_world(made), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)
