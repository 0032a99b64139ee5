# SPDX-License-Identifier: GPL-2.0-or-later
"""The age of the tree that a series is for, by its tag or its date."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from checks.source.age import at_least
from tests.checks.build import series_of

NEW = datetime(2026, 2, 1, tzinfo=UTC)
OLD = datetime(2022, 8, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("subject", "date", "new"),
    [
        ("[PATCH v2 1/3] frob: nicate", NEW, True),
        ("[PATCH v2 1/3] frob: nicate", OLD, False),
        ("[PATCH v2 1/3] frob: nicate", None, True),
        ("[PATCH AUTOSEL 5.15 03/24] frob: nicate", NEW, False),
        ("[PATCH 6.1 085/192] frob: nicate", NEW, False),
        ("[PATCH AUTOSEL 6.19-6.1] frob: nicate", NEW, False),
        ("[PATCH AUTOSEL 6.19-6.18] frob: nicate", NEW, True),
        ("[PATCH 6.6 1/2] frob: nicate", OLD, True),
        ("[PATCH] frob: support version 1.2", NEW, True),
        ("[PATCH RFC v1.5 1/2] frob: nicate", NEW, True),
    ],
)
def test_at_least(subject: str, date: datetime | None, new: bool) -> None:
    series = series_of("")._replace(subject=subject, date=date)
    assert at_least(series, (6, 2)) is new
