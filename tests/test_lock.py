# SPDX-License-Identifier: GPL-2.0-or-later
"""The lock: it fits pyproject.toml, has a hash for everything, and tells of no machine."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
ENTRY = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?==(?P<version>\S+)")


def requirements() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extra = project["optional-dependencies"]
    texts = project["dependencies"] + [text for group in extra.values() for text in group]
    return [Requirement(text) for text in texts]


def entries() -> list[str]:
    """The lock's entries, each on one line with its hashes."""
    lines = LOCK.replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def locked() -> dict[str, Version]:
    found = [ENTRY.match(entry) for entry in entries()]
    assert all(found), "an entry without an exact version: run make lock"
    return {canonicalize_name(m["name"]): Version(m["version"]) for m in found if m}


def test_the_lock_fits_pyproject() -> None:
    versions = locked()
    for requirement in requirements():
        version = versions.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not locked: run make lock"
        assert version in requirement.specifier, f"{requirement} is locked to {version}: make lock"


def test_every_entry_has_a_hash() -> None:
    assert [entry for entry in entries() if "--hash=sha256:" not in entry] == []


def test_the_lock_names_no_index_and_no_path() -> None:
    assert not re.search(r"://|--(?:extra-)?index|--find-links|--trusted-host|(?<!\w)/\w", LOCK)


def test_what_is_called_in_ways_that_may_change_is_pinned() -> None:
    pinned = {r.name: str(r.specifier) for r in requirements() if r.name in ("b4", "liblore")}
    assert pinned == {"b4": "==0.16.0", "liblore": "==0.10.1"}
