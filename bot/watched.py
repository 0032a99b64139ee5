# SPDX-License-Identifier: GPL-2.0-or-later
"""The outbox, and before it all that a watcher keeps: inboxes, mails, threads, what became of them.

Each method is one transaction.  How far an inbox has been read is written
along with the mails that it led to, so that a crash neither skips nor repeats
a mail.  Nothing here fetches, reviews, or reads a clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from bot.incoming import Glance, Lease, Taken, Task, Worked
from bot.outbox import polling, working
from bot.outbox.arriving import take
from bot.outbox.database import lock
from bot.outbox.moving import sendable
from bot.store import Store

__all__ = ["Watched"]


class Watched(Store):
    """The database of a watcher, which others may use at the same time."""

    def lease(self, name: str, owner: str, now: datetime, long: timedelta) -> Lease | None:
        """Let `owner` alone read the inbox `name` for a while; None where another one does."""
        with self._writing() as connection:
            lock(connection)
            return polling.lease(connection, name, owner, now, long)

    def take(
        self,
        held: Lease,
        mails: Sequence[tuple[Glance, bytes]],
        cursor: str,
        now: datetime,
        long: timedelta,
    ) -> Taken | None:
        """Keep mails and the cursor behind them; None, and nothing kept, where `held` is lost.

        A mail that is known from another inbox, or from an earlier look, is not taken again.
        """
        with self._writing() as connection:
            lock(connection)
            if not polling.advance(connection, held, cursor, len(mails), now, long):
                return None
            return take(connection, held.name, mails, now)

    def looked(self, held: Lease, now: datetime, due: datetime, error: str = "") -> None:
        """Write down that an inbox was looked at.

        Parameters
        ----------
        due: aware; when the next look is
        error: why it could not be read
        """
        with self._writing() as connection:
            polling.looked(connection, held, now, due, error)

    def let_go(self, owner: str) -> None:
        """Let others read the inboxes of `owner`, which ends."""
        with self._writing() as connection:
            polling.let_go(connection, owner)

    def owners(self) -> set[str]:
        """Those who have claimed something, living or dead."""
        with self._reading() as connection:
            return polling.owners(connection)

    def bury(self, owner: str, now: datetime) -> None:
        """Let others have at once what `owner`, who is dead, has claimed."""
        with self._writing() as connection:
            lock(connection)
            polling.bury(connection, owner, now)

    def note(self, now: datetime, kind: str, place: str, words: str) -> None:
        """Remember that something went wrong, for `revokebot status`."""
        with self._writing() as connection:
            polling.note(connection, now, kind, place, words)

    def claim_thread(self, owner: str, now: datetime, lease: timedelta) -> int | None:
        """Take the thread that has been due for longest; None when none is due."""
        with self._writing() as connection:
            return working.claim(connection, owner, now, lease)

    def load(self, number: int, owner: str, keys: frozenset[str] = frozenset()) -> Task | None:
        """What there is to look at in a thread; None where `owner` has it no more.

        Parameters
        ----------
        keys: what other revisions have in common with its series, where that is new
        """
        with self._reading() as connection:
            return working.load(connection, number, owner, keys)

    def finish(self, task: Task, worked: Worked, now: datetime) -> bool:
        """Keep what came of `task`, all or nothing; False where it is out of date."""
        with self._writing() as connection:
            lock(connection)
            return working.finish(connection, task, worked, now)

    def give_back(
        self,
        number: int,
        owner: str,
        now: datetime,
        until: datetime,
        reason: str,
        *,
        waited: bool = False,
    ) -> None:
        """Let a thread go that nothing came of, and that is not to blame; it is due at `until`.

        Parameters
        ----------
        waited: the archive gave no answer about it; that is counted
        """
        with self._writing() as connection:
            lock(connection)
            working.give_back(connection, number, owner, now, until, reason, waited=waited)

    def failed_thread(
        self, number: int, owner: str, now: datetime, until: datetime, reason: str, most: int
    ) -> bool:
        """Let a thread go that has failed; return whether it is parked, for the `most`th time."""
        with self._writing() as connection:
            lock(connection)
            return working.failed(connection, number, owner, now, until, reason, most)

    def oldest(self, number: int) -> str:
        """Bare message-id of the mail of a thread that came first, to name the thread by."""
        with self._reading() as connection:
            return working.oldest(connection, number)

    def asked(
        self,
        task: Task,
        mails: Sequence[tuple[Glance, bytes]],
        keys: Mapping[str, frozenset[str]],
        now: datetime,
    ) -> None:
        """Keep what the archive told of a thread and of other revisions of its series.

        Parameters
        ----------
        keys: by the message-id of each series in `mails`, what its revisions have in common
        """
        with self._writing() as connection:
            lock(connection)
            take(connection, "archive", mails, now)
            working.asked(connection, task, keys, now)

    def sendable(self, now: datetime) -> bool:
        """Whether a sender would find something to do."""
        with self._reading() as connection:
            return sendable(connection, now)

    def ripe(self, now: datetime) -> bool:
        """Whether `claim_thread` would find something."""
        with self._reading() as connection:
            return working.ripe(connection, now)

    def retry_thread(
        self, msgid: str, now: datetime, *, anew: bool = False, besides: int | None = None
    ) -> bool:
        """Look at the thread of `msgid` again; False where the mail is not known.

        Parameters
        ----------
        anew: review also what has not changed
        besides: a thread that is not looked at again, as the caller does that
        """
        with self._writing() as connection:
            lock(connection)
            return working.retry(connection, msgid, now, anew=anew, besides=besides) > 0

    def let_be(self, msgid: str, now: datetime) -> bool:
        """Give up a parked thread, until a patch comes to it; False for one that is not."""
        with self._writing() as connection:
            lock(connection)
            return working.let_be(connection, msgid, now)
