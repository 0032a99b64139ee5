# SPDX-License-Identifier: GPL-2.0-or-later
"""The name under which a process takes what others may take, and whether one is dead.

    HOST/PROCESSES:PID:RANDOM

Processes are told apart by their PID only where they can see one another:
two containers may have one host name, but not one PID namespace
(pid_namespaces(7)).  Of an owner elsewhere nothing is known but its lease.
"""

from __future__ import annotations

import os
import socket

__all__ = ["is_dead", "new_owner"]


def new_owner() -> str:
    """A name that no other process has, nor this one a second time."""
    return f"{_here()}:{os.getpid()}:{os.urandom(4).hex()}"


def is_dead(owner: str) -> bool:
    """Whether the process `owner` would be seen from here, and is not there any more."""
    place, _, rest = owner.partition(":")
    pid = rest.partition(":")[0]
    if place != _here() or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        return False
    return False


def _here() -> str:
    try:
        processes = os.stat("/proc/self/ns/pid").st_ino
    except OSError:  # no /proc
        processes = 0
    return f"{socket.gethostname()}/{processes}"
