# SPDX-License-Identifier: GPL-2.0-or-later
"""Run the measurements: all of them, or those named on the command line."""

from __future__ import annotations

import argparse

from benchmarks import archive, cold_start, heads, kept, patches, records, replies, rules, watch

MEASUREMENTS = {
    "rules": rules.main,
    "patches": patches.main,
    "cold-start": cold_start.main,
    "replies": replies.main,
    "records": records.main,
    "archive": archive.main,
    "kept": kept.main,
    "heads": heads.main,
    "watch": watch.main,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MEASUREMENTS))
    names = parser.parse_args().names or list(MEASUREMENTS)
    for name in names:
        if name not in MEASUREMENTS:
            parser.error(f"no measurement {name!r}: choose from {', '.join(MEASUREMENTS)}")
    for name in names:
        MEASUREMENTS[name]()


main()
