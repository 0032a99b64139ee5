# SPDX-License-Identifier: GPL-2.0-or-later
"""A session with a server that is kept from one look to the next.

It is opened when it is first needed, used by one thread at a time, and opened
anew, once and at once, where the server closed it meanwhile.  After any error
it is thrown away, since nobody knows what the server would say next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from bot.inboxes.wire import Closed, Wire, WireError

__all__ = ["Kept"]

S = TypeVar("S")
T = TypeVar("T")
PATIENCE = 0.2
"""Seconds between two looks at whether one that waits for its turn was closed meanwhile."""


class Kept(Generic[S]):
    """A session of the type `S`, shared by those who use it."""

    def __init__(self, connect: Callable[[], Wire], start: Callable[[Wire], S]) -> None:
        self._connect, self._start = connect, start
        self._turn = threading.Lock()
        self._wire: Wire | None = None
        self._session: S | None = None
        self._user: threading.Event | None = None

    def use(self, do: Callable[[S], T], closed: threading.Event) -> T:
        """Return what `do` returns, which may be called twice.

        Parameters
        ----------
        closed: set once the caller wants no more; the same object at every call of his

        Raises what connecting, `start` or `do` raise, and `WireError` once `closed` is set.
        """
        return self._in_turn(lambda: self._twice(do, closed), closed)

    def use_open(self, do: Callable[[S], T], closed: threading.Event) -> T | None:
        """Return what `do` returns on the session that is open, None where none is."""
        return self._in_turn(lambda: do(self._session) if self._session else None, closed)

    def end(self, closed: threading.Event, last: bool) -> None:
        """Let nobody wait for the server who has set `closed`.

        Parameters
        ----------
        last: nobody else uses the session, so the connection is closed
        """
        wire = self._wire
        if wire is not None and (last or self._user is closed):
            wire.end()
        if last and self._turn.acquire(timeout=1.0):
            # Else its user is still connecting, and hangs up when it comes back.
            self._hang_up()
            self._turn.release()

    def _in_turn(self, act: Callable[[], T], closed: threading.Event) -> T:
        while not self._turn.acquire(timeout=PATIENCE):
            _check(closed)
        self._user = closed
        done = False
        try:
            _check(closed)
            result = act()
            done = True
        finally:
            self._user = None
            if not done or closed.is_set():
                self._hang_up()
            self._turn.release()
        return result

    def _twice(self, do: Callable[[S], T], closed: threading.Event) -> T:
        if self._session is not None:
            try:
                return do(self._session)
            except (Closed, TimeoutError):  # a firewall forgets what is quiet, and tells nobody
                self._hang_up()
        _check(closed)
        self._wire = self._connect()
        _check(closed)  # who set it while there was no wire could end none
        self._session = self._start(self._wire)
        return do(self._session)

    def _hang_up(self) -> None:
        if self._wire is not None:
            self._wire.close()
        self._wire = self._session = None


def _check(closed: threading.Event) -> None:
    if closed.is_set():
        raise WireError("the inbox was closed; open it again")
