# SPDX-License-Identifier: GPL-2.0-or-later
"""A whole archive: `revokebot backtest` against git, which merely reads the same mails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.checkpatch import CACHE
from benchmarks.mails import ROOT, mails, whole_archive
from benchmarks.timing import command, interleaved

ROUNDS = 3


def main() -> None:
    """Backtest a git epoch, and read every blob of it, in turn."""
    epoch = _epoch(whole_archive())
    count = _git(epoch, "rev-list", "--count", "master").strip()
    read = "git log --format=%H:m master | git cat-file --batch"
    revokebot = Path(sys.executable).with_name("revokebot")
    seconds = interleaved(
        {
            "git": command(["bash", "-o", "pipefail", "-c", read], cwd=epoch, accept=(0,)),
            "revokebot": command(
                [revokebot, "backtest", epoch, "--format", "jsonl"], cwd=ROOT, accept=(0, 1)
            ),
        },
        ROUNDS,
    )
    ratio = seconds["revokebot"] / seconds["git"]
    print(
        f"archive of {count} mails: revokebot backtest {seconds['revokebot']:.2f} s,"
        f" git log | git cat-file --batch {seconds['git']:.2f} s: {ratio:.1f} times as long"
    )


def _epoch(archive: Path) -> Path:
    """Make a public-inbox epoch of `archive`, one commit a mail; kept for the next time."""
    epoch = CACHE / f"{archive.name}.git"
    if not (epoch / "complete").exists():
        print(f"making a git epoch of {archive.name} (needed once)", flush=True)
        subprocess.run(["git", "init", "-q", "--bare", epoch], check=True)
        argv = ["git", "fast-import", "--quiet", "--force"]
        with subprocess.Popen(argv, cwd=epoch, stdin=subprocess.PIPE) as importer:
            assert importer.stdin is not None
            for number, mail in enumerate(mails(archive)):
                importer.stdin.write(_commit(number, mail))
        if importer.returncode:
            raise SystemExit(f"git fast-import failed in {epoch}: remove it and try again")
        (epoch / "complete").touch()
    return epoch


def _commit(number: int, mail: bytes) -> bytes:
    who = b"bench <bench@localhost> %d +0000" % (1_600_000_000 + number)
    head = b"commit refs/heads/master\nauthor %b\ncommitter %b\ndata 0\n" % (who, who)
    return head + b"M 100644 inline m\ndata %d\n%b\n" % (len(mail), mail)


def _git(epoch: Path, *args: str) -> str:
    return subprocess.run(
        ["git", *args], cwd=epoch, check=True, stdout=subprocess.PIPE, text=True
    ).stdout
