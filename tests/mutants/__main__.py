# SPDX-License-Identifier: GPL-2.0-or-later
"""`make mutants`: break the correct series in every way, and tell which breaks were caught."""

from __future__ import annotations

import sys

from tests.mutants.run import alarms, judge

AIM = 0.95
"""Of the mutants of all rules together."""


def main() -> int:
    """Print what was missed and the count for each rule; return 1 below the aim."""
    return max(_report(depth) for depth in ("diff", "tree"))


def _report(depth: str) -> int:
    print(f"in {depth} depth:")
    caught: dict[str, list[bool]] = {}
    for mutant, hit in judge(depth):
        caught.setdefault(mutant.mutation.rule, []).append(hit)
        if not hit:
            print(f"  missed {mutant.mutation.rule}: {mutant.mutation.what} ({mutant.place})")
    wrong = list(alarms(depth))
    for name, finding in wrong:
        print(f"  alarm  {finding.rule} on {name}, which is right: {finding.line_text.strip()}")
    for rule, hits in sorted(caught.items()):
        print(f"  {rule:24}{sum(hits):4} of {len(hits):4}")
    done = [hit for hits in caught.values() for hit in hits]
    print(f"  {'all':24}{sum(done):4} of {len(done):4}, {len(wrong)} false alarms on the originals")
    return int(bool(wrong) or sum(done) < AIM * len(done))


sys.exit(main())
