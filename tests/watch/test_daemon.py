# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon as operators run it: for ever, once for cron, several inboxes, and until it is stopped."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.inboxes.epochs import Epochs
from tests.sources.mails import mail
from tests.watch.shop import in_scope
from tests.watch.test_crew import huge

pytestmark = pytest.mark.integration

FIRST = in_scope("[PATCH] teapot: tell", "one@author.example")
SECOND = in_scope("[PATCH] kettle: tell", "two@author.example")


class House:
    """A home with settings, in which watchers run."""

    def __init__(self, folder: Path, *inboxes: str, **watch: float) -> None:
        names = ", ".join(f'"{name}"' for name in inboxes)
        lines = "".join(f"{key} = {value}\n" for key, value in watch.items())
        self.config = folder / "config.toml"
        self.config.write_text(
            f"[watch]\ninboxes = [{names}]\nbacklog = 100\n{lines}"
            '[archive]\nurl = "http://127.0.0.1:9/none"\nretries = 0\n'
        )
        self.folder = folder
        self.env = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "XDG_STATE_HOME": str(folder / "state"),
            "PYTHONPATH": str(ROOT),
        }

    def watch(self, *flags: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "bot", "watch", "--config", str(self.config), *flags]
        return subprocess.Popen(command, env=self.env, cwd="/", text=True, stderr=subprocess.PIPE)

    def once(self, *flags: str) -> str:
        """What one round says."""
        with self.watch("--once", *flags) as process:
            _out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return err

    def rows(self, query: str) -> list[tuple[object, ...]]:
        database = self.folder / "state/revokebot/revokebot.db"
        if not database.exists():
            return []
        with closing(sqlite3.connect(database, timeout=30)) as connection:
            return connection.execute(query).fetchall()

    def await_rows(self, query: str, wanted: Sequence[tuple[object, ...]]) -> None:
        end = time.monotonic() + 60
        while (found := self._try(query)) != wanted:
            assert time.monotonic() < end, found
            time.sleep(0.1)

    def _try(self, query: str) -> list[tuple[object, ...]]:
        try:
            return self.rows(query)
        except sqlite3.OperationalError:  # the tables are not made yet
            return []


@contextmanager
def running(house: House, *flags: str) -> Iterator[subprocess.Popen[str]]:
    process = house.watch(*flags)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_one_round_reads_reviews_and_ends(tmp_path: Path) -> None:
    inboxes = [Epochs(tmp_path / name) for name in ("dri", "media")]
    inboxes[0].add(FIRST, mail("lunch", "lunch@author.example", body="Soup.\n"))
    inboxes[1].add(FIRST, SECOND)
    house = House(tmp_path, *(str(one.folder) for one in inboxes))
    house.once()
    reviews = [("one@author.example",), ("two@author.example",)]
    assert house.rows("SELECT msgid FROM review ORDER BY msgid") == reviews
    assert house.rows("SELECT DISTINCT state FROM reply") == [("discarded",)]  # they are old
    inboxes[1].add(in_scope("[PATCH] mug: tell", "three@author.example"))
    assert "reviewed" in house.once()
    assert house.once("--no-send") == "", "cron writes a mail about every line"
    assert house.rows("SELECT count(*) FROM review") == [(3,)]
    assert house.rows("SELECT owner FROM inbox") == [(None,), (None,)]


def test_it_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    inbox = Epochs(tmp_path / "dri")
    inbox.add(FIRST)
    house = House(tmp_path, str(inbox.folder), interval=0.2)
    with running(house):
        house.await_rows("SELECT msgid FROM review", [("one@author.example",)])
    inbox.add(SECOND)
    with running(house) as process:
        wanted = [("one@author.example",), ("two@author.example",)]
        house.await_rows("SELECT msgid FROM review ORDER BY id", wanted)
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    assert house.rows("SELECT count(*), sum(mails) FROM inbox") == [(1, 2)]


@pytest.mark.parametrize("flags", [(), ("--once",)], ids=["for ever", "once"])
def test_it_ends_within_seconds_though_a_server_hangs(
    tmp_path: Path, flags: tuple[str, ...]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        port = server.getsockname()[1]
        house = House(tmp_path, f"http://127.0.0.1:{port}/dri/", f"nntp://127.0.0.1:{port}/dri")
        with running(house, *flags) as process:
            # One round reads an inbox after the other.
            kept = [server.accept()[0] for _inbox in range(1 if flags else 2)]
            process.send_signal(signal.SIGTERM)
            assert process.wait(5) == 0
        for connection in kept:
            connection.close()
    assert {owner for (owner,) in house.rows("SELECT owner FROM inbox")} <= {None}


@pytest.mark.parametrize("flags", [(), ("--once",)], ids=["for ever", "once"])
def test_it_ends_within_seconds_though_the_database_is_locked(
    tmp_path: Path, flags: tuple[str, ...]
) -> None:
    inbox = Epochs(tmp_path / "dri")
    inbox.add(FIRST)
    house = House(tmp_path, str(inbox.folder), interval=0.2)
    with running(house) as process:
        house.await_rows("SELECT msgid FROM review", [("one@author.example",)])
        process.kill()  # what it had claimed is to be freed by the next one
    database = house.folder / "state/revokebot/revokebot.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with running(house, *flags) as process:
            time.sleep(3)  # long enough to start, and to wait for the lock
            process.send_signal(signal.SIGTERM)
            assert process.wait(5) == 0


def test_one_round_that_is_stopped_while_it_reviews_blames_nobody(tmp_path: Path) -> None:
    inbox = Epochs(tmp_path / "dri")
    inbox.add(huge(40_000))
    house = House(tmp_path, str(inbox.folder), attempts=1, memory=4 << 30)
    with running(house, "--once") as process:
        house.await_rows("SELECT state FROM thread", [("working",)])
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    assert house.rows("SELECT attempts, owner FROM thread") == [(0, None)]
    assert house.rows("SELECT kind FROM incident") == []


def test_one_round_tells_cron_that_an_inbox_could_not_be_read(tmp_path: Path) -> None:
    inbox = Epochs(tmp_path / "dri")
    inbox.add(FIRST)
    house = House(tmp_path, "nntp://127.0.0.1:9/none", str(inbox.folder))
    with house.watch("--once") as process:
        _out, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "kind=inbox" in err
    assert house.rows("SELECT msgid FROM review") == [("one@author.example",)]


def test_a_parked_thread_is_looked_at_when_somebody_says_so(tmp_path: Path) -> None:
    inbox = Epochs(tmp_path / "dri")
    inbox.add(FIRST)
    house = House(tmp_path, str(inbox.folder), time_limit=0.001, attempts=1)
    assert "kind=parked" in house.once()
    house = House(tmp_path, str(inbox.folder))
    assert "reviewed" not in house.once()
    with house.watch("--retry", "<one@author.example>") as process:
        _out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "reviewed" in house.once()
    with house.watch("--retry", "nobody@author.example") as process:
        _out, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "no such mail has come" in err


def test_a_parked_thread_is_let_be_until_another_patch_comes(tmp_path: Path) -> None:
    inbox = Epochs(tmp_path / "dri")
    inbox.add(FIRST)
    assert "kind=parked" in House(tmp_path, str(inbox.folder), time_limit=0.001, attempts=1).once()
    house = House(tmp_path, str(inbox.folder))
    for status, said in ((0, ""), (2, "its thread is not parked; see `revokebot status")):
        with house.watch("--give-up", "<one@author.example>") as process:
            _out, err = process.communicate(timeout=60)
        assert process.returncode == status
        assert said in err
    ((state, reason),) = house.rows("SELECT state, reason FROM thread")
    assert state == "done"
    assert str(reason).startswith("given up by a person: took longer than ")
    assert "reviewed" not in house.once()
    inbox.add(SECOND.replace(b"\n\n", b"\nIn-Reply-To: <one@author.example>\n\n", 1))
    assert "reviewed=2" in house.once()


def test_two_watchers_of_one_store_read_an_inbox_once(tmp_path: Path) -> None:
    inbox = Epochs(tmp_path / "dri")
    inbox.add(FIRST)
    house = House(tmp_path, str(inbox.folder), interval=0.2)
    with running(house) as first, running(house) as second:
        house.await_rows("SELECT msgid FROM review", [("one@author.example",)])
        ((owner,),) = house.rows("SELECT owner FROM inbox")
        holder, other = (first, second) if f":{first.pid}:" in str(owner) else (second, first)
        assert f":{holder.pid}:" in str(owner)
        holder.send_signal(signal.SIGTERM)
        assert holder.wait(5) == 0
        inbox.add(SECOND)
        house.await_rows("SELECT count(*) FROM review", [(2,)])
        ((owner,),) = house.rows("SELECT owner FROM inbox")
        assert f":{other.pid}:" in str(owner)


@pytest.mark.parametrize(
    ("inboxes", "words"),
    [
        ((), "watch.inboxes: set what is to be watched"),
        (("gopher://example.org/list",), "no way to watch gopher://"),
        (("/no/such/folder",), "/no/such/folder"),
    ],
)
def test_settings_that_cannot_be_are_said_at_once(
    tmp_path: Path, inboxes: tuple[str, ...], words: str
) -> None:
    with House(tmp_path, *inboxes).watch("--once") as process:
        _out, err = process.communicate(timeout=60)
    assert words in err
