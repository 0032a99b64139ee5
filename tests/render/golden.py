# SPDX-License-Identifier: GPL-2.0-or-later
"""Compare output with a file beside the tests; `REGEN=1 pytest` writes the files anew."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["same_as_golden"]

FOLDER = Path(__file__).parent / "golden"


def same_as_golden(name: str, got: bytes) -> None:
    """Assert that `got` is the content of `golden/NAME`."""
    path = FOLDER / name
    if os.environ.get("REGEN"):
        path.write_bytes(got)
    assert path.is_file(), f"{path} is missing; REGEN=1 writes it"
    assert got.decode("utf-8") == path.read_bytes().decode("utf-8")
