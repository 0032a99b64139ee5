# SPDX-License-Identifier: GPL-2.0-or-later
"""The misbehaving server, once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.archive.server import Server, serving


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running
