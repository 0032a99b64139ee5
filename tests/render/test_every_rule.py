# SPDX-License-Identifier: GPL-2.0-or-later
"""Every BAD example of every rule, as the reply that its template makes of it."""

from __future__ import annotations

import re

import pytest

from checks.api import Confidence
from tests.render.examples import Example, examples
from tests.render.reading import footer_of, own_text, text_of

WIDTH = 72


@pytest.mark.parametrize("example", [pytest.param(one, id=one.name) for one in examples()])
def test_every_example_becomes_a_reply_that_a_person_could_sign(example: Example) -> None:
    for reply in example.replies():
        body = text_of(reply)
        own = own_text(body)
        assert any(own), "it says nothing"
        # A single long name can't be wrapped.
        assert [line for line in own if len(line) > WIDTH and " " in line] == []
        assert not re.search(r"\{\{|\{%|\bNone\b|<[a-z_]+ object", "\n".join(own))
        if any(found.confidence is Confidence.MEDIUM for found in reply.findings):
            assert "?" in "\n".join(own), "a rule that is not sure has to ask"
        footer = footer_of(body)
        assert len(footer) <= 4
        assert all(found.rule in "".join(footer) for found in reply.findings)
