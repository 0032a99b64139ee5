# SPDX-License-Identifier: GPL-2.0-or-later
"""Backtests: every series, in order, whatever happens to a worker."""

from __future__ import annotations

import json
import multiprocessing
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from bot.commands.workers import CHUNK, Job, reviewed
from bot.model import Posting
from bot.setup import Setup
from checks import load_rules
from checks.api import Hit, Patch, Series
from checks.scope import scope_of
from tests.test_cli import CLEAN, EXAMPLE, ROOT, run


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Clean series around the example, each with ids of its own."""
    example = Path(EXAMPLE).read_text()
    parts = []
    for n in range(6):
        mail = CLEAN.replace("clean@", f"clean{n}@").replace("frob: count", f"frob: count {n}")
        parts += [f"From mboxrd@z Thu Jan  1 00:00:00 1970\n{mail}\n"]
        parts += [example.replace("2f7c1d@", f"{n}@").replace("Patch Author", f"Author {n}")]
    path = tmp_path / "archive.mbox"
    path.write_text("".join(parts))
    return path


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_series_in_the_order_of_the_archive(archive: Path) -> None:
    found = lines(run("backtest", str(archive)))
    expected = [
        f
        for n in range(6)
        for f in (f"clean{n}@example.org", f"20260203-can-revoke-v1-0-{n}@example.org")
    ]
    assert [line["series"]["msgid"] for line in found] == expected
    assert [bool(line["findings"]) for line in found] == [False, True] * 6


def test_it_says_what_a_review_says(archive: Path) -> None:
    found = lines(run("backtest", str(archive)))
    one = json.loads(run("review", EXAMPLE, "--format", "jsonl").stdout)
    assert found[1]["findings"][0]["message"] == one["findings"][0]["message"]
    assert [f["fingerprint"] for f in found[1]["findings"]] == [
        f["fingerprint"] for f in one["findings"]
    ]
    assert found[1]["series"].keys() == found[0]["series"].keys() == one["series"].keys()


def test_the_number_of_workers_changes_nothing(archive: Path) -> None:
    outputs = {run("backtest", str(archive), "--jobs", jobs).stdout for jobs in ("1", "2", "5")}
    assert len(outputs) == 1


def test_the_summary_counts(archive: Path) -> None:
    told = run("backtest", str(archive), "--select", "core-namespace").stderr
    assert "24 mails, 12 series, 6 of them in scope\n" in told
    assert "6 findings: 6 core-namespace\n" in told
    assert "0 problems\n" in told


def test_text_shows_what_has_findings(archive: Path) -> None:
    shown = run("backtest", str(archive), "--format", "text").stdout
    assert shown.count("[PATCH 0/2] dma-buf: let exporters revoke a buffer\n") == 6
    assert "frob: count" not in shown


def test_out_of_scope_starts_no_pool(tmp_path: Path) -> None:
    path = tmp_path / "clean.mbox"
    path.write_text(CLEAN)
    code = (
        "import sys, multiprocessing.process as p\n"
        "p.BaseProcess.start = lambda self: sys.exit('a worker was started')\n"
        "from bot.cli import main\n"
        f"sys.exit(main(['backtest', {str(path)!r}]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert lines(done)[0]["errors"] == []


def trap(action: Callable[[], object]) -> Setup:
    """A setup with one rule, which does `action` on the series 13."""

    def check(series: Series) -> Iterator[Hit]:
        if series.revision == 13:
            action()
        yield from ()

    rule = load_rules()[0]._replace(check=check)
    return Setup((rule,), scope_of((rule,)), None, None)


def postings(count: int = 3 * CHUNK, bad: tuple[int, ...] = (5,)) -> list[Posting]:
    word = load_rules()[0].meta.words[0]
    diff = f"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n+{word}\n"
    return [
        Posting(
            Series(
                f"{n}@x",
                f"[PATCH] {n}",
                13 if n in bad else 1,
                (Patch(1, f"{n}@x", "", "", diff),),
                1,
            )
        )
        for n in range(count)
    ]


def forever() -> None:
    while True:
        pass


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        (lambda: os._exit(3), "worker-died"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "worker-died"),
        (lambda: time.sleep(60), "time-limit"),
        (forever, "time-limit"),
        (lambda: any(iter(int, 1)), "worker-died"),
        (lambda: 1 / 0, "rule-crashed"),
    ],
    ids=["exit", "kill", "sleep", "loop", "loop-in-c", "raise"],
)
def test_only_the_series_to_blame_is_lost(action: Callable[[], object], kind: str) -> None:
    made = postings()
    done = list(reviewed(Job(made, trap(action), 0.5), range(len(made)), 2))
    assert [review.posting.series.msgid for review in done] == [p.series.msgid for p in made]
    lost = {n: [e.kind for e in review.errors] for n, review in enumerate(done) if review.errors}
    assert lost == {5: [kind]}


def test_several_deaths_are_survived() -> None:
    bad = (0, 1, CHUNK, 3 * CHUNK - 1)
    made = postings(bad=bad)
    done = list(reviewed(Job(made, trap(lambda: os._exit(1)), 5), range(len(made)), 2))
    assert tuple(n for n, review in enumerate(done) if review.errors) == bad
    assert len(done) == len(made)


def test_no_rule_can_swallow_its_time_limit() -> None:
    def stubborn() -> None:
        try:
            time.sleep(60)
        except Exception:
            time.sleep(60)

    made = postings(count=1, bad=(0,))
    start = time.monotonic()
    (review,) = reviewed(Job(made, trap(stubborn), 0.3), [0], 1)
    assert [problem.kind for problem in review.errors] == ["time-limit"]
    assert time.monotonic() - start < 10


def interrupted(signum: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


@pytest.mark.parametrize("leave", ["interrupt", "close"])
def test_workers_end_at_once_when_nobody_wants_them(leave: str) -> None:
    made = postings(bad=(CHUNK,))
    start = time.monotonic()
    going = reviewed(Job(made, trap(lambda: time.sleep(60)), 60), range(len(made)), 2)
    assert next(going).errors == ()
    if leave == "close":
        going.close()  # type: ignore[attr-defined]
    else:
        before = signal.signal(signal.SIGALRM, interrupted)
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        with pytest.raises(KeyboardInterrupt):
            list(going)
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - start < 10
    assert multiprocessing.active_children() == []


def test_a_bar_is_shown_on_a_terminal_only(archive: Path) -> None:
    assert "reading" not in run("backtest", str(archive)).stderr
    ours, its = pty.openpty()
    termios.tcsetwinsize(its, (24, 80))
    command = [sys.executable, "-m", "bot", "backtest", str(archive)]
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=its, timeout=60, check=True)
    os.close(its)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert "reading" in shown
    assert "reviewing" in shown
    assert "24 mails, 12 series" in shown
