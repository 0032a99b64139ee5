# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the outbox is, and whether there is one; loads no database for the one of this user."""

from __future__ import annotations

import os
from pathlib import Path

from bot.settings import StoreSettings

__all__ = ["is_there", "own_file", "own_folder", "sqlite_file"]


def own_folder() -> Path:
    """The folder of state of this user, or of this service of systemd (systemd.exec(5))."""
    service = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if os.path.isabs(service):
        return Path(service)
    state = os.environ.get("XDG_STATE_HOME", "")
    # A relative path is to be ignored, says the XDG specification.
    base = Path(state) if os.path.isabs(state) else Path.home() / ".local" / "state"
    return base / "revokebot"


def own_file() -> Path:
    """The file of this user, where `store.url` names nothing else."""
    return own_folder() / "revokebot.db"


def is_there(settings: StoreSettings) -> bool:
    """Whether a database has been made already, or one on a server is named.

    Also where the name is wrong: who opens it is told so.
    """
    file = sqlite_file(settings)
    return file is None or file.is_file()


def sqlite_file(settings: StoreSettings) -> Path | None:
    """The file that the database is; None for one on a server, or a wrong name."""
    if not settings.url:
        return own_file()
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(settings.url)
    except (ArgumentError, ValueError):
        return None
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None
