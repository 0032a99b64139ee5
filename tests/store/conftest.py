# SPDX-License-Identifier: GPL-2.0-or-later
"""An open outbox for every test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.settings import StoreSettings
from bot.store import Store


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with Store.open(StoreSettings(store_url)) as opened:
        yield opened
