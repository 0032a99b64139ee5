# SPDX-License-Identifier: GPL-2.0-or-later
"""Passwords in URLs and settings: which are found, and that nothing else is taken for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.config import load
from bot.hiding import secrets_of, without_logins


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://a:p@ss@db/x", "postgresql://a:***@db/x"),
        ("https://host:443/a@b and x:y@z", "https://host:443/a@b and x:y@z"),
        ("postgresql://a:p/w@db/x", "postgresql://a:***@db/x"),
        ("http://[::1]:80/a@b", "http://[::1]:80/a@b"),
        ("postgresql://a:7/w@db/x", "postgresql://a:***@db/x"),
        ("postgresql:/a:w@db/x", "postgresql:/a:***@db/x"),
        (
            "postgresql://db:5432?user=a&password=p@s:s&x=1",
            "postgresql://db:5432?user=a&password=***&x=1",
        ),
        ("host=db password='a \\' b' user=x", "host=db password=*** user=x"),
        ("host=db password = ab user=x", "host=db password = *** user=x"),
        ("postgresql://db/x?sslpassword=abc", "postgresql://db/x?sslpassword=***"),
        ("imap://user@host/INBOX", "imap://user@host/INBOX"),
    ],
)
def test_logins_in_urls(text: str, shown: str) -> None:
    assert without_logins(text) == shown


def test_the_secrets_of_the_settings_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pass").write_text("from-file\nsecond line\n")
    monkeypatch.setenv("PGPASSWORD", "from-environment")
    settings = load(
        None,
        {
            "REVOKEBOT_STORE_URL": "postgresql+psycopg://bot:in%2Durl@db/bot",
            "REVOKEBOT_WATCH_INBOXES": "nntps://me:in-inbox@news/x,/srv/inbox",
            "REVOKEBOT_DELIVERY_PASSWORD_FILE": str(tmp_path / "pass"),
        },
    )
    known = {"from-file", "from-environment", "in-url", "in%2Durl", "in-inbox"}
    assert secrets_of(settings) == known
    gone = settings._replace(
        delivery=settings.delivery._replace(password_file=tmp_path / "none"),
        store=settings.store._replace(url=""),
    )
    assert secrets_of(gone) == {"from-environment", "in-inbox"}
