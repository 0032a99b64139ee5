# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be wrong with a clone after a crash, a full disk, or a person."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

__all__ = ["DAMAGE"]


def _cut_packs(clone: Path) -> None:
    for pack in clone.glob("objects/pack/*.pack"):
        pack.chmod(0o600)
        os.truncate(pack, pack.stat().st_size // 2)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "gone": shutil.rmtree,
    "no HEAD": lambda clone: (clone / "HEAD").unlink(),
    "empty HEAD": lambda clone: (clone / "HEAD").write_bytes(b""),
    "empty ref": lambda clone: (clone / "refs/heads/master").write_bytes(b""),
    "wrong ref": lambda clone: (clone / "refs/heads/master").write_text("1" * 40 + "\n"),
    "no config": lambda clone: (clone / "config").write_bytes(b"[core"),
    "no objects": lambda clone: shutil.rmtree(clone / "objects"),
    "no packs": lambda clone: shutil.rmtree(clone / "objects/pack"),
    "half packs": _cut_packs,
    "no shallow": lambda clone: (clone / "shallow").unlink(missing_ok=True),
    "shallow of nonsense": lambda clone: (clone / "shallow").write_text("nonsense\n"),
}
