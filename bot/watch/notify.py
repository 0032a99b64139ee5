# SPDX-License-Identifier: GPL-2.0-or-later
"""Tells systemd how the daemon does, by the protocol of sd_notify(3).

Without $NOTIFY_SOCKET nothing is told, and nothing here ever fails: a service
manager that does not listen is no reason to stop.
"""

from __future__ import annotations

import contextlib
import os
import socket

from bot.render.plain import one_line

__all__ = ["alive", "interval", "ready", "stopping"]

PATIENCE = 1.0
"""Seconds that systemd has to take a word, when its queue is full."""


def ready(words: str) -> None:
    """The daemon has started; `words` are for `systemctl status`."""
    _tell(f"READY=1\nSTATUS={one_line(words)}")


def alive() -> None:
    """It has not hung; to be told every `interval()` seconds."""
    _tell("WATCHDOG=1")


def stopping() -> None:
    """It has begun to end."""
    _tell("STOPPING=1")


def interval() -> float | None:
    """Seconds after which `alive` is due: half of what systemd allows; None where it does not ask.

    See sd_watchdog_enabled(3).
    """
    usec = os.environ.get("WATCHDOG_USEC", "")
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(usec) / 2_000_000 if usec.isdecimal() and int(usec) else None


def _tell(words: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    # An @ stands for the zero byte of an abstract socket, which no variable can hold.
    path = "\0" + address[1:] if address.startswith("@") else address
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.settimeout(PATIENCE)
        out.connect(path)
        out.send(words.encode())
