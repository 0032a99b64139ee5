# SPDX-License-Identifier: GPL-2.0-or-later
"""Watch inboxes, review the series that come, and send what may be sent, until it is stopped.

What is watched, and how, is set in [watch] (docs/operations.md).
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from contextlib import suppress
from datetime import UTC, datetime

from bot.commands.review import add_rule_flags, settings_of, without_format
from bot.config import PREFIX, Settings
from bot.errors import UsageError
from bot.hiding import secrets_of
from bot.inboxes.open import open_inbox
from bot.sending import may_send
from bot.watch import log
from bot.watch.daemon import Daemon
from bot.watch.state import state_dir
from bot.watched import Watched

__all__ = ["EXIT_STATUS", "add", "run"]

EXIT_STATUS = """\
exit status:
  0  it was stopped, or did what it was asked; `revokebot status` tells what needs a person
  2  bad usage or configuration, or the store can't be used
  3  --once: an inbox could not be read
"""


def add(parser: ArgumentParser) -> None:
    """Name the flags of `revokebot watch`."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--once", action="store_true", help="look once, do what is due, and end: for cron"
    )
    what.add_argument(
        "--retry", metavar="MSGID",
        help="look again at the thread of this mail, also where it was parked; nothing else",
    )  # fmt: skip
    what.add_argument(
        "--recheck", metavar="MSGID", help="as --retry, and review what has not changed, too"
    )
    what.add_argument(
        "--give-up", metavar="MSGID", help="let the parked thread of this mail be; nothing else"
    )
    roles = parser.add_mutually_exclusive_group()
    roles.add_argument("--no-send", action="store_true", help="leave sending to another watcher")
    roles.add_argument("--only-send", action="store_true", help="leave all else to others")
    add_rule_flags(parser)


def run(args: Namespace) -> int:
    """Watch; return the exit status."""
    settings = settings_of(without_format(args))
    if args.only_send:
        settings = settings._replace(watch=settings.watch._replace(inboxes=(), workers=0))
    elif not settings.watch.inboxes and not (args.retry or args.recheck or args.give_up):
        raise UsageError("watch.inboxes: set what is to be watched, e.g. https://HOST/LIST/")
    log.set_up(settings.watch.log, secrets_of(settings))
    _forget_variables()
    state = state_dir(settings)
    _make_store(settings)
    with Watched.open(settings.store) as store:
        if msgid := args.retry or args.recheck:
            return _again(store, msgid, anew=bool(args.recheck))
        if args.give_up:
            return _let_be(store, args.give_up.strip("<> "))
        inboxes = [open_inbox(name, settings, state / "inboxes") for name in settings.watch.inboxes]
        daemon = Daemon(settings, store, inboxes, send=not args.no_send and _can_send(settings))
        status = daemon.once() if args.once else daemon.run()
    sys.stdout.flush()
    sys.stderr.flush()
    # A thread that a server holds up must not hold up the end.
    os._exit(status)


def _make_store(settings: Settings) -> None:
    """Let a child make or migrate the database, so that what that loads is not kept for a year.

    Where it can't, whoever opens the database next is told why.
    """
    pid = os.fork()
    if not pid:
        with suppress(Exception):
            Watched.open(settings.store)
        os._exit(0)
    os.waitpid(pid, 0)


def _forget_variables() -> None:
    """Keep the settings' variables, which may hold a password, from the processes that are started.

    They get the settings through a pipe.
    """
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]


def _can_send(settings: Settings) -> bool:
    try:
        may_send(settings)
    except UsageError as err:
        log.trouble("settings", "sending", f"nothing is sent: {err}")
        return False
    return True


def _again(store: Watched, msgid: str, *, anew: bool) -> int:
    msgid = msgid.strip("<> ")
    if not store.retry_thread(msgid, datetime.now(UTC), anew=anew):
        raise UsageError(f"{msgid}: no such mail has come; `revokebot review {msgid}` fetches it")
    print(f"the thread of {msgid} is due; the watcher looks at it next")
    return 0


def _let_be(store: Watched, msgid: str) -> int:
    if not store.let_be(msgid, datetime.now(UTC)):
        raise UsageError(f"{msgid}: its thread is not parked; see `revokebot status {msgid}`")
    print(f"the thread of {msgid} is given up, until another patch comes to it")
    return 0
