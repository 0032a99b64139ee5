# SPDX-License-Identifier: GPL-2.0-or-later
"""The process that looks at threads, one after the other, and dies of those that are too much.

It takes pickled settings, then a line of JSON a thread, from standard input;
it answers each with a line on standard output.  Its memory is limited by the
system, its time by the parent, who kills it (`bot.watch.crew`).
"""

from __future__ import annotations

import json
import os
import pickle
import resource
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from traceback import format_exc
from typing import Any, BinaryIO

from bot.attest import Attest, attest
from bot.child import Out
from bot.config import Settings
from bot.errors import ArchiveError, BotError, UnfitError
from bot.hiding import secrets_of
from bot.orders import maintainers
from bot.orders.model import Heard
from bot.orders.obey import obey, signatures
from bot.setup import Setup
from bot.sources.archive import fetch
from bot.sources.options import SourceOptions
from bot.watch import log
from bot.watch.glance import Glancer
from bot.watch.recall import Recall
from bot.watch.work import Workshop
from bot.watched import Watched

__all__ = ["main"]


def main() -> None:
    """Work until standard input ends."""
    # ^C, and what systemd or a container sends to all processes, is for the parent, who ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: None)
    out = Out()
    settings: Settings = pickle.load(sys.stdin.buffer)
    log.set_up(settings.watch.log, secrets_of(settings))
    resource.setrlimit(resource.RLIMIT_AS, (settings.watch.memory, settings.watch.memory))
    tell = partial(_tell, out)
    try:
        store = Watched.open(settings.store)
        shop = workshop(settings, store)
    except BotError as err:
        tell({"outcome": "store", "words": str(err)})
        return
    with store:
        tell({"outcome": "ready"})
        for line in iter(_lines(sys.stdin.buffer).get, b""):
            asked = json.loads(line)
            tell(_work(shop, asked["thread"], asked["owner"]))


def workshop(settings: Settings, store: Watched) -> Workshop:
    """What looking at threads needs.  Raises `UsageError` for settings that can't be."""
    setup = Setup.of(settings)
    return Workshop(
        store,
        settings,
        setup,
        Glancer(setup.scope),
        Recall(setup.review),
        attest(settings.dkim),
        partial(_fetch, settings=settings),
        partial(_hear, store, settings, signatures(settings.dkim)),
        lambda: datetime.now(UTC),
    )


def _fetch(msgid: str, settings: Settings) -> tuple[bytes, ...]:
    """The mails of a series, its thread and its other revisions, as the archive has them."""
    thread = fetch(msgid, SourceOptions(older=True, archive=settings.archive))
    if thread.notes:
        raise ArchiveError(thread.notes[0].message)
    return thread.mails


def _hear(
    store: Watched, settings: Settings, look: Attest, mails: Sequence[bytes], now: datetime
) -> tuple[Heard, ...]:
    return obey(store, mails, settings, now, look, partial(maintainers.read, settings.review.tree))


def _lines(stream: BinaryIO) -> SimpleQueue[bytes]:
    """The lines of `stream`; at its end this process ends, also while it works."""
    lines: SimpleQueue[bytes] = SimpleQueue()

    def read() -> None:
        for line in stream:
            lines.put(line)
        os._exit(0)  # the parent is gone; what is not committed is as if it had not been begun

    threading.Thread(target=read, daemon=True).start()
    return lines


def _work(shop: Workshop, number: int, owner: str) -> dict[str, Any]:
    try:
        return shop.work(number, owner)._asdict()
    except UnfitError as err:
        return {"outcome": "failed", "words": str(err), "traceback": format_exc()}
    except BotError as err:
        return {"outcome": "store", "words": str(err)}
    except MemoryError:
        return {
            "outcome": "failed",
            "words": f"needs more memory than {shop.settings.watch.memory}",
        }
    except Exception as err:
        words = f"{type(err).__name__}: {err}; please report it"
        return {"outcome": "failed", "words": words, "traceback": format_exc()}


def _tell(out: Out, answer: dict[str, Any]) -> None:
    answer["memory"] = _most_memory()
    out.line(json.dumps(answer).encode())


def _most_memory() -> int:
    """Bytes that this process has had at most; getrusage(2) takes its parent's for its own."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


if __name__ == "__main__":
    main()
