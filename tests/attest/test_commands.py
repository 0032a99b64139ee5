# SPDX-License-Identifier: GPL-2.0-or-later
"""The verdict on its way through the commands: asked for when a reply is kept, shown to a person."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from bot.sources.mbox import as_mboxrd, read_file
from tests.attest.names import silent
from tests.attest.signed import Key, sign
from tests.conftest import ROOT

EXAMPLE = ROOT / "examples/revocable-helper.mbox"
Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs revokebot with an outbox of its own and the name server given."""

    def run(*words: str, server: str, deadline: str = "10") -> str:
        variables = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "REVOKEBOT_STORE_URL": f"sqlite:///{tmp_path}/outbox.db",
            "REVOKEBOT_REPLY_ADDRESS": "bot@example.org",
            "REVOKEBOT_DKIM_RESOLVERS": server,
            "REVOKEBOT_DKIM_DEADLINE": deadline,
        }
        done = subprocess.run(
            [sys.executable, "-m", "bot", *words],
            env=variables, cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def recent() -> list[bytes]:
    """The example, sent a day ago."""
    date = f"Date: {format_datetime(datetime.now(UTC) - timedelta(days=1))}".encode()
    return [re.sub(rb"(?m)^Date: .*$", date, raw, count=1) for raw in read_file(EXAMPLE)]


def thread(folder: Path, mails: Iterable[bytes]) -> str:
    path = folder / "thread.mbox"
    path.write_bytes(b"".join(map(as_mboxrd, mails)))
    return str(path)


def test_the_verdict_is_kept_with_the_reply(run: Run, tmp_path: Path, key: Key, names: str) -> None:
    path = thread(tmp_path, (sign(raw, key) for raw in recent()))
    assert "1 draft: " in run("reply", path, "--draft", server=names)
    assert "\nsignature:  pass (example.org)\n" in run("queue", "show", "1", server=names)


@pytest.mark.parametrize("forged_first", [True, False])
def test_the_copy_that_is_read_is_the_one_that_is_looked_at(
    forged_first: bool, run: Run, tmp_path: Path, key: Key, names: str
) -> None:
    genuine = [sign(raw, key) for raw in recent()]
    # Of two copies the one with the lesser text is read; a signed copy must not speak for it.
    forged = [raw.replace(b"dma-buf", b"DMA-buf") for raw in genuine]
    copies = (*forged, *genuine) if forged_first else (*genuine, *forged)
    run("reply", thread(tmp_path, copies), "--draft", server=names)
    shown = run("queue", "show", "1", server=names)
    assert "\nsignature:  fail (example.org: body hash)\n" in shown


def test_a_silent_name_server_keeps_no_reply_back(run: Run, tmp_path: Path, key: Key) -> None:
    path = thread(tmp_path, (sign(raw, key) for raw in recent()))
    with silent() as server:
        assert "1 draft: " in run("reply", path, "--draft", server=server.address, deadline="0.5")
        shown = run("queue", "show", "1", server=server.address)
    assert "\nsignature:  unknown (example.org: DNS timed out)\n" in shown


def test_nobody_is_asked_for_a_reply_that_is_only_shown(run: Run, tmp_path: Path, key: Key) -> None:
    path = thread(tmp_path, (sign(raw, key) for raw in recent()))
    with silent() as server:
        assert "# draft: " in run("reply", path, server=server.address)
        run("review", path, "--fail-on", "never", server=server.address)
        assert not server.asked


def test_nobody_is_asked_for_a_reply_that_is_dropped(run: Run, tmp_path: Path, key: Key) -> None:
    path = thread(tmp_path, (sign(raw, key) for raw in read_file(EXAMPLE)))
    with silent() as server:
        said = run("reply", path, "--draft", server=server.address)
        assert "1 discarded: the series is older" in said
        assert not server.asked
    assert "signature:" not in run("queue", "show", "1", server="192.0.2.1")
