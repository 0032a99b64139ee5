# SPDX-License-Identifier: GPL-2.0-or-later
"""Series of a list's archive, answered revision by revision as if the bot had been there.

Each revision is answered when its embargo ends, with what people had said by
then; the bot's own replies are rendered and read again with the thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from bot.answer import Answer, Run, answers
from bot.config import Settings
from bot.lists import reached
from bot.model import Posting, Review
from bot.outgoing import Action, Said
from bot.render.mail import Reply
from bot.review import review
from bot.settings import PolicySettings, ReplySettings
from bot.sources.mail import parse_mail, scan
from bot.sources.said import said
from bot.sources.threads import ancestors
from checks import load_rules

__all__ = ["EMBARGO", "OWN", "Archive", "Step", "play", "reviewer"]

OWN = "revokebot@bots.example"
REPLY = ReplySettings(address=OWN, operator="the example team")
EMBARGO = timedelta(minutes=PolicySettings().embargo_minutes)
NEVER = datetime.max.replace(tzinfo=UTC)
LONG_AGO = datetime.min.replace(tzinfo=UTC)


def reviewer() -> Callable[[Posting], Review]:
    """A function that reviews a posting by all rules, once."""
    rules, made = load_rules(), dict[str, Review]()

    def reviewed(posting: Posting) -> Review:
        msgid = posting.series.msgid
        if msgid not in made:
            made[msgid] = review(posting, rules)
        return made[msgid]

    return reviewed


class Archive:
    """The mails of an archive, by the mail that they answer."""

    def __init__(self, raws: Sequence[bytes]) -> None:
        self._mails = [(raw, scan(raw), parse_mail(raw).date or NEVER) for raw in raws]
        self._parents = {head.msgid: head.in_reply_to for _, head, _ in self._mails}

    def threads(self, line: Sequence[Posting]) -> list[tuple[bytes, datetime]]:
        """The mails of the series in `line` and all answers to them, with their dates."""
        known = {msgid for posting in line for msgid in posting.mails}
        return [
            (raw, date)
            for raw, head, date in self._mails
            if head.msgid in known or any(one in known for one in ancestors(head, self._parents))
        ]


class Step(NamedTuple):
    """What the bot would have done about one revision."""

    posting: Posting
    answer: Answer
    heard: tuple[Said, ...]
    """What everybody, the bot included, had said by then."""

    def mails(self) -> list[Reply]:
        """The replies that would have left."""
        return [reply for reply, verdict in self.answer.replies if verdict.action is Action.SEND]


def play(
    archive: Archive,
    line: Sequence[Posting],
    reviewed: Callable[[Posting], Review],
    embargo: timedelta = EMBARGO,
) -> list[Step]:
    """Answer the revisions of `line` that have a date, oldest first, with sending allowed."""
    lists = {name for one in line for mail in one.mails.values() for name in reached(mail)}
    minutes = embargo // timedelta(minutes=1)
    policy = PolicySettings(post="send", lists=tuple(lists), embargo_minutes=minutes)
    settings = Settings(reply=REPLY, policy=policy)
    there = archive.threads(line)
    steps: list[Step] = []
    for posting in sorted(line, key=_age):
        if posting.series.date is None:
            continue
        now = posting.series.date + embargo
        raws = [raw for raw, date in there if date <= now]
        known = [one for one in line if one.series.date and one.series.date <= now]
        (done,) = answers(raws, known, [posting], Run(reviewed, settings, now))
        steps.append(Step(posting, done, said(raws, known, OWN)))
        there += [(reply.raw, now) for reply in steps[-1].mails()]
    return steps


def _age(posting: Posting) -> tuple[datetime, int]:
    return posting.series.date or LONG_AGO, posting.series.revision
