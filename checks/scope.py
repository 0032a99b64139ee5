# SPDX-License-Identifier: GPL-2.0-or-later
"""What the rules can fire on at all, as words: the scan that most mail never gets past.

A rule names words of which one stands in any diff that it can fire on, and
may name more of which one stands in the same file's part of it.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple, Protocol

from checks.api import Rule, Series

__all__ = ["Scope", "in_scope", "scope_of", "wanted"]


class Scope(NamedTuple):
    """The words of one or more rules."""

    words: tuple[str, ...]
    also: tuple[str, ...]


class _Text(Protocol):
    def mentions(self, *words: str) -> bool: ...


@cache
def scope_of(rules: tuple[Rule, ...]) -> tuple[Scope, ...]:
    """The scopes of `rules`, each once, without words that hold another word of theirs."""
    scopes = {Scope(_shortest(rule.meta.words), rule.meta.also) for rule in rules}
    return tuple(sorted(scopes))


def _shortest(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(w for w in words if not any(o != w and o in w for o in words))


def wanted(text: _Text, scopes: tuple[Scope, ...]) -> bool:
    """Whether some rule can fire on a patch or file."""
    return any(
        text.mentions(*scope.words) and (not scope.also or text.mentions(*scope.also))
        for scope in scopes
    )


def in_scope(series: Series, scopes: tuple[Scope, ...]) -> bool:
    """Whether some rule can fire on `series`: a scan for words, no parsing."""
    return any(wanted(patch, scopes) for patch in series.patches)
