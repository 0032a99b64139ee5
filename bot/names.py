# SPDX-License-Identifier: GPL-2.0-or-later
"""Guess what a misspelt name was meant to be, for error messages; it never corrects anything."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["nearest"]


def nearest(name: str, known: Iterable[str], otherwise: str) -> str:
    """Return `; did you mean 'x'?` for the nearest of `known`, or `; ` and `otherwise`."""
    from difflib import get_close_matches

    found = get_close_matches(name, sorted(known), 1, 0.6)
    return f"; did you mean '{found[0]}'?" if found else f"; {otherwise}"
