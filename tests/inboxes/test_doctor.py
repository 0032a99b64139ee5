# SPDX-License-Identifier: GPL-2.0-or-later
"""`revokebot doctor` has a first look at each inbox, and keeps nothing of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, free_port
from tests.inboxes.netd import mail, running

pytestmark = pytest.mark.integration


def doctor(tmp_path: Path, *inboxes: str, offline: bool = False) -> tuple[int, list[str]]:
    """Exit status, and the lines about inboxes."""
    config = tmp_path / "config.toml"
    config.write_text(f"[watch]\ninboxes = {list(inboxes)}\nbacklog = 5\n")
    done = subprocess.run(
        [sys.executable, "-m", "bot", "doctor", "--config", config, *(["--offline"] * offline)],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path),
             "REVOKEBOT_ARCHIVE_URL": inboxes[0], "REVOKEBOT_ARCHIVE_RETRIES": "0"},
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, [line for line in done.stdout.splitlines() if " inbox " in line]


def test_doctor_looks_at_each_inbox(tmp_path: Path) -> None:
    closed = f"nntp://127.0.0.1:{free_port()}/toy.n0"
    with running() as netd:
        netd.add([mail(1), mail(2)])
        good = [netd.url("http"), netd.url("nntp")]
        assert doctor(tmp_path, *good) == (0, [f"ok    inbox {name}: can be read" for name in good])
        assert list(tmp_path.iterdir()) == [tmp_path / "config.toml"]
        status, lines = doctor(tmp_path, good[0], closed, "/not/there", netd.url("nntp", 7))
    assert status == 3
    assert lines[0].startswith("ok    ")
    assert lines[1].startswith(f"wrong inbox {closed}: ")
    assert "no such folder" in lines[2]
    assert "toy.n7" in lines[3]


def test_doctor_asks_no_inbox_when_it_is_to_be_offline(tmp_path: Path) -> None:
    name = f"http://127.0.0.1:{free_port()}/list/"
    assert doctor(tmp_path, name, offline=True) == (
        0, [f"ok    inbox {name}: not asked (--offline)"],
    )  # fmt: skip
