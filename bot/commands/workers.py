# SPDX-License-Identifier: GPL-2.0-or-later
"""Review many postings in worker processes, in order, whatever one of them does to its worker.

The workers are forked when all is read and share it; a task is a few numbers.
After a worker died, what was under way is done again, each posting in a
process of its own, so that only the one to blame is lost.
"""

from __future__ import annotations

import copy
import gc
import multiprocessing
import os
import signal
from argparse import ArgumentParser, Namespace
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import NoReturn

from bot.errors import UsageError
from bot.model import Posting, Review
from bot.review import merge
from bot.setup import Setup
from checks.api import Problem
from checks.edition import detect
from checks.runner import Outcome, run

__all__ = ["Job", "add_worker_flags", "jobs_of", "reviewed"]

CHUNK = 4
"""Postings of one task."""
AHEAD = 16
"""Tasks a worker that may wait: a slow posting must not hold up the others, nor memory grow."""


def add_worker_flags(parser: ArgumentParser, unit: str) -> None:
    """Name the flags about processes and their time; a task is about one `unit`."""
    parser.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        default=0,
        help="worker processes; default: one a processor",
    )
    parser.add_argument(
        "--time-limit", type=float, metavar="SECONDS", default=60.0,
        help=f"for one {unit}, of processor and of wall time; default: 60",
    )  # fmt: skip


def jobs_of(args: Namespace) -> int:
    """The number of processes.  Raises `UsageError` for a number or a time that is none."""
    if args.jobs < 0 or args.time_limit <= 0:
        raise UsageError("--jobs and --time-limit must be above 0; leave them out for the default")
    return args.jobs or len(os.sched_getaffinity(0))


@dataclass(frozen=True, slots=True)
class Job:
    """What all workers have in common."""

    postings: Sequence[Posting]
    setup: Setup
    time_limit: float
    """Seconds for one posting: of wall time; and of processor time twice as many."""


class _TimeUp(BaseException):
    """Raised by the clock; no `except Exception` on the way holds it up."""


_job: Job
"""In a worker: what it was forked with."""


def reviewed(job: Job, numbers: Sequence[int], jobs: int) -> Iterator[Review]:
    """Yield the review of each of `numbers`, indexes into `job.postings`, in that order.

    `jobs` is the number of processes.  None is started before the first review
    is asked for, and none at all for no numbers.
    """
    chunks = deque(numbers[at : at + CHUNK] for at in range(0, len(numbers), CHUNK))
    while chunks:
        flying: deque[tuple[Sequence[int], Future[list[Outcome]]]] = deque()
        # A pool that breaks takes all that was flying with it.
        with suppress(BrokenProcessPool), _pool(job, min(jobs, len(chunks))) as pool:
            yield from _in_order(job, pool, chunks, flying, jobs * AHEAD)
        for chunk, _ in flying:
            for number in chunk:
                yield merge(job.postings[number], _alone(job, number))


def _in_order(
    job: Job,
    pool: ProcessPoolExecutor,
    chunks: deque[Sequence[int]],
    flying: deque[tuple[Sequence[int], Future[list[Outcome]]]],
    ahead: int,
) -> Iterator[Review]:
    """Feed `pool` from `chunks`; what is under way is in `flying` until it has been yielded."""
    while chunks or flying:
        while chunks and len(flying) < ahead:
            flying.append((chunks[0], pool.submit(_run, chunks[0])))
            chunks.popleft()
        outcomes = flying[0][1].result()
        numbers, _ = flying.popleft()
        for number, outcome in zip(numbers, outcomes, strict=True):
            yield merge(job.postings[number], outcome)


def _alone(job: Job, number: int) -> Outcome:
    """The outcome of one posting, in a process that may die of it."""
    with _pool(job, 1) as pool:
        try:
            return pool.submit(_run, [number]).result()[0]
        except BrokenProcessPool:
            reason = "the process that reviewed it died, of memory, of time or of a bug"
            return _lost(job, number, "worker-died", reason)


@contextmanager
def _pool(job: Job, jobs: int) -> Iterator[ProcessPoolExecutor]:
    """A pool whose workers are ended at once when nobody wants their results any more."""
    gc.freeze()  # what was read stays shared with the children
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(jobs, context, initializer=_start, initargs=(job,))
    try:
        yield pool
    except (KeyboardInterrupt, GeneratorExit):
        for child in multiprocessing.active_children():
            child.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _start(job: Job) -> None:
    """In a worker: take the job, leave Ctrl-C to the parent, and get an object store of its own."""
    global _job  # noqa: PLW0603  the one way to hand a forked worker what it is not to unpickle
    _job = replace(job, setup=job.setup._replace(blobs=copy.copy(job.setup.blobs)))
    gc.set_threshold(100_000)
    gc.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, _time_up)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # ends also what never comes back from C


def _time_up(*_: object) -> NoReturn:
    raise _TimeUp


def _run(numbers: Sequence[int]) -> list[Outcome]:
    """In a worker: run the rules over some postings."""
    return [_run_one(_job, number) for number in numbers]


def _run_one(job: Job, number: int) -> Outcome:
    setup, series = job.setup, job.postings[number].series
    signal.setitimer(signal.ITIMER_PROF, 2 * job.time_limit)
    signal.setitimer(signal.ITIMER_REAL, job.time_limit)
    try:
        return run(series, setup.rules, edition=setup.edition, blobs=setup.blobs, every_diff=False)
    except _TimeUp:
        reason = f"took longer than {job.time_limit:g} s; raise --time-limit or review it alone"
        return _lost(job, number, "time-limit", reason)
    except Exception as err:
        return _lost(
            job, number, "review-crashed", f"{type(err).__name__}: {err}; please report it"
        )
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)


def _lost(job: Job, number: int, kind: str, reason: str) -> Outcome:
    """The outcome of a posting of which the rules could say nothing."""
    series = job.postings[number].series
    verdict = detect(series, job.setup.edition)
    problem = Problem(kind, series.msgid, " ".join(reason.split()))
    return Outcome(verdict.last, verdict.reason, "diff", None, (), (problem,))
