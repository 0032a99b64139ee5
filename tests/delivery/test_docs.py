# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/delivery.md names every setting with its default, and every way to deliver."""

from __future__ import annotations

import re

from bot.config import CHOICES
from bot.delivery import WAYS
from bot.settings import DeliverySettings
from tests.conftest import ROOT

WAYS_TOLD, _, SETTINGS_TOLD = (
    (ROOT / "docs/delivery.md").read_text(encoding="utf-8").partition("## The settings")
)


def test_every_setting_stands_there_with_its_default() -> None:
    told = dict(re.findall(r"^\| `([a-z_]+)` \| `?(.+?)`? \| .+ \|$", SETTINGS_TOLD, re.MULTILINE))
    assert told == {
        key: str(value or "none") for key, value in DeliverySettings()._asdict().items()
    }


def test_every_way_stands_there() -> None:
    rows = re.findall(r"^\| (`.+?) \| .+ \| .+ \|$", WAYS_TOLD, re.MULTILINE)
    told = [way for row in rows for way in re.findall(r"`([a-z0-9]+)`", row)]
    assert told == ["via", *WAYS]
    assert CHOICES["delivery.via"] == WAYS
