# SPDX-License-Identifier: GPL-2.0-or-later
"""The outbox on the disk: its file, its tables, and several processes at it, some killed."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from bot.errors import BotError, UsageError
from bot.outbox.database import connect
from bot.outbox.schema import METADATA, REVISION
from bot.outgoing import State
from bot.settings import StoreSettings
from bot.store import Store
from tests.store.outbox import LEASE, NOW, REVIEW, entries, fill, settings, written

ROOT = Path(__file__).resolve().parent.parent.parent


def begin(url: str, owner: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.store.worker", url, owner],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def heard(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def many(store: Store, number: int) -> tuple[int, ...]:
    one = written()[0]
    replies = [
        one._replace(
            envelope=one.envelope._replace(msgid=f"{n}@localhost"), parent=f"parent-{n}@example.org"
        )
        for n in range(number)
    ]
    return store.record(REVIEW, entries(), replies, NOW)


def test_no_two_processes_get_the_same_reply(store_url: str) -> None:
    with Store.open(StoreSettings(store_url)) as store:
        ids = many(store, 60)
        senders = [begin(store_url, owner) for owner in ("one", "two", "three", "four")]
        assert [heard(sender) for sender in senders] == ["ready"] * 4
        for sender in senders:
            go(sender)
        first = [heard(sender) for sender in senders]
        for sender in senders:
            go(sender)
        rest = [sender.communicate(timeout=60)[0].split() for sender in senders]
        assert [sender.returncode for sender in senders] == [0] * 4
        assert len(set(first)) == 4
        assert sorted(map(int, sum(rest, first))) == sorted(ids)
        drafts = store.drafts()
    assert {(draft.state, draft.attempts) for draft in drafts} == {(State.SENT, 1)}


def test_the_reply_of_a_killed_sender_comes_back_as_possibly_sent(store_url: str) -> None:
    with Store.open(StoreSettings(store_url)) as store:
        first, second = fill(store)
        sender = begin(store_url, "one")
        assert heard(sender) == "ready"
        go(sender)
        assert heard(sender) == str(first)
        sender.kill()
        sender.communicate()
        other = store.claim("two", NOW, LEASE)
        assert other is not None
        assert (other.id, other.state) == (second, State.APPROVED)
        assert store.claim("two", NOW, LEASE) is None
        again = store.claim("two", NOW + LEASE, LEASE)
        assert again is not None
        assert (again.id, again.state) == (first, State.SENDING)
        assert again.envelope.msgid == written()[0].envelope.msgid


def test_processes_that_open_an_empty_outbox_at_once_both_get_it(store_url: str) -> None:
    workers = [begin(store_url, owner) for owner in ("one", "two", "three")]
    for worker in workers:
        out, _ = worker.communicate("\n\n", timeout=60)
        assert (worker.returncode, out) == (0, "ready\nnothing\n")


def test_the_file_is_for_its_owner_and_synced(tmp_path: Path) -> None:
    with Store.open(settings(tmp_path)) as store:
        fill(store)
        assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
        files = sorted((tmp_path / "state").iterdir())
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
        assert "outbox.db-wal" in {file.name for file in files}
        with store._engine.connect() as connection:
            pragmas = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            }
    full = 2
    assert pragmas["journal_mode"] == "wal"
    assert (pragmas["synchronous"], pragmas["foreign_keys"]) == (full, 1)
    assert (pragmas["busy_timeout"] or 0) >= 1000


def test_the_migrations_make_the_tables_that_the_code_names(store_url: str) -> None:
    engine = connect(StoreSettings(store_url))
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection)
            assert compare_metadata(context, METADATA) == []
            assert context.get_current_revision() == REVISION
    finally:
        engine.dispose()


def test_an_older_database_keeps_its_replies(store_url: str) -> None:
    with Store.open(StoreSettings(store_url)) as store:
        fill(store)
        before = store.drafts()
        with store._writing() as connection:
            run = connection.exec_driver_sql
            for column in ("says", "dkim", "by_hand", "waits"):
                run(f"ALTER TABLE reply DROP COLUMN {column}")
            run("ALTER TABLE entry DROP COLUMN revision")
            run("ALTER TABLE review DROP COLUMN files")
            run("ALTER TABLE reply DROP COLUMN kind")
            watched = ("kin", "series", "mail", "thread", "inbox", "incident")
            for table in (*watched, "dismissal", "heard", "leave"):
                run(f"DROP TABLE {table}")
            run("UPDATE alembic_version SET version_num = '0001'")
    with Store.open(StoreSettings(store_url)) as store:
        assert store.drafts() == [draft._replace(says=()) for draft in before]


def test_a_migration_that_dies_leaves_an_empty_database(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    path = tmp_path / "state" / "outbox.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE reply (x)")
    connection.close()
    with pytest.raises(UsageError, match="already exists"):
        Store.open(settings(tmp_path))
    with sqlite3.connect(path) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        assert [name for (name,) in tables] == ["reply"]
    connection.close()


@pytest.mark.parametrize(
    ("pragma", "words"),
    [
        ("max_page_count=1", "database or disk is full; nothing was changed, make room"),
        ("query_only=1", "nothing was changed, give this user the right to write the file"),
    ],
)
def test_what_the_disk_refuses_comes_with_the_way_out(
    tmp_path: Path, pragma: str, words: str
) -> None:
    with Store.open(settings(tmp_path)) as store:
        with store._writing() as connection:
            connection.exec_driver_sql(f"PRAGMA {pragma}")
        with pytest.raises(BotError, match=words):
            many(store, 60)
        assert store.drafts() == []


def test_a_database_that_is_held_or_broken_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.outbox.database.BUSY_MS", 20)
    path = tmp_path / "state/outbox.db"
    with Store.open(settings(tmp_path)) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(BotError, match=r"is locked; .* another program holds it: try again"):
            fill(store)
        other.close()
        fill(store)
    path.write_bytes(b"these are words, and no database " * 99)
    with pytest.raises(UsageError, match="not a database; put a copy in its place, or move it"):
        Store.open(settings(tmp_path))


def test_a_newer_database_is_left_alone(store_url: str) -> None:
    with Store.open(StoreSettings(store_url)) as store, store._writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(BotError, match=f"revision 9999, this version knows {REVISION}"):
        Store.open(StoreSettings(store_url))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("s3cret", "store.url: that is no URL; write e.g. sqlite:////"),
        ("postgresql://bot:s3@cret:x/db", "store.url: that is no URL; write e.g. sqlite:////"),
        ("mysql://bot:s3cret@db/x", "store.url: mysql is not known; write e.g. sqlite:////"),
        ("sqlite://", "names no file"),
        ("sqlite:////proc/none/outbox.db", "name a file to write to"),
    ],
)
def test_a_url_that_cannot_be_used_is_said(url: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as error:
        Store.open(StoreSettings(url))
    assert "cret" not in str(error.value)


def test_the_default_is_in_the_state_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    with Store.open(StoreSettings()) as store:
        assert store.url == f"sqlite:///{tmp_path}/xdg/revokebot/revokebot.db"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    with Store.open(StoreSettings()) as store:
        assert store.url == f"sqlite:///{tmp_path}/.local/state/revokebot/revokebot.db"


READS = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); {}; c.close()"


def test_opening_it_twice_in_one_process_loses_nothing(tmp_path: Path) -> None:
    database = tmp_path / "state" / "outbox.db"
    with Store.open(settings(tmp_path)) as store:
        store.start()
        Store.open(settings(tmp_path)).close()
        # Another process that closes the file last, as far as it knows, throws the log away.
        look = READS.format("c.execute('SELECT * FROM switch').fetchall()")
        subprocess.run([sys.executable, "-c", look, str(database)], check=True)
        store.stop("to be seen by others")
        look = READS.format("print(c.execute('SELECT reason FROM switch').fetchall())")
        seen = subprocess.run(
            [sys.executable, "-c", look, str(database)], check=True, capture_output=True, text=True
        )
    assert seen.stdout == "[('to be seen by others',)]\n"
