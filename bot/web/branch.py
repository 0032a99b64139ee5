# SPDX-License-Identifier: GPL-2.0-or-later
"""The commits of a branch as a series: its reviews, and the whole change that a forge shows."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from bot.config import Settings
from bot.errors import InputError, UsageError
from bot.model import Review
from bot.secret import first_line
from bot.setup import Setup
from bot.sources import SourceOptions, open_source
from bot.sources.git import range_diff
from bot.web.whole import WholeDiff

__all__ = ["Branch", "read_branch", "token_of"]


class Branch(NamedTuple):
    """What was reviewed."""

    head: str
    """Commit."""
    reviews: tuple[Review, ...]
    whole: WholeDiff


def read_branch(base: str, head: str, settings: Settings) -> Branch:
    """Review the commits of `head` that `base` does not have.

    The tree is `review.tree`, else the folder we are in.  Raises `InputError`
    when it does not have both commits, as in a shallow clone.
    """
    tree = settings.review.tree or Path()
    seen = settings._replace(review=settings.review._replace(tree=tree))
    options = SourceOptions(newer=False, tree=tree)
    try:
        postings = list(open_source(f"{base}..{head}", options))
    except InputError as err:
        raise InputError(
            f"{err} (a clone that is not whole needs `fetch-depth: 0` or `GIT_DEPTH: 0`)"
        ) from err
    setup = Setup.of(seen)
    reviews = tuple(setup.review(posting) for posting in postings)
    return Branch(head, reviews, WholeDiff(range_diff(tree, base, head)))


def token_of(settings: Settings, environ: dict[str, str], *names: str) -> str:
    """The token: of `ci.token_file`, else the first of the variables `names` that is there.

    Empty where there is none.  Raises `UsageError` for one that no header could have.
    """
    token, where = "", "ci.token_file"
    if settings.ci.token_file is not None:
        token = first_line(settings.ci.token_file, "ci.token_file")
    else:
        where = next((name for name in names if environ.get(name)), "")
        token = environ.get(where, "")
    token = token.strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError(f"{where}: is no token; copy it again")
    return token
