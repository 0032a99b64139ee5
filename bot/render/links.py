# SPDX-License-Identifier: GPL-2.0-or-later
"""A rule's sources as links: message-ids become URLs, kernel paths stay as they are."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

__all__ = ["links"]

_SAFE = "@+=$!*"
"""Besides letters, digits and `_.-~`, what may stand in the path of a URL (RFC 3986 3.3)."""


def links(references: Iterable[str], mask: str) -> tuple[str, ...]:
    """Return `references` with each message-id put into `mask` in place of `%s`."""
    return tuple(
        mask.replace("%s", quote(reference, safe=_SAFE, errors="replace"))
        if "@" in reference
        else reference
        for reference in references
    )
