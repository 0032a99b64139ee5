# SPDX-License-Identifier: GPL-2.0-or-later
"""Every test: an empty home, none of the user's settings, and no network but loopback."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.postgres import Postgres

# A machine's busy moment is no finding, and CI fails on the same inputs wherever it runs.
settings.register_profile("revokebot", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("revokebot")

# A shell lets what it starts in the background ignore ^C, which the children of tests would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent
CORPUS = Path(os.environ.get("KERNEL_MAIL_CORPUS") or ROOT.parent / "shared" / "corpus")
ARCHIVE = "linaro-mm-sig-until-2026-02.mbox.xz"
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
OWN = ("GIT_", "REVOKEBOT_", "XDG_")
"""Prefixes of variables that carry the user's settings."""


def absent(reason: str) -> NoReturn:
    """Skip the test for want of something; where CI is set, that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The empty home folder that all tests share."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def own_world(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(OWN):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in LOOPBACK:
            raise AssertionError(f"a test reached out to {address[0]}: use a server on 127.0.0.1")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real mail; not in the repository, since it is other people's words.

    It is looked for in `KERNEL_MAIL_CORPUS`, else in `../shared/corpus` beside
    the checkout.  Where CI is set its absence is a failure, else a skip.
    """
    if not (CORPUS / ARCHIVE).is_file():
        absent(f"no {ARCHIVE} in {CORPUS}: put it there, or set KERNEL_MAIL_CORPUS to its folder")
    return CORPUS


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL server for all tests; `new()` makes a database in it."""
    from tests.postgres import running

    with running() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def new_store(request: pytest.FixtureRequest) -> Callable[[Path], str]:
    """Gives the `store.url` of an outbox that is not made yet; the test runs on both databases.

    It is given a folder, in which that of SQLite is.
    """
    if request.param == "sqlite":
        return lambda folder: f"sqlite:///{folder}/state/outbox.db"
    server: Postgres = request.getfixturevalue("postgres")
    return lambda folder: server.new()


@pytest.fixture
def store_url(new_store: Callable[[Path], str], tmp_path: Path) -> str:
    """`store.url` of an outbox that is not made yet; the test runs on both kinds of database."""
    return new_store(tmp_path)
