# SPDX-License-Identifier: GPL-2.0-or-later
"""Answer b4 review over HTTP what was found in a series, from the store, until it is stopped.

It only reads: nothing is fetched, reviewed or sent (docs/b4.md).
"""

from __future__ import annotations

import json
import signal
from argparse import ArgumentParser, Namespace
from functools import partial
from threading import BoundedSemaphore, Event
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from bot.config import Settings, load
from bot.errors import BotError, UsageError
from bot.hiding import secrets_of
from bot.httpd import Answer, Server, loopback
from bot.outbox.place import is_there
from bot.render.plain import one_line
from bot.sources.msgid import checked
from bot.watch import log, notify
from bot.web.lookup import answer, page

if TYPE_CHECKING:
    from bot.outbox.looking import Looker

__all__ = ["EXIT_STATUS", "add", "run"]

EXIT_STATUS = """\
exit status:
  0  it was stopped
  2  bad usage or configuration, or the store can't be used
"""
PORT = 9465
CONNECTIONS = 64
"""That are open before the oldest is cut."""
AT_ONCE = 4
"""Questions that the store gets at once; a database has few connections."""
PATIENCE = 20.0
"""Seconds that a question waits for its turn; b4 waits 30 for an answer."""
LONGEST = 4096
"""Characters of a query: a message-id has up to 998 bytes, each up to three characters."""
FIELDS = 8
"""Of a query."""
JSON = "application/json"
HTML = "text/html; charset=utf-8"
SAFE = (
    ("Content-Security-Policy", "default-src 'none'; form-action 'self'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-cache"),
)


def add(parser: ArgumentParser) -> None:
    """Name the flags of `revokebot serve`."""
    parser.add_argument(
        "--listen", metavar="ADDRESS:PORT", default=f"127.0.0.1:{PORT}",
        help="where, on the loopback; a proxy before it lets others in (default: %(default)s)",
    )  # fmt: skip


def run(args: Namespace) -> int:
    """Answer until SIGTERM or ^C; return the exit status."""
    settings = load(args.config)
    place = loopback(args.listen, "--listen", PORT)
    if not is_there(settings.store):
        raise UsageError("there is no store yet; `revokebot watch` makes it")
    from bot.outbox.looking import Looker

    log.set_up(settings.watch.log, secrets_of(settings))
    stop = Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    with Looker.open(settings.store) as store:
        show = partial(_show, store, settings, BoundedSemaphore(AT_ONCE))
        server = Server(place, show, _broken, name="--listen", connections=CONNECTIONS)
        log.event("listening", address=place[0], port=server.port)
        notify.ready(f"answering on port {server.port}")
        stop.wait()
        notify.stopping()
        server.close()
        log.event("stopped")
    return 0


def _show(
    store: Looker, settings: Settings, turns: BoundedSemaphore, path: str, query: str
) -> Answer:
    """What is at `path`."""
    if path == "/":
        return Answer(200, page(settings.reply).encode(), HTML, SAFE)
    if path != "/api/patchset":
        return _words(404, "there are / and /api/patchset?id=MSGID")
    try:
        msgid = _msgid(query)
    except UsageError as err:
        return _words(400, str(err))
    if not turns.acquire(timeout=PATIENCE):
        return _words(503, "too many ask at once; ask again")
    try:
        found = _looked_up(store, settings, msgid)
    finally:
        turns.release()
    log.event("asked", msgid=msgid, status=found.status)
    return found


def _looked_up(store: Looker, settings: Settings, msgid: str) -> Answer:
    try:
        kept = store.kept(msgid)
    except BotError as err:
        log.trouble("store", "serve", str(err))
        return _words(503, "the store can't be read now; the log tells why")
    told = answer(kept, settings.review.link_mask) if kept else None
    if told is None:
        return _words(404, "nothing was reviewed that has this message-id")
    return Answer(200, json.dumps(told, indent=1).encode() + b"\n", JSON, SAFE)


def _msgid(query: str) -> str:
    """The message-id that is asked about.  Raises `UsageError` where there is none, or several."""
    if len(query) > LONGEST:
        raise UsageError(f"the query is longer than {LONGEST} characters")
    try:
        fields = parse_qs(query, keep_blank_values=True, errors="strict", max_num_fields=FIELDS)
    except ValueError:
        raise UsageError("the query can't be read; ask for /api/patchset?id=MSGID") from None
    given = fields.get("id", [])
    if len(given) != 1:
        raise UsageError("ask for one message-id: /api/patchset?id=MSGID")
    msgid = given[0].strip().removeprefix("<").removesuffix(">")
    return checked(msgid, given[0])


def _words(status: int, words: str) -> Answer:
    return Answer(status, f"{one_line(words)}\n".encode(), headers=SAFE)


def _broken(path: str, err: Exception) -> None:
    words = f"{type(err).__name__}: {err}; please report it"
    log.trouble("serve", one_line(path), one_line(words), error=err)
