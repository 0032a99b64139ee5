# SPDX-License-Identifier: GPL-2.0-or-later
"""An inbox with one mail, and a web server that shows it, for every test that asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.inboxes.epochs import Epochs, mail
from tests.inboxes.front import Front, fronting


@pytest.fixture
def epochs(tmp_path: Path) -> Epochs:
    made = Epochs(tmp_path / "toy")
    made.add(mail(0))
    return made


@pytest.fixture
def front(epochs: Epochs) -> Iterator[Front]:
    with fronting(epochs.folder) as server:
        yield server
