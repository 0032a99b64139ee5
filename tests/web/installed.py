# SPDX-License-Identifier: GPL-2.0-or-later
"""What a job that installs this project needs of a network, without one: the packages of this run."""

from __future__ import annotations

import shutil
import sysconfig
import venv
from pathlib import Path

from tests.conftest import ROOT

__all__ = ["installed", "lay_traps", "lend_packages", "source"]

PACKAGE = ("bot", "checks", "contrib", "templates", "pyproject.toml", "README.md", "LICENSE")
SHADOWS = ("bot", "checks", "venv", "pip", "ensurepip", "json", "sitecustomize", "requests")


def source(folder: Path) -> None:
    """Make `folder`: this project, with a lock that is empty, so that nothing is fetched."""
    folder.mkdir()
    (folder / "requirements.lock").write_text("# empty\n")
    for name in PACKAGE:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)


def lend_packages(folder: Path) -> None:
    """Make `folder` a virtualenv that sees the packages of this one by a path file.

    `python -m venv` leaves it as it is, when it makes it again.
    """
    venv.create(folder, symlinks=True)
    (_packages(folder) / "packages.pth").write_text(sysconfig.get_path("purelib") + "\n")


def installed(folder: Path) -> bool:
    """Whether this project is installed in the virtualenv `folder`, not found by a path."""
    return (_packages(folder) / "bot/templates").is_dir()


def lay_traps(folder: Path) -> None:
    """Put modules into `folder` that make a file `caught` when somebody imports them."""
    for name in SHADOWS:
        (folder / f"{name}.py").write_text(
            f"open({str(folder / 'caught')!r}, 'w')\nraise SystemExit(99)\n"
        )


def _packages(folder: Path) -> Path:
    return Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
