# SPDX-License-Identifier: GPL-2.0-or-later
"""Read a message-id, or the URL of a mail in a public-inbox archive, as a person types it.

Pure parsing: nothing is fetched, no redirect is followed, no configuration
is read or changed.  It refuses URLs that carry credentials and schemes that
are not http(s).
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from bot.errors import UsageError
from checks.source.pattern import pattern

__all__ = ["Target", "checked", "is_target", "parse_target"]

MAX_MSGID = 998
"""Bytes; RFC 5322 2.1.1 allows no longer line."""

_PREFIX = pattern(r"(?:id|mid|msgid|message-id):\s*", re.IGNORECASE)
_SCHEME = pattern(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_PLAIN = pattern(r"[^\s<>@{}]+@[^\s<>@{}~^]+")
_VIEWS = frozenset({"raw", "t.mbox.gz", "t", "T", "t.atom", "d", "s"})
"""What public-inbox serves below a message-id."""
_REDIRECTORS = frozenset({"patch.msgid.link", "msgid.link", "lkml.kernel.org"})
"""Hosts whose links name a message, but no inbox to take it from."""


class Target(NamedTuple):
    """One mail of one archive."""

    msgid: str
    """Bare message-id, unquoted."""
    base_url: str | None = None
    """Base URL of the inbox that the user named, without trailing slash; None for the default."""


def is_target(spec: str) -> bool:
    """Whether `spec` is meant as a message-id or URL, rather than as a file or a git range.

    An `@` alone is not enough: `main@{1}..HEAD` is a range, and so is
    anything else with `..`; what has a `/` is a file.  Brackets or a prefix mark a
    message-id that looks like either.
    """
    spec = spec.strip()
    if _SCHEME.match(spec) or _PREFIX.match(spec):
        return True
    if spec.startswith("<") and spec.endswith(">"):
        return True
    text = unquote(spec)
    return "/" not in spec and ".." not in text and _PLAIN.fullmatch(text) is not None


def parse_target(spec: str) -> Target:
    """Return the mail that `spec` names.

    Takes `a@b`, `<a@b>`, `id:a@b`, their URL-quoted forms, and the URLs of
    public-inbox (`https://HOST/INBOX/MSGID/`, with `raw`, `t.mbox.gz`, `T/#u`
    and the like behind) and its redirectors (`https://lore.kernel.org/r/MSGID`).

    Raises:
        UsageError: `spec` names no message, or an URL that we do not follow.
    """
    spec = spec.strip()
    scheme = _SCHEME.match(spec)
    if scheme is None:
        return Target(checked(_unwrap(spec), spec))
    if scheme[1].lower() not in ("http", "https"):
        raise UsageError(
            f"{_shown(spec)}: only http and https URLs are followed; give one of those"
        )
    return _from_url(spec)


def _from_url(spec: str) -> Target:
    try:
        url = urlsplit(spec)
        host, _port = url.hostname, url.port
    except ValueError as error:
        raise UsageError(f"{_shown(spec)}: not an URL ({error}); give a message-id") from error
    if "@" in url.netloc:
        raise UsageError(
            f"https://...@{host}: URLs with a user name or password are refused; remove that part"
        )
    if not host:
        raise UsageError(f"{_shown(spec)}: URL without a host; give https://HOST/INBOX/MSGID/")
    parts = [part for part in url.path.split("/") if part]
    at = _position(parts)
    if at is None:
        raise UsageError(
            f"{_shown(spec)}: no message-id in this URL; give the link of one mail,"
            " https://HOST/INBOX/MSGID/"
        )
    msgid = checked(_unwrap(parts[at]), spec)
    if host in _REDIRECTORS or parts[:at] == ["r"]:
        return Target(msgid)
    return Target(msgid, "/".join([f"{url.scheme.lower()}://{url.netloc}", *parts[:at]]))


def _position(parts: list[str]) -> int | None:
    """Index of the path segment that is the message-id, or None."""
    for index, part in enumerate(parts):
        if "@" in unquote(part):
            return index
    if len(parts) > 2 and parts[-1] in _VIEWS:
        return len(parts) - 2
    if len(parts) == 2 and parts[0] == "r":
        return 1
    return None


def _unwrap(text: str) -> str:
    """Without prefix, URL quoting and angle brackets."""
    text = _PREFIX.sub("", text, count=1) if _PREFIX.match(text) else text
    text = text.strip()
    if not text.startswith("<"):
        text = unquote(text)
    return text.strip().removeprefix("<").removesuffix(">").strip()


def checked(msgid: str, spec: str) -> str:
    """Return the bare `msgid` that `spec` gave.  Raises `UsageError` where it can be none."""
    if not msgid:
        raise UsageError(f"{_shown(spec)}: no message-id in it; give one like 2025.1-a@example.org")
    if len(msgid.encode("utf-8", "replace")) > MAX_MSGID:
        raise UsageError(f"{_shown(spec)}: longer than a message-id can be ({MAX_MSGID} bytes)")
    if not msgid.isprintable() or any(char.isspace() or char in "<>" for char in msgid):
        raise UsageError(f"{_shown(spec)}: a message-id has no blanks, brackets or controls inside")
    return msgid


def _shown(spec: str) -> str:
    """`spec` fit for a one-line message."""
    text = "".join(char if char.isprintable() else "?" for char in spec)
    return text if len(text) <= 120 else text[:117] + "..."
