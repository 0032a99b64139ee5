# SPDX-License-Identifier: GPL-2.0-or-later
"""What is measured on: list mail beside the checkout, or else the example that is in it."""

from __future__ import annotations

import lzma
import re
from collections.abc import Iterator
from pathlib import Path

__all__ = ["EXAMPLE", "ROOT", "labelled_threads", "mails", "whole_archive"]

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples/revocable-helper.mbox"
CORPUS = ROOT.parent / "shared/corpus"

_ESCAPED = re.compile(rb"(?m)^>(>*From )")


def labelled_threads() -> Path:
    """The threads of the labelled patches."""
    return _or_example("revoke-threads.mbox.xz")


def whole_archive() -> Path:
    """All mail of the dma-buf list."""
    return _or_example("linaro-mm-sig-until-2026-02.mbox.xz")


def _or_example(name: str) -> Path:
    if (path := CORPUS / name).exists():
        return path
    print(f"{name} is not at hand: measuring on {EXAMPLE.name}, which says little")
    return EXAMPLE


def mails(mbox: Path) -> Iterator[bytes]:
    """Yield each mail of an mboxrd file, its `>From ` lines as they were sent."""
    data = mbox.read_bytes()
    if mbox.suffix == ".xz":
        data = lzma.decompress(data)
    for part in re.split(rb"(?m)^From mboxrd@z .*\n", data)[1:]:
        yield _ESCAPED.sub(rb"\1", part.removesuffix(b"\n"))
