# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon with every kind of secret: none is seen in its log, pages, processes or database.

It runs for real: it reads an inbox, reviews what came, and tries to send an
approved reply, for which the archive cannot be asked.
"""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import free_port
from tests.postgres import PASSWORD, QUOTED
from tests.watch.running import World

if TYPE_CHECKING:
    from tests.postgres import Postgres

pytestmark = pytest.mark.integration

IMAP, SMTP, WRONG = "s3cret-of-imap", "s3cret-of-smtp", "s3cret-that-is-wrong"
KEY = base64.b64encode(b"s3cret-of-patatt, 32 bytes long!").decode()
SECRETS = (PASSWORD, QUOTED, IMAP, SMTP, WRONG, KEY)


@pytest.fixture(params=["sqlite", "url", "credential"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[World, str]]:
    """A daemon at work, and the database's URL, which is empty for SQLite."""
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
    files = {
        "imap": IMAP,
        "key": KEY,
        ".gitconfig": f"[sendemail]\n\tsmtpserver = 127.0.0.1\n\tsmtpserverport = 1\n"
        f"\tsmtpuser = bot\n\tsmtppass = {SMTP}\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    made = World(
        tmp_path,
        REVOKEBOT_DELIVERY_PASSWORD_FILE=str(tmp_path / "imap"),
        REVOKEBOT_DELIVERY_SIGN=f"ed25519:{tmp_path}/key",
        REVOKEBOT_WATCH_LISTEN=f"127.0.0.1:{free_port()}",
        **more,
    )
    try:
        yield made, url
    finally:
        made.close()


def page(bot: World, path: str) -> str:
    listen = bot.variables["REVOKEBOT_WATCH_LISTEN"]
    with urllib.request.urlopen(f"http://{listen}{path}", timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def seen_of(pid: int, name: str) -> str:
    """A file of /proc that tells of a process; empty when that has ended."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text("utf-8", "replace").replace("\0", "\n")
    except OSError:
        return ""


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
    daemon, *children = bot.processes()
    assert children, "the worker is there"
    processes = seen_of(daemon, "cmdline") + "".join(
        seen_of(pid, name) for pid in children for name in ("cmdline", "environ")
    )
    bot.run("queue", "approve", "1")
    bot.await_('"kind": "sending"')
    seen = {
        "processes": processes,
        "metrics": page(bot, "/metrics"),
        "health": page(bot, "/healthz"),
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
    assert "Fatal Python error" not in seen["log"], "the process that sends has ended by itself"
    server = request.getfixturevalue("postgres") if url else None
    seen["store"] = stored(tmp_path, url, server)
    assert "frob" in seen["store"] or "can-revoke" in seen["store"]
    assert "revokebot_store_up 1" in seen["metrics"]
    assert json.loads(seen["health"])["status"] == "ok"
    for where, text in seen.items():
        assert [secret for secret in SECRETS if secret in text] == [], where
