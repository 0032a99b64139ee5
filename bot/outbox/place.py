# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the outbox is, and whether there is one; loads no database for the one of this user."""

from __future__ import annotations

import os
from pathlib import Path

from bot.settings import StoreSettings

__all__ = ["is_there", "own_file"]


def own_file() -> Path:
    """The file of this user, where `store.url` names nothing else."""
    state = os.environ.get("XDG_STATE_HOME", "")
    # A relative path is to be ignored, says the XDG specification.
    base = Path(state) if os.path.isabs(state) else Path.home() / ".local" / "state"
    return base / "revokebot" / "revokebot.db"


def is_there(settings: StoreSettings) -> bool:
    """Whether a database has been made already, or one on a server is named.

    Also where the name is wrong: who opens it is told so.
    """
    if not settings.url:
        return own_file().is_file()
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(settings.url)
    except ArgumentError:
        return True
    return url.get_backend_name() != "sqlite" or os.path.isfile(url.database or "")
