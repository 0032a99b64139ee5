# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/etiquette.md names every setting with its default, and headers that mails really have."""

from __future__ import annotations

import re
from email import message_from_bytes
from pathlib import Path

from bot.render.mail import MOST_MAILS, replies
from bot.settings import PolicySettings
from tests.render.reviews import MASK, NOW, SETTINGS, review

TEXT = (Path(__file__).resolve().parents[2] / "docs/etiquette.md").read_text(encoding="utf-8")
SETTING = re.compile(r"^\| `([a-z_]+)` \| (.+?) \| .+ \|$", re.MULTILINE)
HEADER = re.compile(r"^\| `([A-Z][A-Za-z-]+)(?:: ([^`]+))?` \|", re.MULTILINE)
EMPTY = ("none", "all")


def test_every_setting_stands_there_with_its_default() -> None:
    told = {key: value.strip("`") for key, value in SETTING.findall(TEXT)}
    assert tuple(told) == PolicySettings._fields
    for key, value in PolicySettings()._asdict().items():
        if value == ():
            assert told[key] in EMPTY, key
        else:
            assert told[key] == str(value).lower(), key


def test_settings_named_in_the_text_exist() -> None:
    prose = TEXT.partition("## The settings")[0]
    named = set(re.findall(r"`([a-z]+_[a-z_]+)`", prose))
    assert named
    assert named <= set(PolicySettings._fields)


def test_the_headers_are_those_of_real_replies() -> None:
    mails = [message_from_bytes(reply.raw) for reply in replies(review(), SETTINGS, MASK, NOW)[0]]
    told = HEADER.findall(TEXT)
    assert len(told) == 6
    for name, value in told:
        found = [mail[name] for mail in mails if mail[name] is not None]
        assert found, name
        assert all(each.startswith(value.removesuffix("...>")) for each in found), (name, found)
    ours = {name for mail in mails for name in mail if name.startswith("X-")}
    assert ours <= {name for name, _ in told}


def test_the_number_of_mails_is_that_of_the_code() -> None:
    assert MOST_MAILS == 3
    assert "three mails for one revision" in TEXT
