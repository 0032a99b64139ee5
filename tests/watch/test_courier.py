# SPDX-License-Identifier: GPL-2.0-or-later
"""The process that sends, where it can't: it says so in the log's own form, and is given a rest."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from bot.config import Settings
from bot.settings import ReplySettings, StoreSettings, WatchSettings
from bot.watch.courier import Courier

pytestmark = pytest.mark.integration


def test_a_store_that_is_broken_is_one_line_in_the_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "outbox.db").write_bytes(b"no database" * 100)
    courier = Courier(
        Settings(
            reply=ReplySettings(address="bot@example.org", operator="Toy <toy@example.org>"),
            store=StoreSettings(f"sqlite:///{tmp_path}/outbox.db"),
            watch=WatchSettings(log="json"),
        )
    )
    courier.tick(due=True)
    end = time.monotonic() + 60
    while courier.busy:
        assert time.monotonic() < end
        time.sleep(0.05)
        courier.tick(due=True)
    (line,) = capfd.readouterr().err.splitlines()
    told = json.loads(line)
    assert (told["event"], told["kind"], told["place"]) == ("trouble", "store", "queue")
    assert "not a database" in told["words"]
    courier.tick(due=True)
    assert not courier.busy, "the next try has to wait"
