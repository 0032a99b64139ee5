# SPDX-License-Identifier: GPL-2.0-or-later
"""Show every setting with its value and where that comes from; nothing is changed."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace

from bot.commands.review import settings_of
from bot.config import CHOICES, walk
from bot.hiding import without_logins
from bot.render.plain import one_line

__all__ = ["add", "run"]


def add(parser: ArgumentParser) -> None:
    """Name the flags of `revokebot config`: those of a review that are settings, too."""
    parser.add_argument("--format", choices=("text", "json"), default="text", dest="shown_as")
    parser.add_argument("--tree", metavar="DIR", help="as for `revokebot review`")
    parser.add_argument("--edition", choices=CHOICES["review.edition"])
    parser.add_argument("--select", metavar="RULES")
    parser.add_argument("--ignore", metavar="RULES")
    parser.add_argument("--fail-on", choices=CHOICES["review.fail_on"])


def run(args: Namespace) -> int:
    """Print the merged settings."""
    settings = settings_of(args)
    rows = [(key, _plain(value), origin) for key, value, origin in walk(settings)]
    if args.shown_as == "json":
        table = {key: {"value": value, "origin": origin} for key, value, origin in rows}
        print(json.dumps({"file": _plain(settings.file), "settings": table}, indent=2))
        return 0
    width = max(len(key) for key, _, _ in rows)
    print(f"file: {settings.file or 'none'}", file=sys.stdout)
    for key, value, origin in rows:
        print(f"{key:<{width}} = {one_line(json.dumps(value))}  ({one_line(origin)})")
    return 0


def _plain(value: object) -> object:
    """The value, without the passwords that a URL can have."""
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, str):
        return without_logins(value)
    return value if value is None or isinstance(value, int | float) else str(value)
