# SPDX-License-Identifier: GPL-2.0-or-later
"""What the actions of `revokebot ci` have in common: flags, words, the exit status."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence

from bot.commands.review import FINDINGS, add_rule_flags, add_threshold
from bot.config import Settings
from bot.errors import BotError, UsageError
from bot.model import Review
from bot.render.plain import one_line
from bot.told import told
from bot.web.api import Server
from checks.api import Severity

__all__ = [
    "add_flags",
    "announce",
    "ends",
    "fail_status",
    "server_of",
    "tell_dry",
]


def add_flags(parser: ArgumentParser) -> None:
    """Name the flags that all have."""
    parser.add_argument(
        "--dry-run", action="store_true", help="change nothing; print what would be sent"
    )
    add_rule_flags(parser)
    add_threshold(parser)


def server_of(
    settings: Settings, url: str, headers: Mapping[str, str], variable: str, may: str
) -> Server:
    """The server at `url` by the settings of `[ci]`.

    Parameters
    ----------
    headers: that carry the token
    variable: of the environment, where the token is looked for first
    may: what the token has to be allowed
    """
    ci = settings.ci
    named = "ci.token_file" if ci.token_file else f"${variable}"
    return Server(url, headers, named, may, ci.timeout, ci.deadline, ci.ca_file)


def tell_dry(line: str) -> None:
    """Print a request that is not sent."""
    print(one_line(line))


def announce(words: str) -> None:
    """Say on standard error what was done, or why not."""
    print(f"revokebot: {one_line(words)}", file=sys.stderr)


def ends(text: str) -> tuple[str, str]:
    """Both ends of the range of `--range`.  Raises `UsageError` for what is none."""
    base, dots, head = text.partition("..")
    if not base or not dots or not head or head.startswith("."):
        raise UsageError(f"--range {text}: write A..B")
    return base, head


def fail_status(reviews: Sequence[Review], settings: Settings) -> int:
    """The exit status by `--fail-on`; 2 where a rule crashed: it may have missed something."""
    crashed = any(one.kind == "rule-crashed" for review in reviews for one in review.errors)
    fail_on = settings.review.fail_on
    worst = max((found.severity.rank for one in reviews for found in told(one)), default=-1)
    if crashed:
        return BotError.status
    return FINDINGS if fail_on != "never" and worst >= Severity(fail_on).rank else 0
