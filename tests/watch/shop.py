# SPDX-License-Identifier: GPL-2.0-or-later
"""A watcher's store and workshop in one process, fed by hand; its clock is the test's."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import create_engine, text

from bot.config import Settings
from bot.errors import ArchiveError
from bot.incoming import Lease
from bot.settings import StoreSettings, WatchSettings
from bot.setup import Setup
from bot.watch.glance import Glancer
from bot.watch.recall import Recall
from bot.watch.work import Done, Workshop
from bot.watched import Watched
from tests.sources.mails import AUTHOR, mail

__all__ = ["IN_SCOPE", "LONG", "NOW", "OWNER", "SETTLE", "Shop", "in_scope", "unreachable"]

NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
LONG = timedelta(hours=1)
SETTLE = timedelta(minutes=10)
OWNER = "here:1:one"

IN_SCOPE = """\
diff --git a/drivers/teapot/teapot.c b/drivers/teapot/teapot.c
index 1111111..2222222 100644
--- a/drivers/teapot/teapot.c
+++ b/drivers/teapot/teapot.c
@@ -10,4 +10,9 @@ static int teapot_pour(struct teapot *pot)
 \tif (!pot->lid)
 \t\treturn -EINVAL;
 
+\tdma_resv_lock(pot->dmabuf->resv, NULL);
+\tdma_resv_unlock(pot->dmabuf->resv);
+\tdma_buf_move_notify(pot->dmabuf);
+\tteapot_warm(pot);
+
 \treturn 0;
"""
"""Importers are told without the reservation lock."""


def in_scope(subject: str, msgid: str, parent: str = "", extra: str = "") -> bytes:
    """A patch that a rule has something to say of."""
    body = f"Warm the pot.\n\nSigned-off-by: {AUTHOR}\n---\n\n{IN_SCOPE}-- \n2.52.0\n\n"
    return mail(subject, msgid, parent, body, extra=extra)


def unreachable(msgid: str) -> Sequence[bytes]:
    """An archive that is down."""
    raise ArchiveError("cannot reach archive.example; check archive.url and the network")


class Shop:
    """The store at `url`, and all that works on it; a fixture closes what a test has opened."""

    opened: ClassVar[list[Shop]] = []

    def __init__(
        self, url: str, fetch: Callable[[str], Sequence[bytes]] = lambda msgid: ()
    ) -> None:
        watch = WatchSettings(settle=SETTLE.total_seconds())
        self.settings = Settings(store=StoreSettings(url), watch=watch)
        self.store = Watched.open(self.settings.store)
        self.now = NOW
        setup = Setup.of(self.settings)
        self.glance = Glancer(setup.scope)
        self.shop = Workshop(
            self.store,
            self.settings,
            setup,
            self.glance,
            Recall(setup.review),
            None,
            fetch,
            lambda mails, now: (),
            lambda: self.now,
        )
        self._cursor = 0
        self.opened.append(self)

    def lease(self, name: str = "inbox") -> Lease:
        held = self.store.lease(name, OWNER, self.now, LONG)
        assert held is not None
        return held

    def feed(self, *mails: bytes, name: str = "inbox") -> None:
        """One batch arrives in an inbox."""
        self._cursor += 1
        glanced = [(self.glance(raw), raw) for raw in mails]
        assert self.store.take(self.lease(name), glanced, f"{self._cursor}", self.now, LONG)

    def work(self) -> list[Done]:
        """Look at all that is due."""
        done = []
        while (number := self.store.claim_thread(OWNER, self.now, LONG)) is not None:
            done.append(self.shop.work(number, OWNER))
        return done

    def later(self, wait: timedelta) -> None:
        self.now += wait

    def settle(self) -> list[Done]:
        """Look at all that is due when nothing has come for long."""
        done = self.work()
        self.later(SETTLE)
        return done + self.work()

    def fates(self) -> dict[str, str]:
        """What became of each series, by message-id."""
        return dict(self.rows("SELECT msgid, fate FROM series"))

    def findings(self) -> dict[str, int]:
        """How many findings each review has that is in force."""
        reviewed = self.rows(
            "SELECT review.msgid, findings FROM review JOIN series ON series.msgid = review.msgid"
            " WHERE fate IN ('reviewed', 'incomplete')"
        )
        return {
            msgid: len(json.loads(found) if isinstance(found, str) else found)
            for msgid, found in reviewed
        }

    def rows(self, query: str) -> list[Any]:
        """The rows of a query past the bot."""
        engine = create_engine(self.settings.store.url)
        try:
            with engine.connect() as connection:
                return [tuple(row) for row in connection.execute(text(query))]
        finally:
            engine.dispose()
