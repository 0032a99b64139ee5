# SPDX-License-Identifier: GPL-2.0-or-later
"""What series are reviewed and answered with, made of the settings; the same for every face.

Nothing is reviewed, stored or sent here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from bot.config import Settings
from bot.model import Posting, Review
from bot.outgoing import Earlier
from bot.review import check_names, choose, review
from checks import load_rules
from checks.api import Blobs, Edition, Rule
from checks.scope import Scope, scope_of

if TYPE_CHECKING:
    from bot.answer import Run
    from bot.attest import Attest
    from bot.store import Store

__all__ = ["Setup", "run_of"]


class Setup(NamedTuple):
    """What the rules are run with, the same for every series."""

    rules: tuple[Rule, ...]
    scope: tuple[Scope, ...]
    edition: Edition | None
    blobs: Blobs | None

    @classmethod
    def of(cls, settings: Settings) -> Setup:
        """Load rules and tree.  Raises `UsageError` for a name or folder that does not exist."""
        rules = choose(load_rules(), settings.review.select, settings.review.ignore)
        for key in ("muted", "unmuted"):
            names = getattr(settings.policy, key)
            check_names(names, {rule.id for rule in load_rules()}, f"policy.{key}")
        edition = settings.review.edition
        return cls(
            rules,
            scope_of(rules),
            None if edition == "auto" else Edition(edition),
            _blobs(settings),
        )

    def review(self, posting: Posting) -> Review:
        """Review one posting."""
        return review(posting, self.rules, edition=self.edition, blobs=self.blobs)


def _blobs(settings: Settings) -> Blobs | None:
    if settings.review.tree is None:
        return None
    from bot.sources.tree import GitTree

    blobs: Blobs = GitTree(settings.review.tree)
    return blobs


def run_of(
    setup: Setup,
    settings: Settings,
    now: datetime,
    store: Store | None = None,
    look: Attest | None = None,
) -> Run:
    """What series are answered with.

    Parameters
    ----------
    now: aware
    store: what was found, told and dismissed before; without it nothing was
    look: what looks at signatures
    """
    # Only now: `revokebot review` answers nobody.
    from bot.answer import Run
    from bot.in_force import in_force

    run = Run(setup.review, settings, now)
    if store is None:
        return run
    rules = frozenset(rule.id for rule in setup.rules)
    return run._replace(
        settings=in_force(settings, store, now),
        # Asked anew each time: what was kept for one series counts for the next.
        counts=partial(store.counts, now),
        attest=look,
        stored=partial(_remembered, store, rules),
        dismissed={one.fingerprint: one.reason for one in store.dismissals()},
    )


def _remembered(
    store: Store, rules: frozenset[str], line: Sequence[Posting]
) -> tuple[Earlier, ...]:
    """What the store knows of a series; what no rule looks for today is not gone for that."""
    return tuple(
        one._replace(findings=tuple(f for f in one.findings if f.rule in rules))
        for one in store.earlier(line)
    )
