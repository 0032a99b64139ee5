# SPDX-License-Identifier: GPL-2.0-or-later
"""Reviews that a worker has just made, so that older revisions need not be reviewed with each mail.

Pure but for the clock.  The same mails and tree give the same review; a tree
that is fetched anew is seen within the hour.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from bot.model import Posting, Review
from bot.watch.plan import digest

__all__ = ["Recall"]

MOST = 200
"""Reviews; without the mails they are some kilobytes each."""
LONGEST = 3600.0
"""Seconds."""


class _Kept(NamedTuple):
    made: float
    review: Review
    """Without its posting, which holds the mails."""


class Recall:
    """What makes reviews, and remembers the last ones."""

    def __init__(
        self, review: Callable[[Posting], Review], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._review, self._clock = review, clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def __call__(self, posting: Posting) -> Review:
        """Review `posting`, or recall its review."""
        key, now = digest(posting), self._clock()
        kept = self._kept.get(key)
        if kept is not None and now - kept.made < LONGEST:
            self._kept.move_to_end(key)
            errors = (*posting.problems, *kept.review.errors)
            return kept.review._replace(posting=posting, errors=errors)
        review = self._review(posting)
        own = review.errors[len(posting.problems) :]
        bare = Posting(posting.series._replace(patches=(), cover=""))
        self._kept[key] = _Kept(now, review._replace(posting=bare, errors=own))
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return review
