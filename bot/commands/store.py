# SPDX-License-Identifier: GPL-2.0-or-later
"""Copy the store into a file and back while it is used, and forget what is old.

Nothing is sent, and nothing is fetched.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from pathlib import Path

from bot.config import Settings, load
from bot.errors import UsageError
from bot.outbox.place import is_there, sqlite_file
from bot.render.plain import one_line

__all__ = ["EXIT_STATUS", "add", "run"]

EXIT_STATUS = """\
exit status:
  0  done
  2  bad usage or configuration, or it could not be done: nothing was changed
"""
ON_A_SERVER = {
    "backup": "`pg_dump --format=custom --file FILE DATABASE` copies it while it is used",
    "restore": "stop what uses it, let `pg_restore --clean --if-exists --single-transaction "
    "--dbname DATABASE FILE` put it back, then run `revokebot store doubt`",
}
"""What to run for PostgreSQL."""


def add(parser: ArgumentParser) -> None:
    """Name the actions of `revokebot store` and their flags."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    backup = actions.add_parser("backup", help="copy it into FILE, while it is used (SQLite)")
    backup.add_argument("file", type=Path, metavar="FILE")
    backup.add_argument("--force", action="store_true", help="replace FILE where it is there")
    restore = actions.add_parser("restore", help="put the copy in FILE in its place (SQLite)")
    restore.add_argument("file", type=Path, metavar="FILE")
    actions.add_parser("doubt", help="after pg_restore: mails that had not left may have since")
    prune = actions.add_parser("prune", help="forget what is older than watch.keep_... says")
    prune.add_argument("--dry-run", action="store_true", help="only tell what that would be")
    prune.add_argument(
        "--vacuum", action="store_true",
        help="give the free room back to the disk, too; others wait (SQLite)",
    )  # fmt: skip


def run(args: Namespace) -> int:
    """Do what the action says."""
    settings = load(args.config)
    now = datetime.now(UTC)
    if args.action == "backup":
        _backup(_file(settings, args.action), args)
    elif args.action == "restore":
        _restore(_file(settings, args.action), args.file, now)
    elif not is_there(settings.store):
        raise UsageError("there is no store yet; `revokebot watch` makes it")
    elif args.action == "doubt":
        from bot.outbox.restoring import Doubter

        with Doubter.open(settings.store) as store:
            print(_doubted(store.doubt()))
    else:
        _prune(settings, args, now)
    return 0


def _file(settings: Settings, action: str) -> Path:
    """The file of SQLite.  Raises `UsageError` that says what to do for PostgreSQL."""
    from bot.outbox.url import url_of

    path = sqlite_file(settings.store)
    if path is None:
        url_of(settings.store)  # what is no URL at all is told first
        raise UsageError(f"store.url is on a PostgreSQL server: {ON_A_SERVER[action]}")
    return path


def _backup(path: Path, args: Namespace) -> None:
    from bot.outbox.backup import backup

    backup(path, args.file, force=args.force)
    size = args.file.stat().st_size / 1e6
    print(one_line(f"copied {path} to {args.file}, {size:.1f} MB; it is whole"))


def _restore(path: Path, source: Path, now: datetime) -> None:
    from bot.outbox.backup import restore

    done = restore(path, source, now)
    print(one_line(f"{path} is what {source} was"))
    if done.kept is not None:
        print(one_line(f"what was there before is in {done.kept}"))
    if not done.whole:
        print("it could not be read, and was moved there: start again what had it open")
    print(_doubted(done.unsent))
    print("inboxes are read again from where they were; what was decided by hand since is gone")


def _doubted(unsent: int) -> str:
    if not unsent:
        return "no reply waits"
    return (
        f"replies that had not left, and may have since: {unsent}; the archive is asked, and given "
        "delivery.settle seconds, before one goes"
    )


def _prune(settings: Settings, args: Namespace, now: datetime) -> None:
    from bot.outbox.pruning import Pruner

    with Pruner.open(settings.store) as store:
        done = store.prune(now, settings.watch, dry_run=args.dry_run, most=None)
        would = "would forget" if args.dry_run else "forgot"
        print(f"{would} {done.threads} threads with all their mails")
        print(f"{would} the text of {done.mails} other mails that led to no review")
        print(f"{would} the text of {done.replies} mails of ours")
        print(f"{would} {done.discarded} discarded replies and {done.incidents} incidents")
        if args.vacuum and not args.dry_run:
            store.vacuum()
            print("gave the free room back to the disk")
