# SPDX-License-Identifier: GPL-2.0-or-later
"""The wheel: what is in it, and that it works away from the checkout.

Builds a real wheel and installs it into a fresh virtualenv that sees the
dependencies of this one by a path file; nothing is fetched.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples/revocable-helper.mbox"

pytestmark = pytest.mark.integration


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `revokebot` command of a virtualenv that has the wheel and no checkout."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin/python"), "install", "-q"]
    subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin/revokebot"


def run(command: Path, *args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [command, *args], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )


def test_wheel_holds_packages_templates_and_licence_only(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    templates = [path for path in (ROOT / "templates").rglob("*") if path.is_file()]
    assert tops - {f"{wheel.name.rsplit('-', 3)[0]}.data"} == {"bot", "checks"}
    assert [name.split(".data/")[1] for name in names if ".data/" in name] == [
        "scripts/revokebot-pre-push"
    ]
    assert templates
    assert {f"bot/templates/{path.relative_to(ROOT / 'templates')}" for path in templates} <= names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_hook_is_installed_beside_the_command(installed: Path) -> None:
    hook = installed.with_name("revokebot-pre-push")
    assert hook.read_bytes() == (ROOT / "contrib/hooks/pre-push").read_bytes()
    assert os.access(hook, os.X_OK)


def test_version_comes_from_the_wheel(installed: Path, wheel: Path, tmp_path: Path) -> None:
    done = run(installed, "--version", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert wheel.name.split("-")[1] in done.stdout


def test_rules_are_found_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    done = run(installed, "rules", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "core-namespace" in done.stdout


def test_templates_are_found_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    done = run(installed, "review", str(EXAMPLE), "--format", "mail", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "Subject: Re: [PATCH " in done.stdout
    assert "In-Reply-To: <20260203-can-revoke-v1-" in done.stdout
