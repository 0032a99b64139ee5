# SPDX-License-Identifier: GPL-2.0-or-later
"""A fetched thread, for tests that look at its mails only."""

from __future__ import annotations

from bot.sources.archive import fetch
from bot.sources.options import SourceOptions

__all__ = ["mails_of"]


def mails_of(spec: str, options: SourceOptions) -> list[bytes]:
    """The raw mails that `fetch` gives."""
    return list(fetch(spec, options).mails)
