# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a series is for a kernel of at least some version, where nothing in the diff tells.

The subject's tag of a stable backport names its tree (`[PATCH AUTOSEL 5.15
3/24]`); any other series is taken to be for the mainline of the day it was
sent.  Contents go before both: rules ask here only when neither tree nor diff
shows it.  A series without a date is taken to be new.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from checks.source.pattern import pattern

if TYPE_CHECKING:
    from checks.api import Series

__all__ = ["at_least", "backport_of"]

Version = tuple[int, int]

SINCE: dict[Version, datetime] = {
    (5, 16): datetime(2021, 11, 14, tzinfo=UTC),
    (6, 2): datetime(2022, 12, 25, tzinfo=UTC),
    (6, 3): datetime(2023, 3, 5, tzinfo=UTC),
    (6, 4): datetime(2023, 5, 7, tzinfo=UTC),
    (6, 8): datetime(2024, 1, 21, tzinfo=UTC),
    (6, 9): datetime(2024, 3, 24, tzinfo=UTC),
    (6, 10): datetime(2024, 5, 26, tzinfo=UTC),
    (6, 11): datetime(2024, 7, 28, tzinfo=UTC),
    (6, 13): datetime(2024, 12, 8, tzinfo=UTC),
    (6, 14): datetime(2025, 2, 2, tzinfo=UTC),
    (6, 16): datetime(2025, 6, 8, tzinfo=UTC),
    (6, 17): datetime(2025, 8, 24, tzinfo=UTC),
    (6, 18): datetime(2025, 10, 12, tzinfo=UTC),
    (6, 19): datetime(2025, 12, 14, tzinfo=UTC),
}
"""When mainline had what the rules ask about: a -rc1, for 6.13 its -rc2 and for 6.17 its -rc3."""

_TAG = pattern(r"\[[^\]]*\]")
_VERSION = pattern(r"(?<![\w./])(\d{1,2})\.(\d{1,2})(?![\w/])")


def at_least(series: Series, version: Version) -> bool:
    """Whether the tree that `series` is for has what mainline has since `version`.

    Raises `KeyError` for a version that nothing is known of.
    """
    since = SINCE[version]
    named = backport_of(series)
    if named is not None:
        return named >= version
    return series.date is None or series.date >= since


def backport_of(series: Series) -> Version | None:
    """The version that the subject's tag names, of several the oldest; None for mainline."""
    tags = "".join(_TAG.findall(series.subject))
    named = [(int(major), int(minor)) for major, minor in _VERSION.findall(tags)]
    return min(named, default=None)
