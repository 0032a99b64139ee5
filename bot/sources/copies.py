# SPDX-License-Identifier: GPL-2.0-or-later
"""Which of two copies of a mail to keep, when the second one comes later, by another list.

Pure.  Anybody can send a mail with a Message-ID that is there already, and what
it says would be reviewed and answered.  So the first copy stays, but for what
lists are known to do to it.
"""

from __future__ import annotations

import re

from bot.model import Mail
from bot.sources.mail import Scan
from checks.source.pattern import pattern

__all__ = ["is_truer"]

_OF_A_DIFF = pattern(r"^(?:[+ @]|-(?!-*[ \r]*$)|diff )", re.MULTILINE)
"""A line that no footer has: `-- ` and a rule of dashes apart."""


def is_truer(mail: Mail | Scan, known: Mail | Scan) -> bool:
    """Whether `mail` is to take the place of `known`, which came first, with the same Message-ID.

    It is from the same person and time, and has fewer problems, or all of the text but a footer.
    """
    if isinstance(mail, Scan) or isinstance(known, Scan):
        return False
    if (mail.author.email.lower(), mail.date) != (known.author.email.lower(), known.date):
        return False
    if len(mail.problems) != len(known.problems):
        return len(mail.problems) < len(known.problems)
    text = mail.text.rstrip("\n")
    footer = known.text[len(text) :].strip("\n")
    return known.text.startswith(text) and footer != "" and not _OF_A_DIFF.search(footer)
