# SPDX-License-Identifier: GPL-2.0-or-later
"""Time several things in turn, so that a busy moment of the machine hits all of them alike.

Only ratios of one run are worth telling: seconds of another machine or
another day compare with nothing.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

__all__ = ["command", "interleaved"]


def interleaved(runs: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the median seconds of each of `runs`, after one round that only warms the caches."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if number:
                seconds[name].append(time.perf_counter() - start)
    return {name: median(taken) for name, taken in seconds.items()}


def command(argv: Sequence[str | Path], *, cwd: Path, accept: Sequence[int]) -> Callable[[], None]:
    """Return a function that runs `argv`, output thrown away.

    It raises `RuntimeError` on an exit status that is not in `accept`: a
    command that failed early would look fast.  Python may keep its bytecode,
    as it does for whoever installs the package.
    """
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

    def run() -> None:
        done = subprocess.run(
            argv,
            cwd=cwd,
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode not in accept:
            raise RuntimeError(f"{argv[0]} exited with {done.returncode}: {done.stderr[-500:]}")

    return run
