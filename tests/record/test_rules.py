# SPDX-License-Identifier: GPL-2.0-or-later
"""`revokebot rules` shows what people made of the findings of each rule, where there is an outbox."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.cli import main
from tests.record.desk import RULE, Desk

WHY = f"rule {RULE} is muted: 0 of 5 addressed"
RECORD = "6 told, 0 addressed, 5 dismissed, 1 open"


@pytest.fixture
def muted(desk: Desk, store_url: str, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk, whose outbox is that of the commands, with a rule that was dismissed five times."""
    monkeypatch.setenv("REVOKEBOT_STORE_URL", store_url)
    desk.now = datetime.now(UTC)
    for draft in [desk.told(name) for name in ("a", "b", "c", "d", "e", "f")][:5]:
        desk.dismiss(draft)
    return desk


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(["rules", *words]) == 0
    return capsys.readouterr().out


def test_the_record_stands_beside_the_rule(muted: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys).splitlines()
    (line,) = (line for line in lines if line.startswith(f"  {RULE} "))
    assert line.endswith(f"  ({RECORD}, muted)")
    assert sum(" told, " in line for line in lines) == 1
    one = shown(capsys, RULE)
    assert f"\nrecord     {RECORD}, muted\nmuted      {WHY}\n" in one
    assert "record  " not in shown(capsys, "direct-op")


def test_the_status_says_what_is_muted(muted: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    main(["status"])
    assert WHY in capsys.readouterr().out


def test_so_it_does_for_programs(muted: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    rules = {rule["id"]: rule for rule in json.loads(shown(capsys, "--format", "json"))}
    assert rules[RULE]["record"] == {"told": 6, "addressed": 0, "dismissed": 5, "open": 1}
    assert rules[RULE]["muted"] == WHY
    assert rules["direct-op"]["record"]["told"] == 0
    assert rules["direct-op"]["muted"] is None


def test_what_is_muted_by_hand_is_told_without_an_outbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REVOKEBOT_STORE_URL", f"sqlite:///{tmp_path}/none.db")
    monkeypatch.setenv("REVOKEBOT_POLICY_MUTED", RULE)
    assert f"muted      rule {RULE} is muted (policy.muted)" in shown(capsys, RULE)
    (rule,) = json.loads(shown(capsys, RULE, "--format", "json"))
    assert rule["record"] is None
    assert not (tmp_path / "none.db").exists()


def test_an_outbox_that_can_not_be_read_hides_no_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "outbox.db").write_text("no database\n" * 99)
    monkeypatch.setenv("REVOKEBOT_STORE_URL", f"sqlite:///{tmp_path}/outbox.db")
    assert main(["rules"]) == 0
    out, err = capsys.readouterr()
    assert f"\n  {RULE} " in out
    assert err.startswith("revokebot: no records are shown: ")
    assert err.count("\n") == 1


def test_where_there_is_none_no_database_is_loaded() -> None:
    script = (
        "import sys\nfrom bot.cli import main\nmain(['rules'])\n"
        "print('sqlalchemy' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert (RULE in done.stdout, done.stderr) == (True, "False\n")
