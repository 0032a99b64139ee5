# SPDX-License-Identifier: GPL-2.0-or-later
"""Cold start: how long one small file takes, from the shell's prompt and back to it."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.checkpatch import checkpatch
from benchmarks.mails import EXAMPLE, ROOT
from benchmarks.timing import command, interleaved

ROUNDS = 15


def main() -> None:
    """Review the example with both, each in a process of its own."""
    revokebot = Path(sys.executable).with_name("revokebot")
    seconds = interleaved(
        {
            "revokebot": command([revokebot, "review", EXAMPLE], cwd=ROOT, accept=(0, 1)),
            "checkpatch": command(
                ["perl", checkpatch(), "--no-tree", EXAMPLE], cwd=ROOT, accept=(0, 1)
            ),
        },
        ROUNDS,
    )
    ratio = seconds["revokebot"] / seconds["checkpatch"]
    print(
        f"cold start: revokebot review {seconds['revokebot']:.3f} s,"
        f" checkpatch.pl --no-tree {seconds['checkpatch']:.3f} s: {ratio:.2f} of its time"
    )
