# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/orders.md shows orders that are some, all of them, and every setting with its default."""

from __future__ import annotations

import re

from bot.orders.allowed import MAX_AGE, OPERATORS
from bot.orders.parse import _READERS, MOST, parse
from bot.settings import OrdersSettings
from checks import load_rules
from tests.conftest import ROOT

TEXT = (ROOT / "docs/orders.md").read_text(encoding="utf-8")
RULES = frozenset(rule.id for rule in load_rules())
EXAMPLES = {"ADDRESS": "a@example.org", "LIST-ID": "linux-media.vger.kernel.org"}


def shown(text: str) -> list[str]:
    """The orders of the tables; a second one of a row may be without the mark."""
    cells = re.findall(r"^\| (`#revokebot.*?) \|", text, re.MULTILINE)
    lines = [line for cell in cells for line in re.findall(r"`([^`]+)`", cell)]
    return [line if line.startswith("#") else f"#revokebot {line}" for line in lines]


def words(text: str) -> set[str]:
    found = set()
    for line in shown(text):
        for name, example in EXAMPLES.items():
            line = line.replace(name, example)
        (order,) = parse(line, RULES)
        assert not order.wrong, (line, order.wrong)
        found.add(order.word)
    return found


def test_the_orders_that_are_shown_are_all_that_there_are() -> None:
    first, second = TEXT.split("## For the operator")
    assert words(first) == _READERS.keys() - OPERATORS
    assert words(second) == OPERATORS


def test_the_settings_stand_there_with_their_defaults() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| (.+?) \| .+ \|$", TEXT, re.MULTILINE)
    told = {key: value.strip("`") for key, value in rows}
    defaults = OrdersSettings()._asdict()
    assert told == {k: "none" if v == () else str(v).lower() for k, v in defaults.items()}


def test_the_numbers_are_those_of_the_code() -> None:
    assert f"holds for {MAX_AGE.days} days" in TEXT
    assert "one mail may have ten" in TEXT
    assert MOST == 10
