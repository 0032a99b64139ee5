# SPDX-License-Identifier: GPL-2.0-or-later
"""Run git so that neither the user's environment nor its configuration changes the answer.

Argument lists only, never a shell; no prompts, no pager, no lazy fetch, no
optional locks.  It only reads.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bot.errors import InputError

__all__ = ["command", "environment", "explain", "git", "open_git"]

TIMEOUT = 120.0
"""Seconds for a command whose output is small."""

_SAFE = (
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.quotePath=true",
    "-c",
    "core.attributesFile=/dev/null",
    "-c",
    "safe.bareRepository=all",
    "-c",
    "log.showSignature=false",
    "--no-pager",
    "--literal-pathspecs",
)


def environment() -> dict[str, str]:
    """The environment for git: ours without any `GIT_*`, and nothing that asks or writes."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return clean | {
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_PAGER": "cat",
        "LC_ALL": "C",
    }


def command(where: Sequence[str], *arguments: str) -> list[str]:
    """What to run for git on the repository that `where` names (`-C DIR` or `--git-dir=DIR`)."""
    return ["git", *where, *_SAFE, *arguments]


def open_git(
    where: Sequence[str],
    *arguments: str,
    stdin: int = subprocess.DEVNULL,
    buffer: int = -1,
    stderr: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start git on the repository that `where` names (`-C DIR` or `--git-dir=DIR`)."""
    try:
        return subprocess.Popen(
            command(where, *arguments),
            bufsize=buffer,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment(),
        )
    except FileNotFoundError as error:
        raise InputError("git: not found; install git to read trees and archives") from error


def git(where: Sequence[str], *arguments: str) -> tuple[int, bytes, str]:
    """Run git; return exit status, output, and the first line of its complaint."""
    process = open_git(where, *arguments, stderr=subprocess.PIPE)
    try:
        out, complaint = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired as error:
        process.kill()
        process.communicate()
        raise InputError(
            f"git {arguments[0]}: no answer in {TIMEOUT:.0f} s; run it by hand"
        ) from error
    return process.returncode, out, complaint.decode("utf-8", "replace").strip()


def explain(path: Path, complaint: str) -> InputError:
    """Turn git's complaint about the repository `path` into one line that says what to do."""
    if "dubious ownership" in complaint:
        return InputError(
            f"{path}: belongs to another user;"
            f" run `git config --global --add safe.directory {path}`"
        )
    if "not a git repository" in complaint or not path.is_dir():
        return InputError(f"{path}: is no git repository; give the folder of a git tree")
    first = complaint.partition("\n")[0].removeprefix("fatal: ")
    return InputError(f"{path}: git says: {first or 'nothing'}; run `git fsck` there")
