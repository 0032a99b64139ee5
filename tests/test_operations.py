# SPDX-License-Identifier: GPL-2.0-or-later
"""What docs/operations.md tells an operator to run, set, alert on and look for exists."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from bot.cli import COMMANDS
from bot.config import SECTIONS
from bot.overview import Overview, Polled
from bot.watch.metrics import Metrics
from tests.store.outbox import NOW

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
SEEN = Overview(
    inboxes=(Polled("x", NOW, NOW, 0, "", 1),),
    threads={"parked": 1},
    replies={"failed": 1},
    muted={"x": "y"},
)


def named(pattern: str) -> set[str]:
    found = set(re.findall(pattern, TEXT))
    assert found, pattern
    return found


def code() -> str:
    """What is written to be typed."""
    spans = re.findall(r"`([^`\n]+)`", TEXT)
    return "\n".join([*spans, *re.findall(r"(?m)^    (.+)$", TEXT)])


def usage(*words: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "bot", *words, "--help"], cwd=ROOT, capture_output=True, text=True,
        check=True,
    ).stdout  # fmt: skip


def test_commands_and_flags_exist() -> None:
    names = set(re.findall(r"\brevokebot (?!revokebot)([a-z]+)", code()))
    assert {"watch", "status", "doctor", "queue", "rules", "store"} <= names <= COMMANDS.keys()
    shown = {name: usage(name) for name in names}
    for name, flag in re.findall(r"\brevokebot ([a-z]+) (--[a-z-]+)", code()):
        assert flag in shown[name], f"revokebot {name} {flag}"
    assert "--only-send" in shown["watch"]
    assert "backup" in shown["store"]


def test_settings_exist() -> None:
    for whole in named(r"`((?:watch|policy|archive|store)\.[a-z_]+)\b"):
        section, _, key = whole.partition(".")
        assert key in SECTIONS[section]._fields, f"{section}.{key}"


def test_metrics_exist() -> None:
    metrics = Metrics(lambda _: SEEN, lambda: NOW)
    metrics.trouble("store")
    told = metrics.text().decode()
    for name, label in re.findall(r"`[^`]*?(revokebot_[a-z_]+)(?:\{(\w+=\"\w+\")\})?", TEXT):
        assert re.search(rf"(?m)^{name}(\{{.*{label}.*\}})? ", told), name


def test_every_kind_of_trouble_is_told() -> None:
    listed = set(re.findall(r"(?m)^\| `([a-z]+)` \|", TEXT))
    source = "".join(path.read_text() for path in (ROOT / "bot").rglob("*.py"))
    logged = set(re.findall(r'log\.trouble\(\s*"([a-z]+)"', source)) | {"failed", "parked"}
    assert listed == logged


def test_links_and_files_are_there() -> None:
    for link in named(r"\]\(([^):]+)\)"):
        assert (ROOT / "docs" / link).exists(), link
    for unit in named(r"revokebot-[a-z-]+\.(?:service|timer)"):
        assert (ROOT / "contrib/systemd" / unit).exists(), unit
