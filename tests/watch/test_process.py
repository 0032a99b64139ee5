# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon as its machine sees it: what systemd is told, which ports are open, whose files are whose."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT, free_port
from tests.watch.running import World

pytestmark = pytest.mark.integration

LISTENING = "0A"
"""State of a socket in /proc/net/tcp, net/tcp_states.h."""


@contextmanager
def running(folder: Path, **variables: str) -> Iterator[World]:
    world = World(folder, **variables)
    try:
        yield world
    finally:
        world.close()


def listening(pids: list[int]) -> set[int]:
    """The ports that these processes listen at."""
    inodes = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            try:
                inodes.add(str(link.readlink()).removeprefix("socket:[").removesuffix("]"))
            except OSError:
                continue  # it was closed meanwhile
    ports = set()
    for table in ("tcp", "tcp6"):
        for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *rest = row.split()
            if state == LISTENING and rest[5] in inodes:
                ports.add(int(local.rpartition(":")[2], 16))
    return ports


def test_no_port_is_open_that_nobody_asked_for(tmp_path: Path) -> None:
    with running(tmp_path) as world:
        world.await_('"event": "reviewed"')
        pids = world.processes()
        assert len(pids) > 1
        assert listening(pids) == set()
        world.end()


def test_the_port_that_was_asked_for_is_open_and_no_other(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path, REVOKEBOT_WATCH_LISTEN=f"127.0.0.1:{port}") as world:
        world.await_('"event": "reviewed"')
        assert listening(world.processes()) == {port}
        world.end()


def test_a_port_for_others_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    with running(tmp_path, REVOKEBOT_WATCH_LISTEN="0.0.0.0:9464") as world:
        assert world.daemon.wait(60) == 2
        world.close_reader()
        assert world.said[-1].startswith("revokebot: watch.listen: 0.0.0.0:9464 can be reached")
        assert not any('"event": "read"' in line for line in world.said)


def test_systemd_is_not_told_of_a_start_that_fails(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        told = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "REVOKEBOT_REVIEW_SELECT": "no-such"}
        with running(tmp_path, **told) as world:
            assert world.daemon.wait(60) == 2
            world.close_reader()
        assert "no-such" in world.said[-1]
        with pytest.raises(BlockingIOError):
            systemd.recv(4096)


def test_systemd_hears_of_start_life_and_end(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(60)
        told = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
        with running(tmp_path, **told) as world:
            assert systemd.recv(4096) == b"READY=1\nSTATUS=watching 1 inboxes"
            assert systemd.recv(4096) == b"WATCHDOG=1"
            assert systemd.recv(4096) == b"WATCHDOG=1"
            world.end()
            while (word := systemd.recv(4096)) == b"WATCHDOG=1":
                pass
            assert word == b"STOPPING=1"


def test_nobody_else_can_read_what_it_keeps(tmp_path: Path) -> None:
    with running(tmp_path) as world:
        world.await_('"event": "reviewed"')
        world.end()
    kept = [tmp_path / "state", *(tmp_path / "state").rglob("*")]
    assert len(kept) > 1
    open_ = [
        f"{path} {path.stat().st_mode & 0o777:o}" for path in kept if path.stat().st_mode & 0o077
    ]
    assert open_ == []


def test_a_folder_that_others_may_enter_stops_it(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o755)
    with running(tmp_path) as world:
        assert world.daemon.wait(60) == 2
        world.close_reader()
        assert f"run `chmod 700 {tmp_path}/state`" in world.said[-1]


@pytest.mark.parametrize("form", ["text", "json"])
def test_it_runs_without_any_systemd(tmp_path: Path, form: str) -> None:
    with running(tmp_path, REVOKEBOT_WATCH_LOG=form) as world:
        world.await_("reviewed")
        world.end()
        assert not any(line.startswith("<") for line in world.said)


def test_a_reply_that_could_not_be_sent_is_in_status(tmp_path: Path) -> None:
    with running(tmp_path) as world:
        world.await_('"event": "reviewed"')
        world.run("queue", "approve", "1")
        world.await_('"kind": "sending"')
        world.end()
        said = world.run("status")
    assert " UTC sending, reply 1: the archive could not be asked: " in said


def test_it_keeps_nothing_in_memory_of_what_made_its_database(tmp_path: Path) -> None:
    script = (
        "import sys; from bot.cli import main; main(['watch', '--retry', 'nobody@example.org']);"
        "print(*sys.modules)"
    )
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "STATE_DIRECTORY": str(tmp_path / "s")}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, cwd="/")
    assert "no such mail has come" in done.stderr, "the database is there"
    modules = {name.partition(".")[0] for name in done.stdout.split()}
    assert "sqlalchemy" in modules
    assert modules.isdisjoint({"alembic", "jinja2", "prometheus_client", "psycopg", "tree_sitter"})
