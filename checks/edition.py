# SPDX-License-Identifier: GPL-2.0-or-later
"""Which edition of the contract holds before and after each patch of a series.

Recognised by what tree and series contain, never by a date or a version:
from the tree's include/linux/dma-buf.h where there is one, else from the names
in the series' own lines; then moved forward where a patch changes the contract
itself.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from checks.api import Blobs, Edition, Series
from checks.source.pattern import pattern
from checks.source.vocabulary import HEADER, HELPER, NEW_NOTIFY, OLD_NOTIFY, SENTINEL

__all__ = ["EditionVerdict", "detect"]

_SENTINEL = pattern(rf"\b{SENTINEL}\b")
_HELPER = pattern(rf"\b{HELPER}\b")
_HELPER_DECLARED = pattern(rf"\bbool\s+{HELPER}\s*\(|EXPORT_SYMBOL\w*\({HELPER}\b")
_SENTINEL_DECLARED = pattern(rf"\bvoid\s+{SENTINEL}\s*\(|EXPORT_SYMBOL\w*\({SENTINEL}\b")
_NEW = pattern(r"(?:->|\.|\(\*)\s*invalidate_mappings\b|\bdma_buf_invalidate_mappings\b")
_OLD = pattern(
    r"(?:->|\.|\(\*)\s*move_notify\b|\bdma_buf_move_notify\b|\b(?:CONFIG_)?DMABUF_MOVE_NOTIFY\b"
)
_MANDATORY = pattern(
    r"WARN_ON\(\s*importer_ops\s*&&\s*!importer_ops->(?:move_notify|invalidate_mapping)"
)
_TESTED = pattern(r"!importer_ops->(?:move_notify|invalidate_mapping)")
_NEW_MEMBER = pattern(r"\(\*invalidate_mappings\)\s*\(")


class EditionVerdict(NamedTuple):
    """The edition of the base, of each patch, and how it was recognised."""

    base: Edition
    steps: tuple[tuple[int, Edition], ...]
    """(patch number, edition after it), in order."""
    names: tuple[tuple[int, str], ...]
    """(patch number, notify function's name after it), in order."""
    reason: str
    known: bool
    """Whether there was evidence; otherwise the base is taken to be mainline's."""

    @property
    def last(self) -> Edition:
        """The edition once the whole series is applied."""
        return self.steps[-1][1] if self.steps else self.base

    def after(self, number: int) -> Edition:
        """The edition once patch `number` is applied."""
        return next((e for n, e in reversed(self.steps) if n <= number), self.base)

    def notify(self, number: int) -> str:
        """The notify function's name once patch `number` is applied."""
        return next((name for n, name in reversed(self.names) if n <= number), NEW_NOTIFY)


def detect(
    series: Series, forced: Edition | None = None, blobs: Blobs | None = None
) -> EditionVerdict:
    """Recognise the edition of `series`.

    Parameters
    ----------
    forced: the edition that the user names; then nothing is recognised
    blobs: a git object store, whose HEAD is taken as the base
    """
    header = blobs.file(HEADER) if blobs is not None else None
    if forced is not None:
        base, reason, known = forced, "as given by --edition", True
    elif header is not None:
        base, reason, known = _of_text(header.decode(errors="replace"), f"{HEADER} of the tree")
    else:
        base, reason, known = _of_series(series)
    steps, names = [], []
    edition, name = base, _first_name(series, base)
    for patch in series.patches:
        if forced is None:
            edition = _moved(edition, patch.diff)
        name = _name_after(name, patch.diff)
        steps.append((patch.number, edition))
        names.append((patch.number, name))
    if edition is not base:
        reason += f"; the series moves it to {edition}"
    return EditionVerdict(base, tuple(steps), tuple(names), reason, known)


def _of_text(text: str, where: str) -> tuple[Edition, str, bool]:
    for names, edition, name in (
        (_SENTINEL, Edition.SEED, SENTINEL),
        (_HELPER, Edition.MERGED, HELPER),
        (_NEW, Edition.RENAMED, "invalidate_mappings"),
        (_OLD, Edition.MOVE_NOTIFY, "move_notify"),
    ):
        if names.search(text):
            return edition, f"{where} has {name}", True
    return Edition.MERGED, f"{where} has none of the contract's names; taken as mainline", False


def _of_series(series: Series) -> tuple[Edition, str, bool]:
    """The base by the lines that were there before, else by what new code uses and nobody adds."""
    kept, added = [], set()
    for patch in series.patches:
        kept += [line for line in _lines(patch.diff, " -").split("\n") if line not in added]
        added |= set(_lines(patch.diff, "+").split("\n"))
    edition, reason, known = _of_text("\n".join(kept), "the context of the series")
    if known:
        return edition, reason, True
    used = "\n".join(sorted(added))
    if _NEW_MEMBER.search(used):
        return Edition.MOVE_NOTIFY, "the series adds the callback itself", True
    for name, declared in ((HELPER, _HELPER_DECLARED), (SENTINEL, _SENTINEL_DECLARED)):
        if declared.search(used):
            used = re.sub(rf"\b{name}\b", "", used)
    return _of_text(used, "the code that the series adds")


_NAMED = ("move_notify", "MOVE_NOTIFY", "invalidate_mapping", "revocable")
"""A diff without any of these says nothing of the edition."""


def _lines(diff: str, signs: str) -> str:
    """The hunk lines of `diff` with one of `signs` that have one of the contract's names."""
    if not any(name in diff for name in _NAMED):
        return ""
    return "\n".join(
        line[1:]
        for line in diff.split("\n")
        if line[:1] in signs and any(name in line for name in _NAMED) and line[:4] not in _HEADERS
    )


_HEADERS = ("+++ ", "--- ")


def _moved(edition: Edition, diff: str) -> Edition:
    """The edition after one more patch."""
    if edition is Edition.MERGED:
        return edition  # mainline decided; a sentinel on top of it does not undo that
    added, removed = _lines(diff, "+"), _lines(diff, "-")
    if _SENTINEL.search(added):
        return Edition.SEED
    if edition is not Edition.SEED and _HELPER_DECLARED.search(added):
        return Edition.MERGED
    if edition is Edition.SEED and _SENTINEL_DECLARED.search(removed):
        return Edition.RENAMED
    if edition is Edition.RENAMED and _MANDATORY.search(removed) and not _TESTED.search(added):
        return Edition.MERGED  # the callback is optional from here on: NULL is the signal
    if edition is Edition.MOVE_NOTIFY and _NEW_MEMBER.search(added):
        return Edition.RENAMED
    return edition


def _first_name(series: Series, base: Edition) -> str:
    for patch in series.patches:
        old, new = OLD_NOTIFY in patch.diff, NEW_NOTIFY in patch.diff
        if old or new:
            return OLD_NOTIFY if old else NEW_NOTIFY
    return NEW_NOTIFY if base is Edition.MERGED else OLD_NOTIFY


def _name_after(name: str, diff: str) -> str:
    if NEW_NOTIFY in diff and NEW_NOTIFY in _lines(diff, "+ "):
        return NEW_NOTIFY
    return name
