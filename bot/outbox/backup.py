# SPDX-License-Identifier: GPL-2.0-or-later
"""Copies the outbox of SQLite into a file and back, while others use it.

Both ways go through SQLite's own backup, in one step: a copy is of one
moment, and who has the outbox open sees what was before or what comes after,
never a mixture.  A copy gets its name only when it is whole and on the disk.
Nothing here is for PostgreSQL, which has programs for it.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from bot.errors import BotError, UsageError
from bot.outbox.restoring import ready, uri_of

__all__ = ["Restored", "backup", "restore"]

PATIENCE = 30.0
"""Seconds that a copy waits for others to let go of the file."""
BESIDE = ("", "-journal", "-wal", "-shm")
"""What SQLite calls the files of one database."""


class Restored(NamedTuple):
    """What came of it."""

    kept: Path | None
    """Where what was there before is now."""
    unsent: int
    """Mails of ours that had not left by the time of the copy, and may have since."""
    whole: bool
    """False where the file that was there could not be read, and was put aside."""


def backup(path: Path, target: Path, *, force: bool = False) -> None:
    """Copy the outbox in the file `path` into the file `target`.

    Raises `UsageError` where `target` is there already, unless `force` is given.
    """
    if not path.is_file():
        raise UsageError(f"{path}: there is no outbox yet, so there is nothing to copy")
    if target.exists() and target.samefile(path):
        raise UsageError(f"{target} is the outbox itself; name another file")
    if target.exists() and not force:
        raise UsageError(f"{target} is there already; name another file, or give --force")
    with _told(f"{path} to {target}"), _beside(target) as copy:
        _copy(path, copy)
        _check(copy, f"{path} is damaged; restore an older copy, or move it away")
        _name(copy, target, force=force)


def restore(path: Path, source: Path, now: datetime) -> Restored:
    """Put the copy in the file `source` in the place of the outbox in the file `path`.

    It is brought to the tables of this version first, and learns what has left since; all
    else that had not left is marked as possibly sent.  What is there before is copied beside
    `path`.  What others write between that copy and the change, an instant, is lost.

    Raises `UsageError` where `source` is no outbox, and `BotError` where it is of a newer version.
    """
    _is_outbox(source)
    if path.exists() and path.samefile(source):
        raise UsageError(f"{source} is the outbox itself; name a copy of it")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _told(f"{source} to {path}"), _beside(path) as copy:
        _copy(source, copy)
        _check(copy, f"{source} is damaged; restore another copy")
        unsent = ready(copy, path)
        if not path.exists():
            _name(copy, path, force=False)
            return Restored(None, unsent, whole=True)
        kept = path.with_name(f"{path.name}.before-{now:%Y%m%dT%H%M%S.%fZ}")
        whole = _keep(path, kept)
        if whole:
            _copy(copy, path)
        else:
            _name(copy, path, force=False)
    return Restored(kept, unsent, whole)


def _keep(path: Path, kept: Path) -> bool:
    """Copy what is there; where it can't be read any more, move it, and return False."""
    try:
        with _beside(kept) as copy:
            _copy(path, copy)
            _name(copy, kept, force=False)
    except sqlite3.DatabaseError as err:
        code = getattr(err, "sqlite_errorcode", 0)
        if code not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise
        for end in reversed(BESIDE):
            with suppress(FileNotFoundError):
                os.rename(f"{path}{end}", f"{kept}{end}")
        return False
    return True


def _copy(source: Path, target: Path) -> None:
    """Put all of `source` into `target`, in one transaction of it."""
    end = time.monotonic() + PATIENCE

    def step(status: int, _left: int, _pages: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > end:
            raise BotError(f"{target}: another program holds it: try again when that is done")

    with closing(_opened(source)) as old, closing(_opened(target)) as new:
        old.backup(new, progress=step)


def _check(copy: Path, otherwise: str) -> None:
    """Let SQLite look at every page of `copy`, and make one file of it."""
    with closing(_opened(copy)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise BotError(f"{found.splitlines()[0]}: {otherwise}")


def _is_outbox(path: Path) -> None:
    try:
        with closing(_opened(path, "ro")) as connection:
            connection.execute("SELECT version_num FROM alembic_version")
            connection.execute("SELECT msgid, doubtful FROM reply LIMIT 1")
    except sqlite3.Error as err:
        raise UsageError(
            f"{path}: {err}; name a file that `revokebot store backup` has written"
        ) from err


def _opened(path: Path, mode: str = "rw") -> sqlite3.Connection:
    """A connection that makes no file, and of which nothing is in a transaction."""
    uri = uri_of(path, mode)
    return sqlite3.connect(uri, timeout=PATIENCE, isolation_level=None, uri=True)


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A new file in the folder of `target`, for its owner alone, that is gone in the end."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        for end in BESIDE:
            with suppress(FileNotFoundError):
                os.unlink(f"{name}{end}")


def _name(copy: Path, target: Path, *, force: bool) -> None:
    """Call `copy` `target` from now on, also after a power failure."""
    _sync(copy)
    if force:
        os.replace(copy, target)
    else:
        os.link(copy, target)  # unlike a rename, never over another file
    _sync(target.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _told(way: str) -> Iterator[None]:
    """What goes wrong on the way, in one line."""
    try:
        yield
    except sqlite3.Error as err:
        raise BotError(
            f"{way}: {err}; nothing was changed: see that there is room on the disk"
        ) from err
    except OSError as err:
        raise BotError(f"{way}: {err.strerror}; nothing was changed: mend that first") from err
