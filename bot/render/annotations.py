# SPDX-License-Identifier: GPL-2.0-or-later
"""Findings as workflow commands, which a runner of GitHub shows as annotations at the lines.

Everything that could start another command is escaped
(docs.github.com: Workflow commands).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.landing import Spot
from bot.render.plain import escape
from bot.render.text import in_full
from checks.api import Finding, Severity

__all__ = ["render"]

COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def render(found: Iterable[tuple[Finding, Spot]]) -> Iterator[str]:
    """A line for each finding, with its line end, at the place where it is shown."""
    for finding, spot in found:
        yield (
            f"::{COMMANDS[finding.severity]} file={_property(spot.path)},line={spot.line},"
            f"title={_property(finding.rule)}::{_data(in_full(finding))}\n"
        )


def _data(text: str) -> str:
    # A runner that is older also knows `##[command]`, anywhere in a line.
    text = escape(text).replace("##[", "## [")
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
