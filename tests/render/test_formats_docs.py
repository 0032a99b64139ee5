# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/formats.md names every format, and says of severities what the code does."""

from __future__ import annotations

import re

from bot.config import CHOICES
from bot.render import b4, codequality, rdjson, sarif, terse
from bot.settings import ReviewSettings
from checks.api import Severity
from tests.conftest import ROOT

TEXT = (ROOT / "docs/formats.md").read_text(encoding="utf-8")


def table(title: str) -> list[list[str]]:
    """The cells of the first table below `title`, without its head."""
    after = TEXT.partition(f"# {title}\n")[2]
    rows = re.findall(r"^\|(.+)\|$", after.partition("\n#")[0], re.MULTILINE)
    return [[cell.strip() for cell in row.split(" | ")] for row in rows[2:]]


def test_every_format_stands_there_once() -> None:
    named = [name for row in table("Output formats") for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(named) == sorted(CHOICES["review.format"])
    (default,) = (row for row in table("Output formats") if "the default" in row[2])
    assert default[0] == f"`{ReviewSettings().format}`"


def test_severities_are_those_of_the_code() -> None:
    rows = {row[0].strip("`"): row[1:] for row in table("Severities")}
    assert list(rows) == [severity.value for severity in sorted(Severity, key=lambda s: -s.rank)]
    for severity in Severity:
        quality = codequality.SEVERITIES[severity]
        level, reviewdog, junit, told, status, line = rows[severity.value]
        assert level == f"`{sarif.LEVELS[severity]}`"
        assert reviewdog == f"`{rdjson.SEVERITIES[severity]}`"
        assert junit == f"failure of type `{severity.value}`"
        assert told == f"`{quality}`"
        assert status == f"`{b4.STATUSES[severity]}`"
        if severity is not Severity.NOTE:
            assert line == f"`{terse.LABELS[severity].strip(':')}`"


def test_links_lead_somewhere() -> None:
    links = set(re.findall(r"\]\(([^):]+)\)", TEXT))
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
