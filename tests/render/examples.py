# SPDX-License-Identifier: GPL-2.0-or-later
"""The replies to every BAD example of every rule, as the templates make them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from bot.model import Posting
from bot.render.mail import Reply, replies
from bot.review import review
from checks import load_rules
from checks.api import Bad, Confidence, Rule, Series
from checks.examples import series_of
from tests.render.reviews import MASK, NOW, SETTINGS, mail_of

__all__ = ["Example", "every_reply", "examples"]


class Example(NamedTuple):
    """A BAD example of a rule, as a series whose mails can be answered."""

    name: str
    """Rule and number, such as `resv-lock-1`."""
    rule: Rule
    bad: Bad
    series: Series

    def replies(self) -> tuple[Reply, ...]:
        """What is answered to it."""
        patches = self.series.patches
        mails = {patch.msgid: mail_of(patch, references=(), in_reply_to="") for patch in patches}
        done = review(Posting(self.series, mails), (self.rule,), edition=self.bad.edition)
        mailed = [found for found in done.findings if found.confidence is not Confidence.LOW]
        made, refused = replies(done, SETTINGS, MASK, NOW)
        assert refused == ()
        assert bool(made) == bool(mailed)
        return made


def examples() -> Iterator[Example]:
    for rule in load_rules():
        for number, bad in enumerate(rule.bad, 1):
            if not bad.todo:
                yield Example(f"{rule.id}-{number}", rule, bad, _series(bad))


def _series(bad: Bad) -> Series:
    """The series of `bad`, with message-ids that a mail could have."""
    series = series_of(bad)
    patches = tuple(
        patch._replace(msgid=patch.msgid.replace("@localhost", "@example.org"))
        for patch in series.patches
    )
    return series._replace(msgid=patches[0].msgid, patches=patches)


@cache
def every_reply() -> tuple[tuple[str, Reply], ...]:
    """All replies to all examples, each with the name of its example."""
    return tuple((one.name, reply) for one in examples() for reply in one.replies())
