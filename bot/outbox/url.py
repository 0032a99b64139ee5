# SPDX-License-Identifier: GPL-2.0-or-later
"""What `store.url` and `store.password_file` say, checked, and how they are shown: without secrets.

Nothing of a URL that cannot be read is repeated: nobody knows which part of it is the password.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from bot.errors import UsageError
from bot.hiding import without_logins
from bot.outbox.place import own_file
from bot.secret import first_line
from bot.settings import StoreSettings

__all__ = ["engine_options", "shown", "url_of"]

EXAMPLES = "sqlite:////var/lib/bot/outbox.db or postgresql+psycopg://USER@HOST/DATABASE"
DRIVERS = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
"""How a URL may begin, and what it means."""
CONNECTING = {
    "application_name": "revokebot",
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
    "options": "-c lock_timeout=30s -c idle_in_transaction_session_timeout=60s",
}
"""What libpq is told where the URL says nothing else: a server or a process that hangs, or a
machine that has gone, must not hold up the others for long."""


def url_of(settings: StoreSettings) -> URL:
    """Where the outbox is, with the password of the file.

    Raises `UsageError` when the URL is none, or names a database that nothing here was written for.
    """
    if not settings.url:
        return URL.create("sqlite", database=str(own_file()))
    try:
        url = make_url(settings.url)
    except (ArgumentError, ValueError):
        raise UsageError(f"store.url: that is no URL; write e.g. {EXAMPLES}") from None
    if url.drivername not in DRIVERS:
        raise UsageError(f"store.url: {url.drivername} is not known; write e.g. {EXAMPLES}")
    url = url.set(drivername=DRIVERS[url.drivername])
    if url.drivername == "sqlite" or settings.password_file is None:
        return url
    if url.password is not None or "password" in url.query:
        raise UsageError(
            "store.url has a password, and store.password_file, too; take it out of the URL"
        )
    return url.set(password=first_line(settings.password_file, "store.password_file"))


def shown(url: URL) -> str:
    """`url` for a message: without password, wherever in it that is."""
    return without_logins(url.render_as_string(hide_password=True))


def engine_options(url: URL) -> dict[str, Any]:
    """What SQLAlchemy is told about a database of this kind.

    The isolation is what the statements are written for, whatever the server's default is.
    """
    if url.drivername == "sqlite":
        return {}
    given = {key: value for key, value in CONNECTING.items() if key not in url.query}
    return {"connect_args": given, "isolation_level": "READ COMMITTED", "pool_pre_ping": True}
