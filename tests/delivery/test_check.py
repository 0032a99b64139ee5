# SPDX-License-Identifier: GPL-2.0-or-later
"""What is missing in the settings is told before a reply is taken up, and repeats no password."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.commands.sending import may_send
from bot.config import Settings
from bot.delivery import check, deliver
from bot.errors import UsageError
from bot.settings import DeliverySettings, ReplySettings
from tests.delivery.conftest import ENVELOPE

REPLY = ReplySettings(address="bot@example.org", operator="A U Thor <author@example.org>")
GONE = Path("/nonexistent/file")
URL = "imaps://bot@example.org/Drafts"
GOOD: list[dict[str, Any]] = [
    {},
    {"via": "web", "sign": "ed25519:bot"},
    {"via": "imap", "imap_url": URL},
    {"via": "imap", "imap_url": URL, "password_file": Path(__file__)},
    {"via": "maildir", "path": GONE},
    {"via": "mbox", "path": GONE},
]
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"via": "fax"}, "delivery.via 'fax'"),
    ({"via": "web"}, "delivery.sign"),
    ({"via": "imap"}, "delivery.imap_url"),
    ({"via": "imap", "imap_url": "imaps://bot:secret@example.org/Drafts"}, "delivery.imap_url"),
    ({"via": "imap", "imap_url": URL, "password_file": GONE}, "delivery.password_file"),
    ({"via": "maildir"}, "delivery.path"),
    ({"via": "mbox"}, "delivery.path"),
    ({"ca_file": GONE}, "delivery.ca_file"),
    ({"lease": 120.0}, "delivery.lease"),
]


@pytest.mark.parametrize("values", GOOD, ids=str)
def test_settings_that_do(values: dict[str, Any]) -> None:
    delivery = DeliverySettings()._replace(**values)
    check(delivery)
    may_send(Settings(reply=REPLY, delivery=delivery))


@pytest.mark.parametrize(("values", "says"), WRONG, ids=str)
def test_settings_that_do_not(values: dict[str, Any], says: str) -> None:
    delivery = DeliverySettings()._replace(**values)
    for act in (
        lambda: may_send(Settings(reply=REPLY, delivery=delivery)),
        lambda: deliver(ENVELOPE, delivery),
    ):
        with pytest.raises(UsageError) as caught:
            act()
        assert says in str(caught.value)
        assert "secret" not in str(caught.value)
