# SPDX-License-Identifier: GPL-2.0-or-later
"""`revokebot store backup` and `restore`, with others at the outbox, without room, and killed."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest

from bot.cli import main
from bot.outgoing import Draft, State
from bot.settings import StoreSettings
from bot.store import Store
from tests.postgres import Postgres
from tests.store.outbox import DRAFT, NOW, claimed, fill
from tests.store.test_processes import begin, go, heard, many

LIMITED = """
import resource, signal, sys
from bot.cli import main
signal.signal(signal.SIGXFSZ, getattr(signal, sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
sys.exit(main(sys.argv[3:]))
"""
"""The kernel lets no file grow beyond some bytes: it refuses, or kills, at exactly that write."""


def drafts(place: str | Path) -> list[Draft]:
    url = place if isinstance(place, str) else f"sqlite:///{place}"
    with Store.open(StoreSettings(url)) as store:
        return store.drafts()


def limited(how: str, most: int, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run `revokebot` where a file has room for `most` bytes only."""
    command = [sys.executable, "-c", LIMITED, how, str(most), *argv]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def names(folder: Path) -> set[str]:
    """What is there, but for SQLite's own files beside an outbox that was killed."""
    return {path.name for path in folder.iterdir() if not path.name.endswith(("-wal", "-shm"))}


def test_a_copy_is_whole_while_others_write(
    url: str, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Store.open(StoreSettings(url)) as store:
        ids = many(store, 20)
        worker = begin(url, "one")
        assert heard(worker) == "ready"
        go(worker)
        assert heard(worker) == str(ids[0])
        with store._writing():
            assert main(["store", "backup", str(copy)]) == 0
        before = store.drafts()
        worker.communicate("\n", timeout=60)
        assert {draft.state for draft in store.drafts()} == {State.SENT}
    assert capsys.readouterr().out.endswith("MB; it is whole\n")
    assert copy.stat().st_mode & 0o777 == 0o600
    assert names(copy.parent) == {copy.name, "state"}
    assert [draft.state for draft in before].count(State.SENDING) == 1
    assert drafts_of(copy) == [(draft.id, draft.state.value) for draft in before]


def drafts_of(path: Path) -> list[tuple[int, str]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT id, state FROM reply ORDER BY id").fetchall()


def test_what_is_there_is_not_written_over(
    url: str, copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = ["store", "backup", str(copy)]
    assert main(backup) == 2
    assert "there is no outbox yet" in capsys.readouterr().err
    with Store.open(StoreSettings(url)) as store:
        fill(store)
    copy.write_text("mine")
    assert main(backup) == 2
    assert f"{copy} is there already; name another file, or give --force" in capsys.readouterr().err
    assert copy.read_text() == "mine"
    assert main([*backup, "--force"]) == 0
    assert len(drafts_of(copy)) == 2
    assert main(["store", "backup", str(tmp_path / "state/outbox.db"), "--force"]) == 2
    assert main(["store", "restore", str(tmp_path / "state/outbox.db")]) == 2
    assert capsys.readouterr().err.count("is the outbox itself") == 2
    assert main(["store", "backup", str(tmp_path / "none/copy.db")]) == 2
    assert "No such file or directory; nothing was changed" in capsys.readouterr().err
    assert names(tmp_path) == {copy.name, "state"}


def test_who_has_the_outbox_open_goes_on_with_what_is_restored(
    url: str, copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Store.open(StoreSettings(url)) as store, Store.open(StoreSettings(url)) as other:
        first, second = fill(store, DRAFT)
        then = store.drafts()
        assert main(["store", "backup", str(copy)]) == 0
        store.approve(first, NOW)
        store.sent(claimed(store).id, "one", NOW, "250 ok", {})
        many(store, 30)
        now = store.drafts()
        store.stop("a maintainer asked")
        with other._reading() as connection:
            connection.exec_driver_sql("SELECT count(*) FROM reply")
            assert main(["store", "restore", str(copy)]) == 0
            assert connection.exec_driver_sql("SELECT count(*) FROM reply").scalar() == 32
        assert [draft.state for draft in then] == [State.DRAFT] * 2
        for one in (store, other):
            assert [draft.state for draft in one.drafts()] == [State.SENT, State.DRAFT]
            assert one.stopped() == "a maintainer asked", "what was stopped stays stopped"
        store.discard(second, NOW, "no")
        assert [draft.state for draft in other.drafts()] == [State.SENT, State.DISCARDED]
    out = capsys.readouterr().out
    assert "replies that had not left, and may have since: 1; the" in out
    (kept,) = (tmp_path / "state").glob("outbox.db.before-*")
    assert f"what was there before is in {kept}\n" in out
    assert kept.stat().st_mode & 0o777 == 0o600
    assert drafts(kept) == now


def test_whoever_reads_sees_one_of_the_two(url: str, copy: Path, tmp_path: Path) -> None:
    copies = (copy, tmp_path / "other.db")
    whole = []
    with Store.open(StoreSettings(url)) as store:
        for number, path in enumerate(copies):
            many(store, 20 + 40 * number)
            assert main(["store", "backup", str(path)]) == 0
            whole.append(store.drafts())
        over = Event()

        def read() -> list[list[Draft]]:
            seen = []
            with Store.open(StoreSettings(url)) as reader:
                while not over.is_set():
                    seen.append(reader.drafts())
            return seen

        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(read)
            for _round in range(4):
                for path in copies:
                    assert main(["store", "restore", str(path)]) == 0
            over.set()
            seen = reading.result()
    assert len(whole[0]) < len(whole[1])
    for one in whole:
        assert one in seen
    assert [one for one in seen if one not in whole] == []


def test_an_outbox_that_is_gone_or_broken_is_replaced(
    url: str, copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Store.open(StoreSettings(url)) as store:
        ids = fill(store)
    assert main(["store", "backup", str(copy)]) == 0
    outbox = tmp_path / "state/outbox.db"
    outbox.unlink()
    assert main(["store", "restore", str(copy)]) == 0
    assert tuple(draft.id for draft in drafts(url)) == ids
    assert outbox.stat().st_mode & 0o777 == 0o600
    assert names(outbox.parent) == {"outbox.db"}
    outbox.write_bytes(b"these are words, and no database " * 99)
    assert main(["store", "backup", str(tmp_path / "other")]) == 2
    assert "file is not a database; nothing was changed" in capsys.readouterr().err
    assert main(["store", "restore", str(copy)]) == 0
    assert "could not be read, and was moved there: start again what" in capsys.readouterr().out
    assert tuple(draft.id for draft in drafts(url)) == ids
    (kept,) = outbox.parent.glob("outbox.db.before-*")
    assert kept.read_bytes().startswith(b"these are words")


def test_a_damaged_outbox_is_not_taken_for_a_copy(
    url: str, copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outbox = tmp_path / "state/outbox.db"
    with Store.open(StoreSettings(url)) as store:
        many(store, 60)
    assert main(["store", "backup", str(copy)]) == 0
    for damaged, command in ((outbox, "backup"), (copy, "restore")):
        whole = damaged.read_bytes()
        damaged.write_bytes(
            whole[: len(whole) // 2] + bytes(8192) + whole[len(whole) // 2 + 8192 :]
        )
        target = copy if command == "restore" else tmp_path / "new.db"
        assert main(["store", command, str(target)]) == 2
        assert f"{damaged} is damaged; restore an" in capsys.readouterr().err
        damaged.write_bytes(whole)
    assert not (tmp_path / "new.db").exists()
    assert len(drafts(url)) == 60


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "unable to open database file; name a file that"),
        (b"", "no such table: alembic_version; name a file that"),
        (b"From the beginning " * 99, "file is not a database; name a file that"),
    ],
)
def test_a_file_that_is_no_copy_is_refused(
    url: str, copy: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, words: str
) -> None:
    if content is not None:
        copy.write_bytes(content)
    assert main(["store", "restore", str(copy)]) == 2
    assert words in capsys.readouterr().err
    assert copy.exists() == (content is not None)
    assert not (copy.parent / "state").exists()


def test_a_copy_of_another_version(
    url: str, copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Store.open(StoreSettings(url)) as store:
        fill(store)
    assert main(["store", "backup", str(copy)]) == 0
    run(tmp_path / "state/outbox.db", "UPDATE alembic_version SET version_num = '9999'")
    assert main(["store", "restore", str(copy)]) == 0, "back to an older version"
    assert len(drafts(url)) == 2
    run(copy, "UPDATE alembic_version SET version_num = '9999'")
    assert main(["store", "restore", str(copy)]) == 2
    assert "written by a newer revokebot: update this one" in capsys.readouterr().err
    assert len(drafts(url)) == 2


def run(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


@pytest.mark.parametrize("command", ["backup", "restore"])
@pytest.mark.parametrize("how", ["SIG_IGN", "SIG_DFL"], ids=["full", "killed"])
@pytest.mark.parametrize("part", [0.02, 0.3, 0.7, 0.99, 1.002])
def test_without_room_or_killed_at_any_byte(
    url: str, copy: Path, tmp_path: Path, command: str, how: str, part: float
) -> None:
    with Store.open(StoreSettings(url)) as store:
        many(store, 120)
        before = store.drafts()
    assert main(["store", "backup", str(copy)]) == 0
    with Store.open(StoreSettings(url)) as store:
        store.discard(before[0].id, NOW + timedelta(days=1), "no")
        before = store.drafts()
    size = copy.stat().st_size
    target = copy if command == "restore" else tmp_path / "new.db"
    done = limited(how, int(size * part), "store", command, str(target))
    ended = part > 1 and command == "backup"
    assert done.returncode == (0 if ended else 2 if how == "SIG_IGN" else -25), done.stderr
    assert drafts(url) == before
    assert (tmp_path / "new.db").exists() == ended
    if how == "SIG_IGN":
        assert [name for name in names(tmp_path / "state") if name.startswith(".")] == []
        assert ended or "nothing was changed: see that there is room on the disk" in done.stderr
    if part > 1 and command == "restore":
        assert list((tmp_path / "state").glob("outbox.db.before-*")), "it was at the last step"
    if not ended:
        assert main(["store", command, str(target)]) == 0, "once there is room"
    assert len(drafts_of(target)) == 120


def test_postgresql_has_its_own_programs(
    postgres: Postgres, copy: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("REVOKEBOT_STORE_URL", postgres.new())
    assert main(["store", "backup", str(copy)]) == 2
    assert "PostgreSQL server: `pg_dump --format=custom" in capsys.readouterr().err
    assert main(["store", "restore", str(copy)]) == 2
    assert "`pg_restore --clean" in capsys.readouterr().err
    assert main(["store", "prune", "--vacuum"]) == 2
    assert "PostgreSQL's autovacuum does it" in capsys.readouterr().err
