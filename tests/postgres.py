# SPDX-License-Identifier: GPL-2.0-or-later
"""A real PostgreSQL server on loopback, with a new empty database for every test that asks.

Needs Debian's `postgresql`, whose programs are not in PATH.  The server keeps
nothing, so it does not sync.  It runs as another user where the tests are
run by root, whom it refuses.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import absent, free_port

__all__ = ["PASSWORD", "QUOTED", "USER", "Postgres", "running"]

USER = "bot"
PASSWORD = "s3cret/of:the@store?"
"""With all that means something in a URL."""
QUOTED = "s3cret%2Fof%3Athe%40store%3F"
FOLDERS = (*Path("/usr/lib/postgresql").glob("*/bin"), Path("/usr/local/bin"), Path("/usr/bin"))
SERVER_USER = None if os.geteuid() else "postgres"
"""Where we are root: the user that Debian's package makes."""
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": "127.0.0.1",
    "max_connections": "60",
    "unix_socket_directories": "",
}


class Postgres:
    """A server that can be stopped, and started again at the same port."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.programs, self.folder, self.port = programs, folder, free_port()
        self._numbers = count(1)
        self._process: subprocess.Popen[bytes] | None = None
        password = folder / "password"
        password.write_text(PASSWORD)
        _give(folder)
        init = [str(programs / "initdb"), "-D", str(folder / "data"), "-U", USER, "--encoding=UTF8"]
        options = ["--auth=scram-sha-256", f"--pwfile={password}", "--no-locale", "--no-sync"]
        subprocess.run(
            [*init, *options], check=True, capture_output=True, cwd="/", user=SERVER_USER,
            group=SERVER_USER,
        )  # fmt: skip

    def url(self, database: str) -> str:
        """The URL of one of its databases, with the password."""
        return f"postgresql+psycopg://{USER}:{QUOTED}@127.0.0.1:{self.port}/{database}"

    def new(self) -> str:
        """The URL of a new empty database."""
        name = f"test{next(self._numbers)}"
        with self.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def connect(self, database: str) -> psycopg.Connection[Any]:
        """A connection past the bot."""
        place = {"host": "127.0.0.1", "port": self.port, "dbname": database}
        return psycopg.connect(**place, user=USER, password=PASSWORD, autocommit=True)  # type: ignore[arg-type]

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = [f"--{key}={value}" for key, value in SETTINGS.items()]
        program, data = str(self.programs / "postgres"), str(self.folder / "data")
        command = [program, "-D", data, "-p", str(self.port), *options]
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd="/", user=SERVER_USER, group=SERVER_USER
            )
        for _try in range(200):
            try:
                self.connect("postgres").close()
                return
            except psycopg.OperationalError:
                time.sleep(0.05)
        pytest.fail(f"PostgreSQL does not start: {(self.folder / 'log').read_text()[-2000:]}")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it; what is in the middle of something loses its connection."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(60)
            self._process = None


@contextmanager
def running() -> Iterator[Postgres]:
    """A server in a folder of its own, which its user can enter; that of a test is root's."""
    programs = next((folder for folder in FOLDERS if (folder / "initdb").is_file()), None)
    if programs is None:
        absent("no initdb in /usr/lib/postgresql: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="revokebot-pg-", dir="/tmp"))
    try:
        server = Postgres(programs, folder)
        server.start()
        try:
            yield server
        finally:
            server.stop(signal.SIGQUIT)
    finally:
        shutil.rmtree(folder)


def _give(folder: Path) -> None:
    if SERVER_USER:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, SERVER_USER, SERVER_USER)
