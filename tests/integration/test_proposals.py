# SPDX-License-Identifier: GPL-2.0-or-later
"""A dismissed finding whose patch is no longer kept becomes an example with the archive's help."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.cli import main
from bot.settings import StoreSettings
from bot.store import Store
from tests.integration.conftest import Inbox
from tests.record.desk import BAD, Desk, diff_of

pytestmark = pytest.mark.integration


def test_the_archive_gives_the_patch(
    inbox: Inbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = f"sqlite:///{tmp_path}/state/outbox.db"
    with Store.open(StoreSettings(url)) as store:
        desk = Desk(store)
        desk.dismiss(desk.told("alpha"))
        inbox.inject(desk.mails["alpha"][0])
    monkeypatch.setenv("REVOKEBOT_STORE_URL", url)
    monkeypatch.setenv("REVOKEBOT_ARCHIVE_URL", inbox.url)
    assert main(["dismissals"]) == 0
    out = capsys.readouterr().out
    assert diff_of("alpha", BAD) in out
    assert "the rule still fires on it" in out
