# SPDX-License-Identifier: GPL-2.0-or-later
"""Patches per second, on patches that a rule has something to look at in, against checkpatch.pl.

The fair figure is the one of whole processes: each is started once, reads the
same mails as files, and prints what it finds.  The checks alone, in a process
that is already up, are what a daemon or a backtest pays for a patch.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.checkpatch import checkpatch
from benchmarks.mails import ROOT, labelled_threads
from benchmarks.timing import command, interleaved
from bot.sources import SourceOptions, open_source
from checks import load_rules
from checks.api import Patch, Series
from checks.runner import run
from checks.scope import scope_of, wanted

ROUNDS = 3
MOST = 100
"""Patches, evenly taken from those in scope: checkpatch.pl is to be done in seconds."""


def main() -> None:
    """Check the same patches with both, and print the ratios."""
    patches = _sample(list(_in_scope()))
    with tempfile.TemporaryDirectory() as folder:
        files = [_mail(Path(folder), number, patch) for number, patch in enumerate(patches)]
        revokebot = Path(sys.executable).with_name("revokebot")
        seconds = interleaved(
            {
                "checks": lambda: _check(patches),
                "revokebot": command([revokebot, "review", *files], cwd=ROOT, accept=(0, 1)),
                "checkpatch": command(
                    ["perl", checkpatch(), "--no-tree", *files], cwd=ROOT, accept=(0, 1)
                ),
            },
            ROUNDS,
        )
    rates = {name: len(patches) / taken for name, taken in seconds.items()}
    print(f"{len(patches)} patches in scope: checkpatch.pl {rates['checkpatch']:.0f}/s")
    for name, what in (("revokebot", "revokebot review"), ("checks", "the checks alone")):
        ratio = rates[name] / rates["checkpatch"]
        print(f"  {what}: {rates[name]:.0f}/s, {ratio:.1f} times as many")


def _in_scope() -> Iterator[Patch]:
    scopes = scope_of(load_rules())
    for posting in open_source(str(labelled_threads()), SourceOptions(every=True)):
        yield from (patch for patch in posting.series.patches if wanted(patch, scopes))


def _sample(patches: list[Patch]) -> list[Patch]:
    step = max(1, -(-len(patches) // MOST))
    return patches[::step]


def _check(patches: list[Patch]) -> None:
    for patch in patches:
        # A new object, because a patch keeps its parsed diff.
        alone = patch._replace(number=1)
        run(
            Series(patch.msgid, patch.subject, 1, (alone,), total=1), load_rules(), every_diff=False
        )


def _mail(folder: Path, number: int, patch: Patch) -> Path:
    """Write `patch` as a mail that both read: a series of its own, whatever it was part of."""
    title = patch.subject.rpartition("]")[2].strip()
    path = folder / f"{number:04}.patch"
    path.write_text(
        f"From: Patch Author <author@example.org>\nSubject: [PATCH] {title}\n"
        f"Date: Tue, 03 Feb 2026 10:00:00 +0000\nMessage-ID: <{number}@example.org>\n"
        "Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\n"
        f"{patch.message.strip()}\n---\n\n{patch.diff}",
        encoding="utf-8",
    )
    return path
