# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole storm, with as many mails and kills as are asked for: `python -m tests.soak`."""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path

from bot.sources import open_mails
from tests import postgres
from tests.conftest import ARCHIVE, CORPUS
from tests.soak.archive import Archive
from tests.soak.storm import SHARED, Plan, Report, fill, hold_sqlite, storm


def main() -> None:
    """Run it and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--server-kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--locked", type=float, default=35.0, help="seconds")
    parser.add_argument("--postgres", action="store_true")
    args = parser.parse_args()
    mails = list(open_mails(str(CORPUS / ARCHIVE)))[-args.mails :]
    with tempfile.TemporaryDirectory(prefix="revokebot-soak-") as name:
        run = on_postgres if args.postgres else on_sqlite
        report = run(args, mails, Path(name))
    show(report)


def on_sqlite(args: argparse.Namespace, mails: list[bytes], folder: Path) -> Report:
    """One watcher, a SQLite database on a small disk that runs full."""
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600m,mode=700", "none", disk], check=True)
    try:
        database = disk / "0/state/revokebot/revokebot.db"
        plan = Plan(
            mails, args.kills, args.server_kills, args.seed,
            partial(hold_sqlite, database, args.locked), partial(fill, disk, 5.0),
        )  # fmt: skip
        archive = Archive(folder)
        archive.start()
        try:
            return storm(plan, folder, archive, f"sqlite:///{database}", disk)
        finally:
            archive.kill()
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def on_postgres(args: argparse.Namespace, mails: list[bytes], folder: Path) -> Report:
    """Three watchers and two senders on one PostgreSQL, which is stopped for a while."""
    with postgres.running() as server:

        def interrupted() -> None:
            server.stop()
            time.sleep(min(args.locked, 5.0))
            server.start()

        plan = Plan(mails, args.kills, args.server_kills, args.seed, interrupted, flags=SHARED)
        archive = Archive(folder)
        archive.start()
        try:
            return storm(plan, folder, archive, server.new(), folder)
        finally:
            archive.kill()


def show(report: Report) -> None:
    """Print what was, and what was not, as it should be."""
    found = {msgid: marks for msgid, marks in report.wanted.items() if marks}
    wrong = [msgid for msgid in found if report.state.reviews.get(msgid) != found[msgid]]
    extra = [m for m, marks in report.state.reviews.items() if report.wanted.get(m) != marks]
    print(f"{report.seconds:.0f} s, {report.kills} kills")
    print(f"series in scope: {report.in_scope}, reviewed: {len(report.state.reviews)}")
    print(f"with findings: {len(found)}, missing or other: {wrong}, not of the backtest: {extra}")
    print(f"series: {dict(report.state.fates)}; threads: {dict(report.state.threads)}")
    print(f"replies: {dict(report.state.replies)}")
    print(f"deliveries: {Counter(report.deliveries.values())}")
    print(f"sent, not delivered: {report.state.sent - report.deliveries.keys()}")
    print(f"delivered, not sent: {report.deliveries.keys() - report.state.sent}")


if __name__ == "__main__":
    main()
