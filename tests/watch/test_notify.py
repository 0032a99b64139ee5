# SPDX-License-Identifier: GPL-2.0-or-later
"""What systemd is told, over real sockets of both kinds; and that nobody has to listen."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from bot.watch import notify


@pytest.mark.parametrize("kind", ["file", "abstract"])
def test_systemd_hears_every_word(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = str(tmp_path / "notify") if kind == "file" else f"@revokebot-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(name.replace("@", "\0"))
        systemd.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        notify.ready("watching 2 inboxes:\nREADY=0")
        notify.alive()
        notify.stopping()
        said = [systemd.recv(4096).decode() for _ in range(3)]
    assert said == [
        "READY=1\nSTATUS=watching 2 inboxes:\\nREADY=0",
        "WATCHDOG=1",
        "STOPPING=1",
    ]


@pytest.mark.parametrize("name", ["", "/nowhere/notify", "@revokebot-nobody", "vsock:2:1"])
def test_nobody_has_to_listen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    notify.ready("x")


def test_a_socket_that_is_never_read_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "PATIENCE", 0.01)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        most = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text())
        for _ in range(most + 5):
            notify.alive()


@pytest.mark.parametrize(
    ("usec", "pid", "due"),
    [("20000000", None, 10.0), ("20000000", "own", 10.0), ("20000000", "1", None),
     ("", None, None), ("0", None, None), ("x", None, None)],
)  # fmt: skip
def test_the_watchdog_is_fed_twice_as_often_as_it_asks(
    usec: str, pid: str | None, due: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    if pid is not None:
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid == "own" else pid)
    assert notify.interval() == due
