# SPDX-License-Identifier: GPL-2.0-or-later
"""How what people asked for by mail becomes part of the policy."""

from __future__ import annotations

from bot.orders.leaves import with_leaves
from bot.outgoing import Leave
from bot.settings import PolicySettings
from tests.render.reviews import NOW


def wish(kind: str, what: str, who: str = "a@example.org") -> Leave:
    return Leave(kind, what, who, "order@example.org", NOW)


def test_what_the_operator_has_set_stays_and_the_rest_is_added_once() -> None:
    policy = PolicySettings(leave=("x@example.org",), lists=("a.example.org",))
    wishes = (
        wish("author", "x@example.org"),
        wish("author", "y@example.org"),
        wish("author", "y@example.org", "b@example.org"),
        wish("series", "1@example.org"),
        wish("list", "b.example.org"),
        wish("welcome", "c.example.org"),
    )
    assert with_leaves(policy, wishes) == policy._replace(
        leave=("x@example.org", "y@example.org", "1@example.org", "b.example.org"),
        lists=("a.example.org", "c.example.org"),
    )
    assert with_leaves(policy, ()) == policy
