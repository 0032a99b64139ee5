# SPDX-License-Identifier: GPL-2.0-or-later
"""Check what revokebot needs, and say for each thing that is wrong how to mend it.

It changes nothing, asks the archive for its front page only, and has a first look
at the inboxes that are watched.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from bot import __version__
from bot.commands.review import settings_of
from bot.config import Settings
from bot.errors import BotError, InputError
from bot.hiding import without_logins
from bot.render.plain import one_line

__all__ = ["add", "run"]

PINNED = {"b4": "0.16.0", "liblore": "0.10.1"}
"""As in pyproject.toml: their next release may change what we rely on."""
GIT = (2, 30)
"""Oldest git that is known to do: Debian 11's."""


def add(parser: ArgumentParser) -> None:
    """Name the flags of `revokebot doctor`."""
    parser.add_argument("--tree", metavar="DIR", help="check this kernel git tree, too")
    parser.add_argument("--offline", action="store_true", help="ask no server")


def run(args: Namespace) -> int:
    """Check everything; return the highest exit status of what is wrong."""
    settings = settings_of(args)
    checks: list[tuple[str, Callable[[Settings], str]]] = [
        ("revokebot", lambda _: __version__),
        ("Python", lambda _: sys.version.split()[0]),
        ("git", _git),
        ("b4", lambda _: _package("b4")),
        ("liblore", lambda _: _package("liblore")),
        ("configuration", lambda s: str(s.file) if s.file else "no file; the defaults hold"),
        ("rules", _rules),
        ("tree", _tree),
        ("outbox", _outbox),
        ("sending", _sending),
        ("archive", lambda s: "not asked (--offline)" if args.offline else _archive(s)),
        *_inboxes(settings, args.offline),
    ]
    status = 0
    for name, check in checks:
        try:
            print(f"ok    {name}: {one_line(check(settings))}", flush=True)
        except BotError as err:
            words = one_line(str(err)).removeprefix(f"{name.removeprefix('inbox ')}: ")
            print(f"wrong {name}: {words}", flush=True)
            status = max(status, err.status)
    return status


def _git(_: Settings) -> str:
    import re
    import subprocess

    try:
        done = subprocess.run(["git", "version"], capture_output=True, text=True, check=False)
    except OSError as err:
        raise InputError(f"{err.strerror}; install git (`apt-get install git`)") from err
    if done.returncode:
        raise InputError(f"`git version` says: {done.stderr.strip()}; mend that")
    found = re.search(r"(\d+)\.(\d+)\S*", done.stdout)
    if found is None:
        raise InputError("`git version` names none; put a working git first in PATH")
    if (int(found[1]), int(found[2])) < GIT:
        raise InputError(f"{found[0]} is too old; install git 2.30 or newer")
    return found[0]


def _package(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        found = version(name)
    except PackageNotFoundError as err:
        raise InputError(f"is not installed; run `pip install {name}=={PINNED[name]}`") from err
    if found != PINNED[name]:
        raise InputError(
            f"{found} is not the release that this was tested with;"
            f" run `pip install {name}=={PINNED[name]}`"
        )
    return found


def _rules(_: Settings) -> str:
    from checks import RuleError, load_rules

    try:
        return f"{len(load_rules())} loaded"
    except RuleError as err:
        raise InputError(f"{err}; mend that file or install revokebot again") from err


def _tree(settings: Settings) -> str:
    if settings.review.tree is None:
        return "none given; reviews see what the diffs show"
    from bot.sources.tree import GitTree
    from checks.source.vocabulary import HEADER

    with GitTree(settings.review.tree) as tree:
        if tree.file(HEADER) is None:
            raise InputError(f"{tree.path} has no {HEADER} at HEAD; name a kernel tree")
    return f"{settings.review.tree}"


def _outbox(settings: Settings) -> str:
    from bot.outbox.place import is_there

    if not is_there(settings.store):
        return "none yet; `revokebot reply --draft` or `revokebot watch` makes it"
    from bot.store import Store

    with Store.open(settings.store) as store:
        path = store.path
        if path is not None and path.stat().st_mode & 0o077:
            raise InputError(f"others may use {path}; run `chmod 600` on it: drafts are not public")
        stopped = store.stopped()
        return f"{store.url}{'' if stopped is None else f'; all is stopped: {stopped}'}"


def _sending(settings: Settings) -> str:
    """What the settings say of it; a server is asked only when there is something to send."""
    if settings.policy.post == "off" or not settings.reply.operator:
        return "not set up; replies can be written, nothing is sent"
    from bot.sending import may_send

    may_send(settings)
    return f"by {settings.delivery.via}, as {settings.reply.address}; post = {settings.policy.post}"


def _archive(settings: Settings) -> str:
    from bot.sources import SourceOptions
    from bot.sources.archive import probe

    return probe(SourceOptions(archive=settings.archive))


def _inboxes(settings: Settings, offline: bool) -> list[tuple[str, Callable[[Settings], str]]]:
    """A check for each inbox."""

    def check(name: str) -> Callable[[Settings], str]:
        return lambda s: "not asked (--offline)" if offline else _inbox(name, s)

    return [(f"inbox {without_logins(name)}", check(name)) for name in settings.watch.inboxes]


def _inbox(name: str, settings: Settings) -> str:
    """Look as the watcher does at first, without the backlog; nothing is kept of that."""
    from tempfile import TemporaryDirectory

    from bot.inboxes.open import open_inbox

    only_new = settings._replace(watch=settings.watch._replace(backlog=0))
    with TemporaryDirectory(prefix="revokebot-") as folder:
        inbox = open_inbox(name, only_new, Path(folder))
        try:
            next(inbox.batches(""))
        finally:
            inbox.close()
    return "can be read"
