# SPDX-License-Identifier: GPL-2.0-or-later
"""The importer's callbacks that a series shows, each with its function as the series leaves it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from checks.source.vocabulary import ATTACH_OPS, CALLBACKS, is_core, is_exempt

if TYPE_CHECKING:
    from checks.api import Series
    from checks.source.ops import Member
    from checks.source.program import Ops, Place

__all__ = ["Callback", "callbacks"]


class Callback(NamedTuple):
    """One callback that an ops struct names."""

    ops: Ops
    member: Member
    place: Place
    """Its function, shown whole."""


def callbacks(series: Series) -> Iterator[Callback]:
    """Yield the importers' callbacks whose function is shown whole, those of tests left out."""
    if not any(patch.blobs is not None or patch.mentions(*CALLBACKS) for patch in series.patches):
        return
    seen = set()
    for ops in series.program.ops(ATTACH_OPS):
        if is_exempt(ops.file.path) or is_core(ops.file.path):
            continue
        for member in ops.initialiser.members:
            if member.name not in CALLBACKS or (ops.file.path, member.value) in seen:
                continue
            place = series.program.function(member.value, ops.file)
            if place is not None and place.function.complete:
                seen.add((ops.file.path, member.value))
                yield Callback(ops, member, place)
