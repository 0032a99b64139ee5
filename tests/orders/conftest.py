# SPDX-License-Identifier: GPL-2.0-or-later
"""A desk whose mails are signed with a real key, which a real name server knows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.settings import StoreSettings
from bot.store import Store
from tests.attest.names import serving
from tests.attest.signed import Key, make_key
from tests.orders.desk import Desk


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    return make_key(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="session")
def names(tmp_path_factory: pytest.TempPathFactory, key: Key) -> Iterator[str]:
    """ADDRESS:PORT of the name server."""
    records = {f"good._domainkey.example.{top}": key.record for top in ("org", "net")}
    with serving(tmp_path_factory.mktemp("names"), records) as server:
        yield server


@pytest.fixture
def desk(store_url: str, key: Key, names: str) -> Iterator[Desk]:
    with Store.open(StoreSettings(store_url)) as store:
        yield Desk(store, key, names)
