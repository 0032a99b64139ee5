# SPDX-License-Identifier: GPL-2.0-or-later
"""An open outbox for every test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.store import Store
from tests.store.outbox import settings


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(settings(tmp_path)) as opened:
        yield opened
