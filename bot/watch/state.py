# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon's folder of state, which nobody else may enter; it reads and writes nothing there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from bot.config import Settings
from bot.errors import UsageError
from bot.outbox.place import own_folder, sqlite_file

__all__ = ["state_dir"]

UMASK = 0o077


def state_dir(settings: Settings) -> Path:
    """Make the folder of state where it is missing, and return it; new files are private from now.

    It is systemd's `$STATE_DIRECTORY`, else `$XDG_STATE_HOME/revokebot`
    (`~/.local/state/revokebot`).

    Raises `UsageError` where it cannot be made, or where others could read it, or a
    SQLite store that is kept elsewhere.
    """
    os.umask(UMASK)
    folder = own_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _private(folder, 0o700)
        store = sqlite_file(settings.store)
        if store is not None and store.exists():
            _private(store, 0o600)
    except OSError as err:
        raise UsageError(
            f"state: {err.filename or folder}: {err.strerror}; set XDG_STATE_HOME to a folder "
            "that this user may write to"
        ) from err
    return folder


def _private(path: Path, mode: int) -> None:
    found = path.stat()
    if found.st_uid != os.geteuid():
        raise UsageError(f"state: {path} belongs to another user; run the daemon as that one")
    if found.st_mode & 0o077:
        raise UsageError(
            f"state: others may use {path} ({stat.filemode(found.st_mode)}), and replies there "
            f"are not public yet; run `chmod {mode:o} {path}`"
        )
