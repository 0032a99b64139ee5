# SPDX-License-Identifier: GPL-2.0-or-later
"""What the store keeps of one revision of a series, for whoever asks by a message-id of it."""

from __future__ import annotations

from typing import NamedTuple

from bot.incoming import Fate, Stage
from bot.model import Review

__all__ = ["Kept"]


class Kept(NamedTuple):
    """One revision of a series, as far as it is known."""

    msgid: str
    """Bare message-id of its cover letter, or first patch; of the mail that was asked about where
    nobody has put the series together yet."""
    mails: tuple[str, ...]
    """Bare message-ids of its mails, the cover letter's too, in no order."""
    stage: Stage | None = None
    """Where its thread is; None where that is not kept."""
    fate: Fate | None = None
    """What became of it at the last look of the watcher; None where there was none."""
    review: Review | None = None
    """The last one; of its posting only what names the series is there, no mail and no patch."""
    silenced: frozenset[str] = frozenset()
    """Fingerprints of findings that are told to nobody: they are dismissed, a later patch mends
    them, or a person discarded the reply that tells them."""
