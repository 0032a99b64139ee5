# SPDX-License-Identifier: GPL-2.0-or-later
"""Get checkpatch.pl and the two word lists it reads out of Debian's linux-source package.

The package is fetched once with apt-get and only three files of it are kept,
in the git-ignored cache folder.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path

__all__ = ["CACHE", "checkpatch"]

CACHE = Path(__file__).resolve().parent.parent / ".cache/bench"
MEMBERS = ("checkpatch.pl", "spelling.txt", "const_structs.checkpatch")


def checkpatch() -> Path:
    """Return the path of checkpatch.pl.  Raises `SystemExit` where Debian's tools are missing."""
    scripts = CACHE / "checkpatch"
    if not scripts.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            try:
                _fetch(Path(folder)).rename(scripts)
            except (OSError, subprocess.CalledProcessError) as err:
                raise SystemExit(f"cannot get checkpatch.pl from linux-source: {err}") from err
    return scripts / "checkpatch.pl"


def _fetch(folder: Path) -> Path:
    package = _package()
    print(f"fetching {package} for its checkpatch.pl (needed once)", flush=True)
    _run("apt-get", "download", "-qq", package, cwd=folder)
    (deb,) = folder.glob("*.deb")
    _run("dpkg", "-x", deb.name, "package", cwd=folder)
    (archive,) = folder.glob("package/usr/src/*.tar.xz")
    scripts = folder / "scripts"
    scripts.mkdir()
    wanted = [f"*/scripts/{name}" for name in MEMBERS]
    _run("tar", "-xf", str(archive), "--strip-components=2", "--wildcards", *wanted, cwd=scripts)
    return scripts


def _package() -> str:
    """Name of the package with the sources, which `linux-source` only points at."""
    for update in (False, True):
        if update and os.geteuid() == 0:
            _run("apt-get", "update", "-qq", cwd=CACHE)
        found = re.search(
            r"Depends: (linux-source-\d\S*)",
            _run("apt-cache", "depends", "linux-source", cwd=CACHE),
        )
        if found:
            return found[1]
    raise SystemExit("apt knows no linux-source package: run apt-get update, then try again")


def _run(*argv: str, cwd: Path) -> str:
    return subprocess.run(argv, cwd=cwd, check=True, stdout=subprocess.PIPE, text=True).stdout
