# SPDX-License-Identifier: GPL-2.0-or-later
"""Opens the database of the outbox and brings it to the newest tables.

SQLite is opened with a write-ahead log that is synced at every commit, in a
folder that only its owner can enter.  Nothing here reads or writes a row.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError, StatementError

from bot.errors import BotError, UnfitError, UsageError
from bot.outbox.schema import REVISION
from bot.outbox.url import engine_options, shown, url_of
from bot.settings import StoreSettings

__all__ = ["Database", "connect", "lock", "opened", "said", "some"]

BUSY_MS = 30_000
"""How long a writer waits for another one."""
BROKEN = "put a copy in its place, or move it away: a new one has no drafts and dismissals"
ADVICE = {
    sqlite3.SQLITE_BUSY: "another program holds it: try again when that is done",
    sqlite3.SQLITE_FULL: "make room on the disk, then try again",
    sqlite3.SQLITE_READONLY: "give this user the right to write the file and its folder",
    sqlite3.SQLITE_CORRUPT: BROKEN,
    sqlite3.SQLITE_NOTADB: BROKEN,
}
"""What to do, by SQLite's primary code of an error."""
STATES = {
    "": "see that the server runs and lets this user in (store.password_file, ~/.pgpass)",
    "25": "name a server that takes writes: this one is a standby or read-only",
    "40": "others wrote at the same time: try again",
    "42501": "give this user the right to it: it is best the owner of the database",
    "53": "make room on the server, on its disk or for more connections; then try again",
    "55P03": "another program holds it: try again when that is done",
    "57": "its server was stopped: try again when it runs",
}
"""What to do, by SQLSTATE of PostgreSQL or its first two letters; a server that is not reached
has none."""
UNFIT = (
    sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, "22", "23", "54",
)  # fmt: skip
"""Of the same codes: what was to be written is wrong, not the database."""
LOCK = 0x7265766F6B65
"""Key of the advisory lock that PostgreSQL's writers and migrations take."""

JSON = json.JSONEncoder(default=str)
"""A lone surrogate of a broken mail is escaped, odd facts of a rule become text."""


T = TypeVar("T")


class Database:
    """A database that is open, and the transactions on it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reader = engine.execution_options(reading=True)

    @classmethod
    def open(cls, settings: StoreSettings) -> Self:
        """Open the database that `settings` name, made and migrated where that is needed."""
        return cls(connect(settings))

    @property
    def url(self) -> str:
        """Where it is, for a message: a password is not shown."""
        return shown(self._engine.url)

    @property
    def path(self) -> Path | None:
        """The file that it is; None for one on a server."""
        url = self._engine.url
        return Path(url.database or "") if url.get_backend_name() == "sqlite" else None

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._told(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._told(), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as err:
            # Where the connection broke, it may have been while the server wrote it down.
            lost = err.connection_invalidated
            kept = "it may have been kept all the same" if lost else "nothing was changed"
            unfit = _code(err) in UNFIT
            kind, otherwise = (UnfitError, "report it") if unfit else (BotError, "try again")
            raise kind(f"store {self.url}: {said(err)}; {kept}, {_advice(err, otherwise)}") from err
        except StatementError as err:
            raise UnfitError(
                f"store {self.url}: {err.orig}; nothing was changed, report it"
            ) from err


def connect(settings: StoreSettings) -> Engine:
    """Open the database that `settings` name and migrate it.

    Raises `UsageError` where that is no database that can be used.
    """
    return opened(url_of(settings))


def opened(url: URL) -> Engine:
    """Open the database at `url` and migrate it; raises as `connect`."""
    if url.drivername == "sqlite":
        _make_file(url)
    engine = create_engine(
        url, json_serializer=JSON.encode, hide_parameters=True, **engine_options(url)
    )
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    try:
        _migrate(engine)
    except DBAPIError as err:
        engine.dispose()
        hint = _advice(err, "check the url and its rights")
        raise UsageError(f"store.url {shown(url)}: {said(err)}; {hint}") from err
    except BaseException:
        engine.dispose()
        raise
    return engine


def said(err: DBAPIError) -> str:
    """The database's own words, in one line."""
    return " ".join(str(err.orig).split())


def _code(err: DBAPIError) -> int | str:
    """SQLite's primary code of an error, or the class of PostgreSQL's; empty for none."""
    code = getattr(err.orig, "sqlite_errorcode", None)
    if isinstance(code, int):
        return code & 0xFF
    return (getattr(err.orig, "sqlstate", None) or "")[:2]


def _advice(err: DBAPIError, otherwise: str) -> str:
    """What to do about an error, by SQLite's code or PostgreSQL's SQLSTATE."""
    code = getattr(err.orig, "sqlite_errorcode", None)
    if isinstance(code, int):
        # The lower byte: the rest tells where it came up.
        return ADVICE.get(code & 0xFF, otherwise)
    state = getattr(err.orig, "sqlstate", None) or ""
    return STATES.get(state) or STATES.get(state[:2], otherwise)


def some(values: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    """`values` in pieces of at most `most`: what one query takes, or one transaction is to do."""
    return (values[at : at + most] for at in range(0, len(values), most))


def lock(connection: Connection) -> None:
    """Let no other writer in until the end of the transaction; SQLite never does."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})


def _make_file(url: URL) -> None:
    """Make the file and its folder readable for nobody else: replies there are not public yet."""
    if not url.database or url.database == ":memory:":
        raise UsageError(f"store.url {shown(url)} names no file; what is kept there would be lost")
    path = Path(url.database)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # One that is there is never opened past SQLite: closing it again would take from this
        # process all locks that it has on it (sqlite.org/howtocorrupt.html, 2.2).
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        elif not path.is_file():
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
        elif not os.access(path, os.R_OK | os.W_OK):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
    except FileExistsError:
        pass  # another process was quicker
    except OSError as err:
        raise UsageError(f"store.url: {path}: {err.strerror}; name a file to write to") from err


def _prepare(connection: Any, _record: object) -> None:
    # Python's own BEGIN would come too late, and never be IMMEDIATE: _begin() says it instead.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA secure_delete=ON")  # what is pruned does not stay in the file
    cursor.close()


def _begin(connection: Connection) -> None:
    """Lock at once what will be written: an upgrade of a read lock fails instead of waiting."""
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _migrate(engine: Engine) -> None:
    with engine.execution_options(reading=True).connect() as connection:
        if _revision(connection) == REVISION:
            return
    # Only now, because it is slow to load.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    folder = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        lock(connection)
        found = _revision(connection)
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as err:
            raise BotError(
                f"store: the database has revision {found}, this version knows {REVISION}; "
                "it was written by a newer revokebot: update this one"
            ) from err


def _revision(connection: Connection) -> str:
    if not inspect(connection).has_table("alembic_version"):
        return ""
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return str(found or "")
