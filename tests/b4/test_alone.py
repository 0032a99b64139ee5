# SPDX-License-Identifier: GPL-2.0-or-later
"""On real series: a patch that is seen alone is told nothing that its series puts right."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.review import review
from bot.sources import SourceOptions, open_source
from bot.told import told
from checks import load_rules
from checks.scope import in_scope, scope_of

pytestmark = pytest.mark.corpus


def test_alone_a_patch_is_told_nothing_more(corpus: Path) -> None:
    rules = load_rules()
    scope = scope_of(rules)
    both = 0
    for posting in open_source(str(corpus / "revoke-threads.mbox.xz"), SourceOptions(every=True)):
        series = posting.series
        if not series.complete or series.total < 2 or not in_scope(series, scope):
            continue
        known = {(one.rule, one.patch, one.diff_line) for one in told(review(posting, rules))}
        for patch in series.patches:
            lone = posting._replace(series=series._replace(patches=(patch,)))
            found = {(one.rule, one.patch, one.diff_line) for one in told(review(lone, rules))}
            assert found <= known
            both += len(found)
    assert both > 50  # most of what is wrong by itself is still told
