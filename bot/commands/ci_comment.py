# SPDX-License-Identifier: GPL-2.0-or-later
"""The last step of every action that comments on a request: say there what the branch needs."""

from __future__ import annotations

from functools import partial

from bot.commands.ci_flags import announce
from bot.config import Settings
from bot.web.branch import Branch
from bot.web.comments import Dialect, tell, wish
from bot.web.report import report
from bot.web.wish import Forge

__all__ = ["comment"]


def comment(
    forge: Forge, dialect: Dialect, branch: Branch, settings: Settings, *, dry: bool, blind: bool
) -> None:
    """Make `forge` say what is to be said of `branch`, and tell what was done.

    `dry` and `blind` are those of `bot.web.report.report`.  Raises `ForgeError`.
    """
    found = tell(branch.reviews, branch.whole)
    wanted = partial(wish, branch.reviews, found, dialect=dialect, settings=settings)
    announce(report(forge, wanted, branch.head, dry=dry, blind=blind).words())
