# SPDX-License-Identifier: GPL-2.0-or-later
"""What a connection to any server needs: TLS that is verified, and words that may be shown."""

from __future__ import annotations

import ipaddress
import os
import ssl

from bot.hiding import without
from bot.outgoing import Outcome
from bot.render.plain import one_line

__all__ = ["broken_tls", "discreet", "loopback", "shortened", "verified"]

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


def discreet(outcome: Outcome, user: str, password: str) -> Outcome:
    """`outcome` without the password, which a server may repeat in what it says of a login.

    Looked for as LOGIN, PLAIN (RFC 4616) and XOAUTH2 send it.
    """
    token = f"user={user}\x01auth=Bearer {password}\x01\x01"
    secrets = (password, f"\0{user}\0{password}", token) if password else ()
    refused = {who: without(words, secrets) for who, words in outcome.refused.items()}
    return outcome._replace(words=without(outcome.words, secrets), refused=refused)
