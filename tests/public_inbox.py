# SPDX-License-Identifier: GPL-2.0-or-later
"""Public-inboxes of the tests' own, made by public-inbox's tools; who serves them is not said here.

Needs Debian's `public-inbox`.  Where it is missing the tests are skipped with
a line that names the package; under CI=true that is a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.conftest import absent

__all__ = ["add", "environment", "needed", "run"]

PROGRAMS = ("public-inbox-init", "public-inbox-index", "public-inbox-httpd", "git")


def needed() -> None:
    """Skip the test where a program is missing."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        absent(f"{', '.join(missing)} not found: apt-get install public-inbox git")


def environment(folder: Path) -> dict[str, str]:
    """Variables for public-inbox's programs, whose configuration is `folder/config`."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PI_CONFIG": str(folder / "config"),
        "GIT_CONFIG_NOSYSTEM": "1",
    }


def add(folder: Path, env: dict[str, str], mails: Iterable[bytes]) -> None:
    """Commit `mails` to the first epoch, one commit each with a file `m`, and index them."""
    epoch = folder / "git/0.git"
    stream = b"".join(_commit(raw) for raw in mails)
    if run(["git", "-C", str(epoch), "rev-parse", "-q", "--verify", "master"], env, ok=False):
        stream = b"reset refs/heads/master\nfrom refs/heads/master^0\n\n" + stream
    run(["git", "-C", str(epoch), "fast-import", "--quiet"], env, stream)
    run(["public-inbox-index", "-L", "full", "--no-fsync", str(folder)], env)


def run(command: list[str], env: dict[str, str], stdin: bytes = b"", ok: bool = True) -> bool:
    """Run a program; without `ok` it may fail.  Returns whether it succeeded."""
    done = subprocess.run(command, env=env, input=stdin, capture_output=True, check=False)
    if ok and done.returncode:
        pytest.fail(f"{command[0]}: {done.stderr.decode()}")
    return done.returncode == 0


def _commit(raw: bytes) -> bytes:
    who = b"committer Toy <toy@example.org> 1793600000 +0000\n"
    return (
        b"commit refs/heads/master\n" + who + b"data 0\n\n"
        b"M 100644 inline m\ndata %d\n%b\n" % (len(raw), raw)
    )
