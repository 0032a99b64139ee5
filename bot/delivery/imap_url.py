# SPDX-License-Identifier: GPL-2.0-or-later
"""Where an IMAP folder is: a URL as RFC 5092 has it, and the folder's name as IMAP spells it.

Takes no URL with a password in it: URLs are shown, logged and mailed around.
"""

from __future__ import annotations

import base64
import re
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from bot.errors import UsageError

__all__ = ["Place", "from_utf7", "place_of", "quoted", "utf7"]

PORTS = {"imaps": 993, "imap": 143}


class Place(NamedTuple):
    """A folder of somebody's on a server."""

    scheme: str
    """`imaps` for TLS from the first byte, `imap` for STARTTLS."""
    host: str
    port: int
    user: str
    folder: str
    """With the server's own separator, e.g. `INBOX.Drafts`."""

    @property
    def server(self) -> str:
        """Host, and the port where it is not the usual one."""
        return self.host if self.port == PORTS[self.scheme] else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        user = quote(self.user, safe="@")
        return f"{self.scheme}://{user}@{self.server}/{self.folder}"


def place_of(url: str, key: str = "delivery.imap_url") -> Place:
    """Read the URL of a folder.

    Parameters
    ----------
    key: the setting that has it

    Raises `UsageError` when it is none that can work; the words repeat nothing of a password.
    """
    section = key.partition(".")[0]
    example = "give imaps://USER@HOST/FOLDER"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{key}: not a URL ({error}); {example}") from error
    if parts.password is not None:
        raise UsageError(
            f"{key}: no password may stand in it; take it out, and set "
            f"{section}.password_file or store it with `git credential approve`"
        )
    if parts.scheme not in PORTS:
        raise UsageError(f"{key}: must start with imaps:// or imap://; {example}")
    user, folder = unquote(parts.username or ""), unquote(parts.path[1:])
    if not (parts.hostname and user and folder):
        raise UsageError(f"{key}: user, host or folder is missing; {example}")
    if parts.query or parts.fragment:
        raise UsageError(f"{key}: write ? as %3F and # as %23 in it")
    if not (user + folder + parts.hostname).isprintable():
        raise UsageError(f"{key}: has control characters; {example}")
    return Place(parts.scheme, parts.hostname, port or PORTS[parts.scheme], user, folder)


def quoted(text: str) -> str:
    """`text` as a quoted string of IMAP (RFC 3501 9)."""
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def utf7(name: str) -> str:
    """A folder's name in modified UTF-7 (RFC 3501 5.1.3)."""

    def shifted(found: re.Match[str]) -> str:
        code = base64.b64encode(found[0].encode("utf-16-be")).decode().rstrip("=")
        return f"&{code.replace('/', ',')}-"

    return re.sub(r"[^ -~]+", shifted, name.replace("&", "&-"))


def from_utf7(name: str) -> str:
    """The opposite of `utf7`; what is not well spelt is left as it is."""

    def plain(found: re.Match[str]) -> str:
        code = found[1].replace(",", "/")
        try:
            return base64.b64decode(code + "=" * (-len(code) % 4)).decode("utf-16-be") or "&"
        except ValueError:
            return found[0]

    return re.sub(r"&([A-Za-z0-9+,]*)-", plain, name)
