# SPDX-License-Identifier: GPL-2.0-or-later
"""An open outbox for every test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.settings import StoreSettings
from bot.store import Store


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with Store.open(StoreSettings(store_url)) as opened:
        yield opened


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """`store.url` of an SQLite outbox, which is not made yet, and is that of the commands."""
    url = f"sqlite:///{tmp_path}/state/outbox.db"
    monkeypatch.setenv("REVOKEBOT_STORE_URL", url)
    return url


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A file for a copy of it; what is special in a URL stands in its name."""
    return tmp_path / "a % copy?.db"
