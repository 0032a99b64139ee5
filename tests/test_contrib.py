# SPDX-License-Identifier: GPL-2.0-or-later
"""What is shipped for systemd and containers: systemd takes the units, and they agree with each other."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import absent

ROOT = Path(__file__).resolve().parent.parent
UNITS = sorted((ROOT / "contrib/systemd").iterdir())
INSTALLED = "/opt/revokebot/bin/revokebot"
EXPOSED = 15
"""Tenths; what `systemd-analyze security` may find at most.  The network alone counts for 8."""

pytestmark = pytest.mark.integration


@pytest.fixture
def units(tmp_path: Path) -> list[str]:
    """The units as systemd would find them, with a command that is there, examples switched on."""
    if shutil.which("systemd-analyze") is None:
        absent("no systemd-analyze: apt-get install systemd")
    for unit in UNITS:
        text = unit.read_text().replace(INSTALLED, str(Path(sys.executable).with_name("revokebot")))
        (tmp_path / unit.name).write_text(re.sub(r"(?m)^#(?=[A-Z]\w+=)", "", text))
    return [str(tmp_path / unit.name) for unit in UNITS]


def test_systemd_takes_the_units(units: list[str]) -> None:
    assert len(units) == 4
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_finds_little_exposed(units: list[str]) -> None:
    for unit in units:
        if not unit.endswith(".service"):
            continue
        command = ["systemd-analyze", "security", "--offline=yes", "--json=short", unit]
        done = subprocess.run(
            [*command, f"--threshold={EXPOSED}"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(json.loads(done.stdout)) > 50


def settings(name: str) -> list[str]:
    lines = (ROOT / "contrib/systemd" / name).read_text().splitlines()
    return [line for line in lines if "=" in line]


def test_both_services_are_confined_alike() -> None:
    daemon, once = settings("revokebot-watch.service"), settings("revokebot-watch-once.service")
    how = re.compile(
        "Description|Type|ExecStart|Restart|Watchdog|Timeout|StartLimit|WantedBy|Wants|After"
    )
    assert [line for line in daemon if not how.match(line)] == [
        line for line in once if not how.match(line)
    ]


def test_what_answers_others_is_confined_as_the_daemon() -> None:
    """All of it but what is about reviews: which secrets it gets, and how much it may use."""
    daemon, serve = settings("revokebot-watch.service"), settings("revokebot-serve.service")
    end = "CapabilityBoundingSet="
    assert daemon[daemon.index(end) :] == serve[serve.index(end) :]
    place = re.compile("User|DynamicUser|StateDirectory|UMask|Environment=REVOKEBOT_CONFIG")
    assert [line for line in daemon if place.match(line)] == [
        line for line in serve if place.match(line)
    ]


def test_the_commands_are_those_of_revokebot() -> None:
    commands = [line for unit in UNITS for line in settings(unit.name) if line.startswith("Exec")]
    assert commands
    for command in commands:
        program, name, *flags = command.partition("=")[2].split()
        assert program == INSTALLED
        done = subprocess.run(
            [sys.executable, "-m", "bot", name, "--help"], cwd=ROOT, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        assert all(flag in done.stdout for flag in flags)


def test_the_container_gets_what_the_wheel_needs_and_no_more() -> None:
    """Every file that is copied is let through, and belongs to the project."""
    text = (ROOT / "Containerfile").read_text()
    copied = {
        word for line in re.findall(r"(?m)^COPY (?!--from)(.*) \S+$", text) for word in line.split()
    }
    ignore = (ROOT / ".containerignore").read_text().splitlines()
    assert ignore[0] == "*"
    assert {line[1:] for line in ignore if line.startswith("!")} == copied
    assert all((ROOT / name).exists() for name in copied)
    assert "EXPOSE" not in text
    assert re.search(r"(?m)^USER \d+:\d+$", text)
