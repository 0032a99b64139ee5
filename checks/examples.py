# SPDX-License-Identifier: GPL-2.0-or-later
"""A rule's BAD and GOOD examples as series, for the tests and for whoever tries them.

An example is a diff; a line `# next patch` starts another patch of the series.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from checks.api import Bad, Good, Patch, Series

__all__ = ["NEXT", "series_of"]

NEXT = "# next patch\n"
"""Stands between the diffs of two patches."""

DATE = datetime(2026, 3, 1, tzinfo=UTC)


def series_of(example: Bad | Good) -> Series:
    """Return `example` as a complete series of its own."""
    diffs = re.split(f"^{NEXT}", example.diff, flags=re.MULTILINE)
    patches = tuple(
        Patch(n, f"example-{n}@localhost", f"[PATCH {n}/{len(diffs)}] example", "", diff)
        for n, diff in enumerate(diffs, 1)
    )
    return Series(patches[0].msgid, patches[0].subject, 1, patches, len(patches), DATE)
