# SPDX-License-Identifier: GPL-2.0-or-later
"""Every BAD example of every rule, as the reply that its template makes of it."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator

import pytest
from _pytest.mark import ParameterSet

from bot.model import Posting
from bot.render.mail import Reply, replies
from bot.review import review
from checks import load_rules
from checks.api import Bad, Confidence, Rule
from checks.examples import series_of
from tests.render.reviews import MASK, NOW, SETTINGS, mail_of

WIDTH = 72


def examples() -> Iterator[ParameterSet]:
    for rule in load_rules():
        for number, bad in enumerate(rule.bad, 1):
            if not bad.todo:
                yield pytest.param(rule, bad, id=f"{rule.id}-{number}")


def written(rule: Rule, bad: Bad) -> tuple[Reply, ...]:
    series = series_of(bad)
    patches = tuple(
        patch._replace(msgid=patch.msgid.replace("@localhost", "@example.org"))
        for patch in series.patches
    )
    series = series._replace(msgid=patches[0].msgid, patches=patches)
    mails = {patch.msgid: mail_of(patch, references=(), in_reply_to="") for patch in patches}
    done = review(Posting(series, mails), (rule,), edition=bad.edition)
    mailed = [found for found in done.findings if found.confidence is not Confidence.LOW]
    made, refused = replies(done, SETTINGS, MASK, NOW)
    assert refused == ()
    assert bool(made) == bool(mailed)
    return made


def body_of(reply: Reply) -> str:
    content = email.message_from_bytes(reply.raw, policy=email.policy.default).get_content()
    assert isinstance(content, str)
    return content


def own_text(body: str) -> Iterator[str]:
    """The lines that are neither quotation, diff, link nor footer."""
    text = body.partition("\n-- \n")[0]
    for line in text.split("\n")[1:]:
        if not line.startswith((">", "+", "-", "@@", " ", "diff ", "index ", "See http", "\t")):
            yield line


@pytest.mark.parametrize(("rule", "bad"), list(examples()))
def test_every_example_becomes_a_reply_that_a_person_could_sign(rule: Rule, bad: Bad) -> None:
    for reply in written(rule, bad):
        body = body_of(reply)
        own = list(own_text(body))
        assert any(own), "it says nothing"
        # A single long name can't be wrapped.
        assert [line for line in own if len(line) > WIDTH and " " in line] == []
        assert not re.search(r"\{\{|\{%|\bNone\b|<[a-z_]+ object", "\n".join(own))
        if any(found.confidence is Confidence.MEDIUM for found in reply.findings):
            assert "?" in "\n".join(own), "a rule that is not sure has to ask"
        footer = body.partition("\n-- \n")[2].rstrip("\n").split("\n")
        assert len(footer) <= 4
        assert all(
            found.rule in footer[-1] or found.rule in "".join(footer) for found in reply.findings
        )
