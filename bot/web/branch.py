# SPDX-License-Identifier: GPL-2.0-or-later
"""The commits of a branch as a series: its reviews, and the whole change that a forge shows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from bot.config import Settings
from bot.errors import UsageError
from bot.model import Review
from bot.secret import first_line
from bot.setup import Setup
from bot.sources import SourceOptions, open_source
from bot.sources.git import commit, count_commits, merge_base, range_diff
from bot.web.whole import WholeDiff

__all__ = ["Branch", "read_branch", "token_of"]


class Branch(NamedTuple):
    """What was reviewed."""

    base: str
    """Commit where it left the other branch."""
    head: str
    """Commit."""
    reviews: tuple[Review, ...]
    whole: WholeDiff


def read_branch(base: str, head: str, settings: Settings) -> Branch:
    """Review the commits of `head` that `base` does not have; both are any names of commits.

    The tree is `review.tree`, else the folder we are in.  Raises `InputError`
    when it does not have all of it, as a shallow clone.  Without a commit there
    is no review.
    """
    tree = settings.review.tree or Path()
    base, head = commit(tree, base), commit(tree, head)
    fork = merge_base(tree, base, head)
    if not count_commits(tree, base, head):
        return Branch(fork, head, (), WholeDiff(""))
    seen = settings._replace(review=settings.review._replace(tree=tree))
    setup = Setup.of(seen)
    options = SourceOptions(newer=False, tree=tree)
    reviews = tuple(map(setup.review, open_source(f"{base}..{head}", options)))
    return Branch(fork, head, reviews, WholeDiff(range_diff(tree, fork, head)))


def token_of(settings: Settings, environ: Mapping[str, str], *names: str) -> str:
    """The token: of `ci.token_file`, else the first of the variables `names` that is there.

    Empty where there is none.  Raises `UsageError` for one that no header could have.
    """
    token, where = "", "ci.token_file"
    if settings.ci.token_file is not None:
        token = first_line(settings.ci.token_file, where)
    else:
        where = next((name for name in names if environ.get(name)), "")
        token = environ.get(where, "")
    token = token.strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError(f"{where}: is no token; copy it again")
    return token
