# SPDX-License-Identifier: GPL-2.0-or-later
"""Reviews as one Markdown document, which is also the summary of a job."""

from __future__ import annotations

from collections.abc import Sequence

from bot.config import Settings
from bot.model import Review
from bot.render import markdown
from bot.told import told

__all__ = ["render"]


def render(reviews: Sequence[Review], settings: Settings) -> str:
    """All that is told of `reviews`."""
    blocks = []
    for review in reviews:
        blocks.append(f"### {markdown.text(review.posting.series.subject)}")
        blocks += [
            f"- {markdown.code(f'{one.file}:{one.line}')} {markdown.text(one.message)}"
            for one in told(review)
        ]
    return "\n\n".join(blocks) + "\n"
