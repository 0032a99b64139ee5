# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether the domain of a mail's author signed it (DKIM), in a few words for the operator.

    none                                          it has no signature
    none for example.org                          it has none of the author's domain
    none for example.org; lists.example.net passes
    pass (example.org)
    pass (example.org, not the author's example.com)      somebody sent it for the author
    fail (example.org: body hash)
    unknown (example.org: DNS timed out)

A signature counts for a domain and what is below it.  What servers wrote into
the mail about it (`Authentication-Results`) is not looked at: anybody can write
that.  dkimpy and the name servers are asked in a child process with limits on
time and memory; whatever comes of it is a verdict, never an error.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from bot.child import child, last_words, start, take
from bot.errors import UsageError
from bot.model import Mail
from bot.settings import DkimSettings
from bot.sources.header import split_head
from bot.sources.mail import MAIL_CAP
from checks.source.pattern import pattern

__all__ = ["DOMAIN", "Attest", "attest", "passed", "unanswered"]

Attest = Callable[[bytes, Mail], str]
"""From a raw mail, and what was read from it, to the verdict."""

Server = tuple[str, int]
"""Address and port of a name server."""

GRACE = 6.0
"""Seconds that the child has beside those of the name servers; it may compute for five."""
LONGEST = 60.0
"""Seconds; a longer dkim.deadline is the same."""

DOMAIN = pattern(r"(?:[a-z0-9_-]{1,63}\.){1,20}[a-z0-9-]{1,63}")
"""Shape of a domain; one that is a single word (`com`) signs for nobody."""

_START = start("bot.attest.dkim_child")


def attest(settings: DkimSettings, covered: Sequence[str] = ()) -> Attest:
    """What looks at signatures as `settings` say.

    Parameters
    ----------
    covered: names of fields that a signature has to cover beside From:, lower case; those
        that it doesn't cover could be others when the mail is sent once more

    Raises UsageError where dkim.resolvers holds what is no address.
    """
    servers = tuple(map(_server, settings.resolvers))
    deadline = min(settings.deadline, LONGEST)
    return partial(_verdict, servers=servers, deadline=deadline, covered=covered)


def passed(verdict: str) -> bool:
    """Whether the domain in From: signed the mail, by what was said of it."""
    return verdict.startswith("pass (")


def unanswered(verdict: str) -> bool:
    """Whether no name server said anything, so that asking again can help."""
    return verdict.startswith("unknown (") and ": DNS " in verdict


def _server(text: str) -> Server:
    try:
        if ":" in text and "[" not in text and text.count(":") > 1:
            return str(ip_address(text)), 53
        parts = urlsplit(f"//{text}")
        return str(ip_address(parts.hostname or "")), parts.port or 53
    except ValueError as error:
        raise UsageError(
            f"dkim.resolvers: {text!r} is no name server; give its address, as 192.0.2.1,"
            " 192.0.2.1:5353 or [2001:db8::1]:5353"
        ) from error


def _verdict(
    raw: bytes,
    mail: Mail,
    servers: tuple[Server, ...],
    deadline: float,
    covered: Sequence[str] = (),
) -> str:
    """The verdict on one mail."""
    head, body = split_head(raw)
    if b"\ndkim-signature" not in head.lower():
        return "none"
    if len(raw) > MAIL_CAP:
        return f"unknown (the mail is over {MAIL_CAP >> 20} MiB)"
    sender = _domain(mail.sender.email)
    if not sender:
        return "unknown (From: names no domain)"
    request = {
        "domain": sender,
        "covered": covered,
        "servers": servers,
        "deadline": deadline,
        "wall": deadline + GRACE,
    }
    # Without the line that an mbox puts before a mail.
    facts = _ask(json.dumps(request).encode() + b"\n" + head[1:] + b"\n\n" + body, deadline + GRACE)
    return _told(sender, _domain(mail.author.email) or sender, facts)


def _domain(email: str) -> str:
    """The domain of an address as DNS has it, lower case; empty where there is none."""
    domain = email.rpartition("@")[2].strip().rstrip(".").lower()[:253]
    try:
        domain = domain if domain.isascii() else domain.encode("idna").decode()
    except UnicodeError:
        return ""
    return domain if DOMAIN.fullmatch(domain) else ""


def _ask(request: bytes, wall: float) -> dict[str, Any]:
    """What the child found out within `wall` seconds, or why nothing can be said."""
    try:
        return _asked(request, wall)
    except OSError as error:
        return {"unread": f"the process for it does not start: {error.strerror}"}


def _asked(request: bytes, wall: float) -> dict[str, Any]:
    with (
        TemporaryDirectory(prefix="revokebot-") as home,
        child(_START, home, {"PATH": "/usr/bin:/bin", "HOME": home}) as process,
    ):
        try:
            answer, _ = process.communicate(request, timeout=wall)
        except subprocess.TimeoutExpired:
            return {"unread": "it takes too long"}
        if process.returncode == 0:
            ((_kind, facts),) = take(bytearray(answer), b"J")
            found: dict[str, Any] = json.loads(facts)
            return found
        if process.returncode < 0:  # by the limit on its processor time
            return {"unread": "it takes too long"}
        return {"unread": f"the process for it failed: {last_words(Path(home, 'stderr'))}"}


def _told(sender: str, author: str, facts: dict[str, Any]) -> str:
    """The verdict in words."""
    if "unread" in facts:
        return f"unknown ({facts['unread']})"
    found = facts["found"]
    passing = next((domain for domain, result, _ in found if result == "pass"), "")
    if not facts["aligned"]:
        return f"none for {sender}; {passing} passes" if passing else f"none for {sender}"
    if passing:
        below = f".{author}".endswith(f".{passing}")
        return f"pass ({passing})" if below else f"pass ({passing}, not the author's {author})"
    if facts["more"]:
        return f"unknown ({facts['more']} more signatures of {sender} than are looked at)"
    domain, result, reason = next((one for one in found if one[1] == "unknown"), found[0])
    return f"{result} ({domain}: {reason})"
