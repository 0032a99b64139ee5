# SPDX-License-Identifier: GPL-2.0-or-later
"""The folder of state: where it is, that it is private, and what is said where it is not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.config import Settings
from bot.errors import UsageError
from bot.outbox.place import own_file
from bot.settings import StoreSettings
from bot.store import Store
from bot.watch.state import state_dir


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    before = os.umask(0o022)
    yield
    os.umask(before)


def rights(path: Path) -> str:
    return f"{path.stat().st_mode & 0o777:o}"


def test_it_is_made_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "a/b"))
    folder = state_dir(Settings())
    assert folder == tmp_path / "a/b/revokebot" == own_file().parent
    assert {rights(path) for path in (folder, folder.parent, tmp_path / "a")} == {"700"}
    (folder / "new").touch()
    assert rights(folder / "new") == "600"
    assert state_dir(Settings()) == folder


def test_systemd_says_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("STATE_DIRECTORY", f"{tmp_path}/service:{tmp_path}/other")
    assert state_dir(Settings()) == tmp_path / "service"
    with Store.open(StoreSettings()) as store:
        assert store.path == tmp_path / "service/revokebot.db"


def test_a_folder_that_others_may_enter_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    tmp_path.chmod(0o750)
    with pytest.raises(UsageError, match=rf"\(drwxr-x---\).* run `chmod 700 {tmp_path}`"):
        state_dir(Settings())


def test_a_store_elsewhere_that_others_may_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    settings = Settings(store=StoreSettings(f"sqlite:///{tmp_path}/elsewhere/outbox.db"))
    state_dir(settings)  # not there yet
    with Store.open(settings.store):
        state_dir(settings)
    file = tmp_path / "elsewhere/outbox.db"
    file.chmod(0o640)
    with pytest.raises(UsageError, match=f"run `chmod 600 {file}`"):
        state_dir(settings)
    state_dir(Settings(store=StoreSettings("postgresql+psycopg://db/bot")))


def test_a_folder_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(UsageError, match=f"state: {tmp_path}/file.*set XDG_STATE_HOME"):
        state_dir(Settings())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o700)
    os.chown(folder, 12345, -1)
    monkeypatch.setenv("STATE_DIRECTORY", str(folder))
    with pytest.raises(UsageError, match="belongs to another user"):
        state_dir(Settings())
