# SPDX-License-Identifier: GPL-2.0-or-later
"""What a connection to any server needs: TLS that is verified, and words that fit one line."""

from __future__ import annotations

import ipaddress
import os
import ssl

from bot.render.plain import one_line

__all__ = ["broken_tls", "loopback", "shortened", "verified"]

MAX_WORDS = 500
"""Characters kept of what a server or a command said."""


def verified(ca: str | None) -> ssl.SSLContext:
    """TLS that checks name and chain, by the file or folder `ca` or the system's authorities."""
    if ca and os.path.isdir(ca):
        return ssl.create_default_context(capath=ca)
    return ssl.create_default_context(cafile=ca)


def broken_tls(error: Exception) -> bool:
    """Whether the other side can't be trusted; one that merely hangs up may do better later."""
    return isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError)


def loopback(host: str) -> bool:
    """Whether `host` is this machine for certain."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def shortened(text: str) -> str:
    """`text` as one line that ends, whatever a server or command said."""
    return one_line(" ".join(text.split()))[:MAX_WORDS]
