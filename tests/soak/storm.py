# SPDX-License-Identifier: GPL-2.0-or-later
"""Real list mail arrives in random order while everything that can break breaks.

The watchers are killed, the archive's server is killed, the disk runs full,
the database is locked.  Afterwards the reviews are those of one backtest, each
reply was sent exactly once, and nothing is stuck.
"""

from __future__ import annotations

import json
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.exc import OperationalError, ProgrammingError

from bot.lists import lists_of, named, unknown_lists
from bot.model import Mail
from bot.sources.mail import read_mail
from tests.integration.postoffice import opened
from tests.soak.archive import Archive
from tests.soak.outcome import State, backtest, look
from tests.soak.watchers import Watcher

__all__ = ["SHARED", "Plan", "Report", "fill", "hold_sqlite", "settings", "storm"]

BATCH = 25
"""Mails that arrive at once."""
CALM = 600.0
"""Seconds that all has to come to rest in, once the last mail is there."""
SHARED = (("--no-send",), ("--no-send",), ("--no-send",), ("--only-send",), ("--only-send",))
"""Three watchers and two senders."""
SETTINGS = """
[archive]
url = "{url}"
deadline = 15.0
retries = 0
[watch]
inboxes = ["{url}/"]
interval = 1.0
settle = 4.0
[reply]
address = "bot@example.org"
operator = "Toy <toy@example.org>"
[policy]
post = "send"
lists = {lists}
severity = "note"
confidence = "medium"
embargo_minutes = 0
max_age_days = 36500
per_author = 1000000
per_list = 1000000
per_day = 1000000
[store]
url = "{store}"
[delivery]
deadline = 10.0
lease = 20.0
settle = 3.0
pause = 2.0
attempts = 1000
[dkim]
resolvers = ["127.0.0.1:9"]
deadline = 1.0
"""


@dataclass
class Plan:
    """What is to happen."""

    mails: Sequence[bytes]
    kills: int
    server_kills: int
    seed: int
    locked: Callable[[], None]
    """Locks the database for a while."""
    fill_disk: Callable[[], None] | None = None
    """Fills the disk that the state is on, for a while."""
    flags: Sequence[Sequence[str]] = ((),)
    """For each watcher."""


@dataclass
class Report:
    """What has happened."""

    state: State
    deliveries: dict[str, int]
    """By message-id, how often the mail server was given it."""
    wanted: dict[str, list[tuple[object, ...]]]
    """What the backtest finds."""
    in_scope: int
    kills: int
    seconds: float
    words: list[str] = field(default_factory=list)


def settings(archive: Archive, store: str, mails: Sequence[bytes]) -> str:
    """The configuration, which lets replies go to every list that the mails went to."""
    lists = set()
    for mail in map(read_mail, mails):
        if isinstance(mail, Mail):
            lists |= {*lists_of(mail), *map(named, unknown_lists(mail))}
    return SETTINGS.format(url=archive.url, lists=json.dumps(sorted(lists)), store=store)


def storm(plan: Plan, folder: Path, archive: Archive, store: str, state: Path) -> Report:
    """Let it happen.

    Parameters
    ----------
    folder: for configuration
    store: URL of the database, which the first watcher makes
    state: folder for the homes of the watchers
    """
    begun = time.monotonic()
    chance = random.Random(plan.seed)
    config, git_config = folder / "config.toml", folder / "gitconfig"
    config.write_text(settings(archive, store, plan.mails))
    with opened(archive) as office:  # type: ignore[arg-type]
        office.git_config(git_config)
        watchers = [
            Watcher(state / str(number), config, git_config, *flags)
            for number, flags in enumerate(plan.flags)
        ]
        with _kept_going(watchers) as kill:
            # An inbox is read from the first look on: what came before is not theirs.
            _await(store, lambda state: all(state.cursors.values()) and bool(state.cursors))
            _rage(plan, archive, chance, kill)
            at_rest = _come_to_rest(store, archive)
            statuses = [watcher.stop() for watcher in watchers]
        assert statuses == [0] * len(watchers), statuses
        wanted, in_scope = backtest(archive.folder)
        return Report(
            at_rest,
            dict(office.office.deliveries),
            wanted,
            in_scope,
            sum(watcher.restarts for watcher in watchers),
            time.monotonic() - begun,
        )


@contextmanager
def _kept_going(watchers: Sequence[Watcher]) -> Iterator[Callable[[random.Random], None]]:
    """Start the watchers; yields what kills one of them, which is started again at once.

    Where something fails none of them lives on.
    """

    def kill(chance: random.Random) -> None:
        watcher = chance.choice(watchers)
        watcher.kill()
        watcher.start()

    try:
        for watcher in watchers:
            watcher.start()
            time.sleep(1.0)
        yield kill
        assert {watcher.ended() for watcher in watchers} == {None}
    except BaseException as err:
        for watcher in watchers:
            if watcher.ended() is not None:
                err.add_note(f"a watcher ended by itself: {watcher.log.read_text()[-3000:]}")
            watcher.kill()
        raise


def _rage(
    plan: Plan, archive: Archive, chance: random.Random, kill: Callable[[random.Random], None]
) -> None:
    """Feed all mails in random order, and let happen what is planned at random moments."""
    mails = list(plan.mails)
    chance.shuffle(mails)
    batches = [mails[at : at + BATCH] for at in range(0, len(mails), BATCH)]
    events: list[Callable[[], None]] = [lambda: kill(chance)] * plan.kills
    events += [lambda: _interrupt(archive, chance)] * plan.server_kills
    events += [plan.locked, *([plan.fill_disk] if plan.fill_disk else [])]
    at: dict[int, list[Callable[[], None]]] = {}
    for event in events:
        at.setdefault(chance.randrange(len(batches)), []).append(event)
    for number, batch in enumerate(batches):
        archive.feed(batch)
        running = [threading.Thread(target=event) for event in at.get(number, ())]
        for thread in running:
            time.sleep(chance.uniform(0.05, 1.0))
            thread.start()
            thread.join()


def _interrupt(archive: Archive, chance: random.Random) -> None:
    archive.kill()
    time.sleep(chance.uniform(0.5, 3.0))
    archive.start()


def _come_to_rest(store: str, archive: Archive) -> State:
    still = 0

    def rests(state: State) -> bool:
        nonlocal still
        read = all(archive.head() in cursor for cursor in state.cursors.values())
        still = still + 1 if read and not state.busy else 0
        return still == 3

    return _await(store, rests)


def _await(store: str, wanted: Callable[[State], bool]) -> State:
    """The store when it is as wanted."""
    end = time.monotonic() + CALM
    while time.monotonic() < end:
        with suppress(OperationalError, ProgrammingError):  # it is not made yet, or away
            if wanted(state := look(store)):
                return state
        time.sleep(1.0)
    raise AssertionError(f"not at rest after {CALM:g} s: {look(store)._replace(reviews={})}")


def hold_sqlite(path: Path, seconds: float) -> None:
    """Lock a SQLite database for writing."""
    connection = sqlite3.connect(path, timeout=60, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    time.sleep(seconds)
    connection.execute("ROLLBACK")
    connection.close()


def fill(folder: Path, seconds: float) -> None:
    """Fill the disk that `folder` is on."""
    ballast = folder / "ballast"
    with open(ballast, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 16))
        except OSError:
            pass
    time.sleep(seconds)
    ballast.unlink()
