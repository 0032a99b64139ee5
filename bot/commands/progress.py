# SPDX-License-Identifier: GPL-2.0-or-later
"""A progress bar for the commands that take minutes; only a terminal ever sees it."""

from __future__ import annotations

import sys
from collections.abc import Callable

__all__ = ["progress"]


class progress:
    """A progress bar called `what` while a terminal is there to see it; otherwise None."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.bar: object = None

    def __enter__(self) -> Callable[[int, int], None] | None:
        if not sys.stderr.isatty():
            return None
        from tqdm import tqdm

        tqdm.monitor_interval = 0  # its thread would be in the way of fork()
        bar = tqdm(desc=self.what, leave=False, unit_scale=True)
        self.bar = bar

        def told(done: int, total: int) -> None:
            bar.total = total or None
            bar.update(done - bar.n)

        return told

    def __exit__(self, *exc: object) -> None:
        if self.bar is not None:
            self.bar.close()  # type: ignore[attr-defined]
