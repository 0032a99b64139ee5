# SPDX-License-Identifier: GPL-2.0-or-later
"""A thread that listens on loopback and serves one client after the other, until the test is over."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self

__all__ = ["Listener"]


class Listener:
    """A socket on 127.0.0.1; what is done with a client is the subclass's."""

    def __init__(self) -> None:
        self._end = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        # Wakes accept().
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join(10)
        self._socket.close()

    def _serve(self) -> None:
        while not self._end.is_set():
            peer, _address = self._socket.accept()
            with peer, suppress(OSError):
                self._client(peer)

    def _client(self, peer: socket.socket) -> None:
        """Serve one client; its going away is no error."""
        raise NotImplementedError
