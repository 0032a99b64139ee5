# SPDX-License-Identifier: GPL-2.0-or-later
"""What a reply says of findings that a mail told for an earlier revision, and that are gone.

It claims no more than that they are not seen any more, names nobody, and
praises nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.outgoing import Entry
from bot.render.links import links
from bot.render.plain import one_line
from bot.render.templates import fill
from checks.api import Patch

__all__ = ["addressed", "shared_out"]

MOST_NAMES = 3
"""Findings named for one mail; the others are counted."""


def shared_out(
    gone: Iterable[Entry], answers: Sequence[Sequence[Patch]]
) -> list[tuple[Entry, ...]]:
    """What each of the replies is to say of `gone`.

    Parameters
    ----------
    answers: for each reply the patches that it is about

    The first reply about a patch that touches the finding's symbol says it, else one about a
    patch that touches its file, else the first of all.
    """
    shares: list[list[Entry]] = [[] for _ in answers]
    for entry in gone if answers else ():
        nearness = [max(_near(entry, patch) for patch in patches) for patches in answers]
        shares[nearness.index(max(nearness))].append(entry)
    return [tuple(share) for share in shares]


def _near(entry: Entry, patch: Patch) -> int:
    file = patch.change.file(entry.finding.file)
    if file is None:
        return 0
    symbol = entry.finding.symbol
    return 2 if symbol and symbol in patch.diff else 1


def addressed(gone: Iterable[Entry], link_mask: str) -> str:
    """One sentence for each mail that told some of `gone`; empty for none."""
    named: dict[tuple[str, int], dict[str, None]] = {}
    for entry in gone:
        finding = entry.finding
        place = finding.symbol or finding.file.rpartition("/")[2]
        names = named.setdefault((entry.mention, entry.revision), {})
        names[one_line(f"{finding.rule} in {place}")] = None
    return "\n".join(
        fill(
            "addressed.txt.j2",
            {
                "revision": revision,
                "names": list(names)[:MOST_NAMES],
                "more": max(len(names) - MOST_NAMES, 0),
                "link": "".join(links([mention], link_mask)),
            },
        )
        for (mention, revision), names in named.items()
    )
