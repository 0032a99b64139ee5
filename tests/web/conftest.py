# SPDX-License-Identifier: GPL-2.0-or-later
"""Each test of a forge gets a branch of its own, and runs on every forge."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.branches import Repository, branch
from tests.web.shops import SHOPS, Shop, opened


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The branch, made once."""
    return branch(tmp_path_factory.mktemp("made") / "linux").path


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries of this process wait a moment: how long they should is for test_api.py to hold."""
    monkeypatch.setattr("bot.sources.bounded_http.FIRST_PAUSE", 0.02)


@pytest.fixture
def repository(made: Path, tmp_path: Path) -> Repository:
    """A copy of the branch."""
    shutil.copytree(made, tmp_path / "job/linux")
    return Repository(tmp_path / "job/linux")


@pytest.fixture(params=SHOPS, ids=lambda kind: kind.action)
def shop(request: pytest.FixtureRequest, repository: Repository, tmp_path: Path) -> Iterator[Shop]:
    """Each forge in turn, with the branch as a request."""
    with opened(request.param, repository, tmp_path) as shop:
        yield shop
