# SPDX-License-Identifier: GPL-2.0-or-later
"""The policy with what people asked for by mail: whom to leave alone, whom to write to; pure."""

from __future__ import annotations

from collections.abc import Iterable

from bot.outgoing import Leave
from bot.settings import PolicySettings

__all__ = ["with_leaves"]


def with_leaves(policy: PolicySettings, leaves: Iterable[Leave]) -> PolicySettings:
    """`policy` with `leaves` in `policy.leave` and `policy.lists`; what it says itself stays."""
    leaves = tuple(leaves)
    alone = (one.what for one in leaves if one.kind != "welcome")
    welcome = (one.what for one in leaves if one.kind == "welcome")
    return policy._replace(
        leave=tuple(dict.fromkeys((*policy.leave, *alone))),
        lists=tuple(dict.fromkeys((*policy.lists, *welcome))),
    )
