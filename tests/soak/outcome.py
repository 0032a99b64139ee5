# SPDX-License-Identifier: GPL-2.0-or-later
"""What the store holds at the end, and what a backtest says of the same mails."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import create_engine, text

from tests.conftest import ROOT

__all__ = ["Findings", "State", "backtest", "look"]

Findings = dict[str, list[tuple[Any, ...]]]
"""By the message-id of a series: rule, mail, file, line, line's text, fingerprint, message."""


class State(NamedTuple):
    """The store at one moment."""

    cursors: dict[str, str]
    threads: Counter[str]
    replies: Counter[str]
    sent: frozenset[str]
    """Message-ids."""
    reviews: Findings
    fates: Counter[str]

    @property
    def busy(self) -> bool:
        """Whether something is still to be done."""
        unsent = self.replies["approved"] + self.replies["sending"]
        return bool(self.threads["due"] + self.threads["working"] + unsent)


def look(url: str) -> State:
    """Read the store, past the bot."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:

            def rows(query: str) -> list[Any]:
                return list(connection.execute(text(query)))

            reviewed = rows(
                "SELECT review.msgid, findings FROM review JOIN series ON series.msgid = review.msgid"
                " WHERE fate IN ('reviewed', 'incomplete')"
            )
            return State(
                {row[0]: row[1] for row in rows("SELECT name, cursor FROM inbox")},
                Counter(row[0] for row in rows("SELECT state FROM thread")),
                Counter(row[0] for row in rows("SELECT state FROM reply")),
                frozenset(row[0] for row in rows("SELECT msgid FROM reply WHERE state = 'sent'")),
                {msgid: _from_store(found) for msgid, found in reviewed},
                Counter(row[0] for row in rows("SELECT fate FROM series")),
            )
    finally:
        engine.dispose()


def backtest(archive: Path) -> tuple[Findings, int]:
    """What `revokebot backtest` finds in an inbox, and how many series are in the rules' scope."""
    command = [sys.executable, "-m", "bot", "backtest", str(archive), "--config", ""]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = {}
    for line in done.stdout.splitlines():
        review = json.loads(line)
        found[review["series"]["msgid"]] = sorted(
            _key(one, one["patch"]["msgid"]) for one in review["findings"]
        )
    scope = next(line for line in done.stderr.splitlines() if "of them in scope" in line)
    return found, int(scope.split(", ")[2].split()[0])


def _from_store(found: Any) -> list[tuple[Any, ...]]:
    findings = json.loads(found) if isinstance(found, str) else found
    return sorted(_key(one, one["patch"][1]) for one in findings)


def _key(one: dict[str, Any], msgid: str) -> tuple[Any, ...]:
    names = ("rule", "file", "line", "line_text", "fingerprint", "message", "severity")
    return (msgid, *(one[name] for name in names))
