# SPDX-License-Identifier: GPL-2.0-or-later
"""Ask the archive right before a mail is sent: is it there already, and is its patch still current?

An archive that can't be reached has not said no: `ArchiveError` is for the
caller, who waits.  Nothing is sent from here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from bot.errors import ArchiveError
from bot.model import Mail, Posting
from bot.sources.lineage import UNSURE, line_of, lineages
from bot.sources.mail import parse_mail, read_mail
from bot.sources.options import SourceOptions
from bot.sources.series import assemble

__all__ = ["Seen", "ask", "judge"]


class Seen(NamedTuple):
    """What the archive knows of a reply and of the patch that it answers."""

    there: bool
    """The reply is in the archive."""
    newer: int
    """Revision of the series that has come since; 0 for none."""
    mail: Mail
    """The mail that is answered."""
    posting: Posting | None
    """The series that it belongs to; None where it belongs to none."""
    line: tuple[Posting, ...]
    """That series in all revisions that are known."""
    mails: tuple[bytes, ...]
    """All mails of the answer, raw."""
    postings: tuple[Posting, ...]
    """All series found in them."""


def ask(msgid: str, parent: str, options: SourceOptions) -> Seen:
    """Ask for the thread of `parent` and for newer revisions (bare message-ids).

    Raises `ArchiveError` when the archive has no complete answer.
    """
    from bot.sources.archive import fetch

    thread = fetch(parent, options._replace(newer=True, revision=None))
    for note in thread.notes:
        if note.kind in UNSURE:
            raise ArchiveError(note.message)
    return judge(msgid, parent, thread.mails)


def judge(msgid: str, parent: str, mails: Iterable[bytes]) -> Seen:
    """Read the answer.  Pure.

    Parameters
    ----------
    mails: raw mails of the thread and of newer revisions

    Raises `ArchiveError` when the patch that is answered is not among them.
    """
    mails = tuple(mails)
    read = [read_mail(raw) for raw in mails]
    at = next((at for at, mail in enumerate(read) if mail.msgid == parent), None)
    if at is None:
        raise ArchiveError(f"{parent}: the archive's answer does not hold it; try again later")
    there = any(mail.msgid == msgid for mail in read)
    postings = tuple(assemble(read))
    ours = next((posting for posting in postings if parent in posting.mails), None)
    line = tuple(line_of(parent, lineages(postings)))
    newest = max((one.series.revision for one in line if one.series.patches), default=0)
    newer = newest if ours is not None and newest > ours.series.revision else 0
    return Seen(there, newer, parse_mail(mails[at]), ours, line, mails, postings)
