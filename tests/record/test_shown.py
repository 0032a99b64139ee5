# SPDX-License-Identifier: GPL-2.0-or-later
"""A rule that is muted is seen: in `revokebot status`, and by Prometheus."""

from __future__ import annotations

from datetime import timedelta

from bot.outbox.overview import Onlooker
from bot.settings import StoreSettings
from bot.watch.metrics import SELDOM, numbers
from tests.record.desk import RULE, Desk
from tests.test_cli import run

WHY = f"rule {RULE} is muted: 0 of 1 addressed"


def test_status_names_what_its_record_mutes(desk: Desk, store_url: str) -> None:
    desk.dismiss(desk.told("a"))
    with Onlooker.open(StoreSettings(store_url)) as onlooker:
        policy = desk.policy(floor_least=1).settings.policy
        assert onlooker.muted(policy, desk.now) == {RULE: WHY}
        assert onlooker.muted(policy._replace(floor=0.0), desk.now) == {}
        by_hand = policy._replace(muted=(RULE,))
        assert onlooker.muted(by_hand, desk.now) == {RULE: f"rule {RULE} is muted by policy.muted"}
    done = run("status", REVOKEBOT_STORE_URL=store_url, REVOKEBOT_POLICY_MUTED=RULE)
    assert f"rule {RULE} is muted by policy.muted; `revokebot rules {RULE}`" in done.stdout


def test_the_records_are_not_counted_at_every_scrape(desk: Desk, store_url: str) -> None:
    settings = desk.policy(floor_least=1).settings
    with Onlooker.open(StoreSettings(store_url)) as onlooker:
        look = numbers(onlooker, settings)
        assert look(desk.now).muted == {}
        desk.dismiss(desk.told("a"))
        assert look(desk.now + SELDOM - timedelta(seconds=1)).muted == {}
        assert look(desk.now + SELDOM).muted == {RULE: WHY}
