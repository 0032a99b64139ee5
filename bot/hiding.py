# SPDX-License-Identifier: GPL-2.0-or-later
"""Keeps passwords out of what is shown: which ones the settings lead to, and those in a URL.

Nothing of ours writes one; but a server can repeat what it was sent.
"""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote, unquote

from bot.config import Settings, walk

__all__ = ["secrets_of", "without", "without_logins"]

SHORTEST = 4
"""Characters of a secret that is looked for: a shorter one stands in ordinary words."""

LOGIN = re.compile(r"(:/+[^\s:/@\[]*:)(?!\d{1,5}/)(\S*)@")
"""A password in a URL is what stands between the first colon and the last @; a port is none."""
DATABASE = re.compile(r"(postgres\w*(?:\+\w+)?:/+[^\s:/@\[]*:)(\S*)@")
"""As SQLAlchemy reads it: what begins as a port does can be a password, too."""
PARAMETER = re.compile(r"(password\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&]+)")
"""As libpq takes it, in the query of a URL or between words."""
KINDS = (PARAMETER, DATABASE, LOGIN)


def without_logins(text: str) -> str:
    """`text` with `***` for the password in every URL of it, e.g. that of a database."""
    text = PARAMETER.sub(r"\1***", text)
    return LOGIN.sub(r"\1***@", DATABASE.sub(r"\1***@", text))


def without(text: str, secrets: Iterable[str]) -> str:
    """`text` with `***` for each secret, also where it is spelt as in a URL or in base64."""
    known = {secret for secret in secrets if len(secret) >= SHORTEST}
    spelt = known | {quote(word, safe="") for word in known}
    spelt |= {b64encode(word.encode("utf-8", "surrogateescape")).decode() for word in known}
    for word in sorted(spelt, key=len, reverse=True):
        text = text.replace(word, "***")
    return text


def secrets_of(settings: Settings) -> frozenset[str]:
    """The passwords that this process can come to know: from URLs, files and the environment.

    A file that cannot be read holds none; who needs it says so.
    """
    found = {os.environ.get("PGPASSWORD", "")}
    for key, value, _ in walk(settings):
        if key.endswith("password_file") and isinstance(value, Path):
            found.add(_first_line(value))
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str):
                spelt = {hit[2] for kind in KINDS for hit in kind.finditer(text)}
                found |= spelt | {unquote(word) for word in spelt}
    return frozenset(found - {""})


def _first_line(path: Path) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.readline().strip()
    except OSError:
        return ""
