# SPDX-License-Identifier: GPL-2.0-or-later
"""The public keys of signatures, asked of name servers within one time limit for all."""

from __future__ import annotations

import time
from collections.abc import Sequence

import dns.exception
import dns.nameserver
import dns.rdatatype
import dns.resolver

__all__ = ["Keys", "Unanswered"]


class Unanswered(Exception):
    """No name server said whether there is such a key; told in a few words."""


class Keys:
    """Where the keys of one mail are looked up.

    Parameters
    ----------
    servers: address and port of each name server; with none, the system's are asked
    end: until when, by the clock of `time.monotonic`
    """

    def __init__(self, servers: Sequence[tuple[str, int]], end: float) -> None:
        self._servers = [dns.nameserver.Do53Nameserver(*server) for server in servers]
        self._end = end

    def record(self, selector: str, domain: str) -> bytes | None:
        """The key's TXT record; None where the domain has no such key.

        Raises Unanswered when nobody could tell in time.
        """
        try:
            resolver = dns.resolver.Resolver(configure=not self._servers)
            if self._servers:
                resolver.nameservers = self._servers
            answer = resolver.resolve(
                f"{selector}._domainkey.{domain}.",
                dns.rdatatype.TXT,
                lifetime=max(self._end - time.monotonic(), 0.01),
                search=False,
            )
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return None
        except dns.exception.Timeout as error:
            raise Unanswered("DNS timed out") from error
        except dns.resolver.NoResolverConfiguration as error:
            raise Unanswered("the system names no name server") from error
        except dns.exception.DNSException as error:
            raise Unanswered("DNS gave no answer") from error
        return b"".join(answer[0].strings)
