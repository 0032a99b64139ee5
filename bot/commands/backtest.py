# SPDX-License-Identifier: GPL-2.0-or-later
"""Review every series of an archive, all revisions, in the order of the archive.

Most series touch nothing that a rule is about and are answered at once; the
others go to worker processes, each with a time limit for a series.  A worker
that hangs or dies is an entry in `errors` of its series, not the end of the run.
"""

from __future__ import annotations

import gc
import sys
import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bot.commands.output import add_output, opened, style_of
from bot.commands.progress import progress
from bot.commands.review import add_rule_flags, settings_of, without_format
from bot.commands.workers import Job, add_worker_flags, jobs_of, reviewed
from bot.model import Posting, Review
from bot.render import jsonl, text
from bot.render.plain import listed
from bot.setup import Setup
from bot.sources import SourceOptions, open_mails, postings_of
from bot.sources.mail import read_mail
from bot.sources.series import assemble
from checks.edition import detect
from checks.scope import in_scope

__all__ = ["add", "run"]


def add(parser: ArgumentParser) -> None:
    """Name the flags of `revokebot backtest`."""
    parser.add_argument("archive", metavar="ARCHIVE", help="a public-inbox clone, an mbox or -")
    parser.add_argument("--format", choices=("jsonl", "text"), default="jsonl")
    add_rule_flags(parser)
    add_worker_flags(parser, "series")
    add_output(parser)


@dataclass(slots=True)
class Tally:
    """What was read and found, for the summary."""

    mails: int = 0
    series: int = 0
    in_scope: int = 0
    findings: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)

    def add(self, review: Review) -> None:
        """Count one series."""
        self.series += 1
        if review.findings:
            self.findings.update(found.rule for found in review.findings)
        if review.errors:
            self.errors.update(problem.kind for problem in review.errors)

    def __str__(self) -> str:
        found = f"{self.findings.total()} findings{listed(self.findings)}"
        told = f"{self.errors.total()} problems{listed(self.errors)}"
        return (
            f"{self.mails} mails, {self.series} series, {self.in_scope} of them in scope\n"
            f"{found}\n{told}"
        )


def run(args: Namespace) -> int:
    """Review the archive; return 0, whatever was found."""
    jobs = jobs_of(args)
    gc.disable()  # hundreds of thousands of objects, all of which stay
    args.edition = args.edition or None
    settings = settings_of(without_format(args))
    setup = Setup.of(settings)
    options = SourceOptions(every=True, archive=settings.archive)
    tally, start = Tally(), time.monotonic()
    postings = _read(args.archive, options, tally)
    scope = [in_scope(posting.series, setup.scope) for posting in postings]
    tally.in_scope = sum(scope)
    job = Job(postings, setup, args.time_limit)
    render = _renderer(args, settings.review.link_mask)
    with opened(args.output) as out:
        for review in _all(job, scope, jobs):
            tally.add(review)
            out.write(render(review))
    sys.stdout.flush()
    print(f"{tally}\n{time.monotonic() - start:.1f} s", file=sys.stderr)
    return 0


def _read(archive: str, options: SourceOptions, tally: Tally) -> list[Posting]:
    def counted() -> Iterator[bytes]:
        with progress("reading") as told:
            for raw in open_mails(archive, options, told):
                tally.mails += 1
                yield raw

    return postings_of(archive, assemble(map(read_mail, counted())), options)


def _all(job: Job, scope: Sequence[bool], jobs: int) -> Iterator[Review]:
    """The review of every posting, in order."""
    from_workers = reviewed(job, [n for n, wanted in enumerate(scope) if wanted], jobs)
    with progress("reviewing") as told:
        for number, posting in enumerate(job.postings):
            if scope[number]:
                yield next(from_workers)
            else:
                yield _out_of_scope(posting, job.setup)
            if told:
                told(number + 1, len(job.postings))


def _out_of_scope(posting: Posting, setup: Setup) -> Review:
    """What the rules would say of a series without any of their words: nothing."""
    verdict = detect(posting.series, setup.edition, setup.blobs)
    return Review(posting, verdict.last, verdict.reason, "diff", None, (), posting.problems)


def _renderer(args: Namespace, link_mask: str) -> Callable[[Review], bytes]:
    if args.format == "jsonl":
        return lambda review: jsonl.render(review).encode("ascii")
    style = style_of(args, link_mask)

    def shown(review: Review) -> bytes:
        if not review.findings:
            return b""
        return (text.render(review, style) + "\n\n").encode("utf-8", "replace")

    return shown
