# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs `revokebot` as a job of some CI does: with an environment of its own, in a checkout.

Most tests run it in their own process, which spares the start; what is killed,
or runs beside another, is a process of its own.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

from bot.cli import main
from tests.conftest import ROOT

__all__ = ["REVOKEBOT", "environment", "revokebot", "started"]

REVOKEBOT = Path(sys.executable).with_name("revokebot")


def environment(home: Path, **variables: str) -> dict[str, str]:
    """The environment of a job: nothing of ours but the path, and `variables`."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    kept |= {"HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return kept | variables


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
    """Run `revokebot` with `arguments` in `folder` to its end, in this process."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    with (
        mock.patch.dict(os.environ, environment(folder.parent, **variables), clear=True),
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        status = main(arguments)
    texts = []
    for stream in (out, err):
        stream.seek(0)  # which flushes it
        texts.append(stream.read())
    return subprocess.CompletedProcess(arguments, status, *texts)
