# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/ci.md names every setting with its default, and only actions, flags and files that exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from bot.commands.ci import ACTIONS
from bot.config import SECTIONS
from bot.settings import CiSettings

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/ci.md").read_text(encoding="utf-8")
SETTING = re.compile(r"^\| `([a-z_]+)` \| (.+?) \| .+ \|$", re.MULTILINE)
TITLES = {
    "GitHub": "github",
    "GitLab": "gitlab",
    "Forgejo and Gitea": "forgejo",
    "Patchwork": "patchwork",
}


def test_every_setting_stands_there_with_its_default() -> None:
    table = TEXT.partition("## The settings")[2].partition("\n## ")[0]
    told = {key: value.strip("`") for key, value in SETTING.findall(table)}
    assert tuple(told) == CiSettings._fields
    for key, value in CiSettings()._asdict().items():
        default = "none" if value in (None, "") else str(value).removesuffix(".0")
        assert told[key] == default, key


def test_settings_named_in_the_text_exist() -> None:
    named = set(re.findall(r"`(ci|policy|reply|review)\.([a-z_]+)`", TEXT))
    assert named
    for section, key in named:
        assert key in SECTIONS[section]._fields, f"{section}.{key}"


def test_each_action_has_its_section() -> None:
    titles = {TITLES.get(title) for title in re.findall(r"(?m)^## (.+)$", TEXT)}
    assert titles >= ACTIONS.keys()


def test_flags_exist() -> None:
    usage = subprocess.run(
        [sys.executable, "-m", "bot", "ci", "github", "--help"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    flags = set(re.findall(r"`(--[a-z-]+)|ci github (--[a-z-]+)", TEXT.partition("## GitHub")[0]))
    assert flags
    assert {flag for pair in flags for flag in pair if flag not in usage} == set()


def test_links_lead_somewhere() -> None:
    links = set(re.findall(r"\]\(([^):]+)\)", TEXT))
    assert links
    for link in links:
        assert (ROOT / "docs" / link.partition("#")[0]).exists(), link
