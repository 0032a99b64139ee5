# SPDX-License-Identifier: GPL-2.0-or-later
"""A rule's sources as links: message-ids become URLs, kernel paths stay as they are."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["links"]


def links(references: Iterable[str], mask: str) -> tuple[str, ...]:
    """Return `references` with each message-id put into `mask` in place of `%s`."""
    return tuple(
        mask.replace("%s", _quoted(reference)) if "@" in reference else reference
        for reference in references
    )


def _quoted(msgid: str) -> str:
    """`msgid` fit for the path of a URL; most need no change and no import."""
    if msgid.replace("@", "").replace(".", "").replace("-", "").replace("_", "").isalnum():
        return msgid
    from urllib.parse import quote

    return quote(msgid, safe="@+=$!*", errors="replace")
