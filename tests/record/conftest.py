# SPDX-License-Identifier: GPL-2.0-or-later
"""A desk with an empty outbox, of either kind, for every test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.settings import StoreSettings
from bot.store import Store
from tests.record.desk import Desk


@pytest.fixture
def desk(store_url: str) -> Iterator[Desk]:
    with Store.open(StoreSettings(store_url)) as store:
        yield Desk(store)
