# SPDX-License-Identifier: GPL-2.0-or-later
"""Closes the stores that a test of the watcher has opened."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.watch.shop import Shop


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    while Shop.opened:
        Shop.opened.pop().store.close()
