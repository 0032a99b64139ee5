# SPDX-License-Identifier: GPL-2.0-or-later
"""Several processes that hear the same mails at once, and some that are killed at it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.orders.desk import AUTHOR, MAINTAINER, Desk

MAILS = 6
"""Below the number of answers that one person gets in a day."""


@pytest.fixture
def folder(desk: Desk, tmp_path: Path) -> Path:
    """Mails that ask for an answer each."""
    folder = tmp_path / "mails"
    folder.mkdir()
    for number in range(MAILS):
        sender = (AUTHOR, MAINTAINER)[number % 2]
        raw = desk.signed(desk.mail("#revokebot explain resv-lock\n", sender))
        (folder / f"{number}.eml").write_bytes(raw)
    return folder


class Listener:
    """A process that hears the mails of a folder."""

    def __init__(self, desk: Desk, url: str, names: str, folder: Path) -> None:
        words = (url, names, str(folder), desk.now.isoformat())
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.orders.listener", *words],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.line() == "ready"

    def line(self) -> str:
        """What it says next."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def rest(self) -> list[str]:
        """What it says until its end."""
        out, _ = self.process.communicate(timeout=120)
        return out.split()


def test_two_at_once_obey_each_mail_once(
    desk: Desk, store_url: str, names: str, folder: Path
) -> None:
    listeners = [Listener(desk, store_url, names, folder) for _ in range(2)]
    for listener in listeners:
        listener.go()
    said = [listener.rest() for listener in listeners]
    assert [listener.process.returncode for listener in listeners] == [0, 0]
    assert sorted(said[0] + said[1]) == ["fresh"] * MAILS + ["known"] * MAILS
    assert len(desk.answers()) == MAILS
    assert desk.store.heard() == (MAILS, 0)


def test_what_is_killed_loses_no_order_and_repeats_none(
    desk: Desk, store_url: str, names: str, folder: Path
) -> None:
    for done in range(1, 4):
        listener = Listener(desk, store_url, names, folder)
        listener.go()
        said = [listener.line() for _ in range(done)]
        listener.process.kill()
        listener.process.communicate()
        assert said[-1] in ("fresh", "known")
        obeyed, ignored = desk.store.heard()
        assert (len(desk.answers()), ignored) == (obeyed, 0), "all of a mail, or nothing"
        assert obeyed >= done
    listener = Listener(desk, store_url, names, folder)
    listener.go()
    listener.rest()
    assert listener.process.returncode == 0
    assert len(desk.answers()) == len({one.parent for one in desk.answers()}) == MAILS
