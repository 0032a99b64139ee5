# SPDX-License-Identifier: GPL-2.0-or-later
"""When to look at an inbox again; pure, so that the clock and the dice are the caller's.

A server that fails is left alone for longer each time, and one that says how
long to wait gets that.  Every pause is cut by chance, so that many inboxes do
not ask one server at the same moment, nor many watchers after its outage.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from bot.delivery.servers import loopback

__all__ = ["pause", "polite"]

LEAST = 60.0
"""Seconds between two looks at somebody else's server, whatever is set."""
CEILING = 3600.0
"""Seconds that failures in a row raise the pause to, and no higher."""
LONGEST = 86_400.0
"""Seconds that a server may ask us to stay away; a wrong date must not mean for ever."""
JITTER = 0.2
"""Share of a pause that chance takes away or, where a server asked for it, adds."""
DOUBLINGS = 20


def polite(name: str, interval: float) -> float:
    """Seconds between two looks at the inbox `name`: `interval`, but a minute on other hosts."""
    host = urlsplit(name).hostname if "://" in name else None
    return interval if host is None or loopback(host) else max(interval, LEAST)


def pause(
    interval: float, chance: float, failures: int = 0, retry_after: float | None = None
) -> float:
    """Seconds until the next look.

    Parameters
    ----------
    interval: seconds between looks when all is well (`polite`); never exceeded then
    chance: a random number from 0 up to 1
    failures: looks in a row that have failed, this one included
    retry_after: seconds that the server asked for (RFC 9110 10.2.3), where it asked
    """
    usual = interval * 2.0 ** min(failures, DOUBLINGS)
    usual = min(usual, max(CEILING, interval)) * (1 - JITTER * chance)
    if failures:
        usual = max(usual, interval)
    asked = min(retry_after or 0.0, LONGEST) * (1 + JITTER * chance)
    return max(usual, asked)
