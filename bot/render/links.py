# SPDX-License-Identifier: GPL-2.0-or-later
"""A rule's sources as links: message-ids become URLs, kernel paths stay as they are."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["links"]

_SAFE = frozenset("@+=$!*-._~")


def links(references: Iterable[str], mask: str) -> tuple[str, ...]:
    """Return `references` with each message-id put into `mask` in place of `%s`."""
    return tuple(
        mask.replace("%s", _quoted(reference)) if "@" in reference else reference
        for reference in references
    )


def _quoted(msgid: str) -> str:
    """`msgid` fit for the path of a URL (RFC 3986 3.3)."""
    return "".join(
        char if char.isascii() and (char.isalnum() or char in _SAFE) else _percent(char)
        for char in msgid
    )


def _percent(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "replace"))
