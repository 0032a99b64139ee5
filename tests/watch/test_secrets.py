# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon with every kind of secret: none is seen in its log, pages, processes or database.

It runs for real: it reads an inbox, reviews what came, and tries to send an
approved reply, for which the archive cannot be asked.
"""

from __future__ import annotations

import base64
import json
import mailbox
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import free_port
from tests.inboxes.epochs import Epochs
from tests.postgres import PASSWORD, QUOTED

if TYPE_CHECKING:
    from tests.postgres import Postgres

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples/revocable-helper.mbox"
IMAP, SMTP, WRONG = "s3cret-of-imap", "s3cret-of-smtp", "s3cret-that-is-wrong"
KEY = base64.b64encode(b"s3cret-of-patatt, 32 bytes long!").decode()
SECRETS = (PASSWORD, QUOTED, IMAP, SMTP, WRONG, KEY)
PATIENCE = 60.0
"""Seconds; more than anything here takes."""


class World:
    """A user whose settings lead to all secrets, and the daemon."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.port = free_port()
        self.said: list[str] = []
        inbox = Epochs(folder / "inbox")
        with closing(mailbox.mbox(EXAMPLE)) as mails:
            inbox.add(*map(bytes, mails))
        files = {
            "imap": IMAP,
            "key": KEY,
            ".gitconfig": f"[sendemail]\n\tsmtpserver = 127.0.0.1\n\tsmtpserverport = 1\n"
            f"\tsmtpuser = bot\n\tsmtppass = {SMTP}\n",
        }
        for name, text in files.items():
            (folder / name).write_text(text)
        self.variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(ROOT),
            "STATE_DIRECTORY": str(folder / "state"),
            "REVOKEBOT_ARCHIVE_URL": "http://127.0.0.1:1/all",
            "REVOKEBOT_REPLY_ADDRESS": "bot@example.org",
            "REVOKEBOT_REPLY_OPERATOR": "A U Thor <author@example.org>",
            "REVOKEBOT_POLICY_MAX_AGE_DAYS": "36500",
            "REVOKEBOT_DELIVERY_PASSWORD_FILE": str(folder / "imap"),
            "REVOKEBOT_DELIVERY_SIGN": f"ed25519:{folder}/key",
            "REVOKEBOT_WATCH_INBOXES": str(folder / "inbox"),
            "REVOKEBOT_WATCH_BACKLOG": "100",
            "REVOKEBOT_WATCH_LOG": "json",
            "REVOKEBOT_WATCH_LISTEN": f"127.0.0.1:{self.port}",
            **variables,
        }
        self.daemon = self._start("watch")
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def run(self, *words: str, **variables: str) -> str:
        """What a command says, on both of its streams."""
        process = self._start(*words, **variables)
        out, err = process.communicate(timeout=PATIENCE)
        return out + err

    def await_(self, pattern: str) -> None:
        """Wait until the daemon has logged it."""
        end = time.monotonic() + PATIENCE
        while not any(re.search(pattern, line) for line in self.said):
            assert time.monotonic() < end, self.said
            assert self.daemon.poll() is None, self.said
            time.sleep(0.05)

    def page(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            text: str = answer.read().decode()
            return text

    def processes(self) -> tuple[list[int], str]:
        """The daemon's children and theirs, and what all see of one another's words."""
        parents = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                number, _, rest = stat.read_text().partition(" ")
                parents[int(number)] = int(rest.rpartition(") ")[2].split()[1])
            except OSError:
                continue  # it has ended
        found = [self.daemon.pid]
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        words = [_of(self.daemon.pid, "cmdline")]
        words += [_of(pid, name) for pid in found[1:] for name in ("cmdline", "environ")]
        return found[1:], "\n".join(words)

    def end(self) -> None:
        self.daemon.send_signal(signal.SIGTERM)
        assert self.daemon.wait(PATIENCE) == 0
        self._reader.join(PATIENCE)
        assert self.daemon.stdout is not None
        self.said.append(self.daemon.stdout.read())

    def close(self) -> None:
        """Leave nothing of it, however the test went."""
        self.daemon.kill()
        self.daemon.wait()
        self._reader.join()
        for stream in (self.daemon.stdout, self.daemon.stderr):
            if stream is not None:
                stream.close()

    def _start(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "bot", *words], env={**self.variables, **variables}, cwd="/",
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def _read(self) -> None:
        assert self.daemon.stderr is not None
        self.said.extend(self.daemon.stderr)


def _of(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text("utf-8", "replace").replace("\0", "\n")
    except OSError:
        return ""  # it has ended


@pytest.fixture(params=["sqlite", "url", "credential"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[World, str]]:
    """A daemon at work, and the database's URL, which is empty for SQLite."""
    (tmp_path / "state").mkdir(mode=0o700)
    url, more = "", {}
    if request.param != "sqlite":
        server: Postgres = request.getfixturevalue("postgres")
        url = server.new()
        bare = url.replace(f":{QUOTED}", "")
        (tmp_path / "db-password").write_text(PASSWORD)
        more = {
            "url": {"REVOKEBOT_STORE_URL": url},
            "credential": {
                "CREDENTIALS_DIRECTORY": str(tmp_path),
                "REVOKEBOT_STORE_URL": bare,
                "REVOKEBOT_STORE_PASSWORD_FILE": "db-password",
            },
        }[request.param]
    made = World(tmp_path, **more)
    try:
        yield made, url
    finally:
        made.close()


def stored(folder: Path, url: str, server: Postgres | None) -> str:
    """All that the database and the folder of state hold."""
    text = "".join(
        path.read_bytes().decode("utf-8", "replace")
        for path in (folder / "state").rglob("*")
        if path.is_file()
    )
    if server is not None:
        with server.connect(url.rpartition("/")[2]) as connection:
            query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            for (table,) in connection.execute(query).fetchall():
                rows = connection.execute(f"SELECT t::text FROM {table} t").fetchall()
                text += "\n".join(row[0] for row in rows)
    return text


def test_no_secret_is_seen(
    world: tuple[World, str], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    bot, url = world
    bot.await_('"event": "reviewed"')
    children, processes = bot.processes()
    assert children, "the worker is there"
    bot.run("queue", "approve", "1")
    bot.await_('"kind": "sending"')
    seen = {
        "processes": processes,
        "metrics": bot.page("/metrics"),
        "health": bot.page("/healthz"),
        "status": bot.run("status") + bot.run("status", "--format", "json"),
        "config": bot.run("config") + bot.run("config", "--format", "json"),
        "doctor": bot.run("doctor", "--offline"),
        "queue": bot.run("queue", "list", "--all") + bot.run("queue", "show", "1"),
    }
    if url:
        wrong = {"REVOKEBOT_STORE_URL": url.replace(QUOTED, WRONG)}
        wrong["REVOKEBOT_STORE_PASSWORD_FILE"] = ""
        seen["refused"] = bot.run("status", **wrong)
        assert "password authentication failed" in seen["refused"]
    bot.end()
    seen["log"] = "".join(bot.said)
    server = request.getfixturevalue("postgres") if url else None
    seen["store"] = stored(tmp_path, url, server)
    assert "frob" in seen["store"] or "can-revoke" in seen["store"]
    assert "revokebot_store_up 1" in seen["metrics"]
    assert json.loads(seen["health"])["status"] == "ok"
    for where, text in seen.items():
        assert [secret for secret in SECRETS if secret in text] == [], where
