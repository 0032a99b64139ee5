# SPDX-License-Identifier: GPL-2.0-or-later
"""Check whole files of a kernel tree, as if every line of them were new.

The files come from HEAD, not from the disk.  Those that a rule is about are
put together by folder, so that an ops struct and its functions are seen
beside each other; a folder is one series to the rules.  What cannot be read is
a problem of its folder, and nothing is skipped in silence.
"""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bot.commands.output import add_output, opened, style_of
from bot.commands.progress import progress
from bot.commands.review import (
    FINDINGS,
    add_rule_flags,
    add_threshold,
    settings_of,
    without_format,
)
from bot.commands.workers import Job, add_worker_flags, jobs_of, reviewed
from bot.errors import BotError, UsageError
from bot.model import Review
from bot.render import audit as text
from bot.render import jsonl
from bot.setup import Setup
from bot.sources.files import files_at_head, with_words
from bot.sources.modules import Module, modules_of, title_of
from checks.api import Patch, Series, Severity
from checks.edition import detect
from checks.scope import scope_of, wanted

__all__ = ["add", "run"]


def add(parser: ArgumentParser) -> None:
    """Name the flags of `revokebot audit`."""
    parser.add_argument(
        "paths", nargs="*", metavar="PATH",
        help="a file or folder, from the root of the tree; default: all",
    )  # fmt: skip
    parser.add_argument("--format", choices=("text", "jsonl"), default="text")
    add_rule_flags(parser)
    add_threshold(parser)
    add_worker_flags(parser, "folder")
    add_output(parser)


def run(args: Namespace) -> int:
    """Audit the tree; return the exit status that findings and problems call for."""
    jobs, start = jobs_of(args), time.monotonic()
    settings = settings_of(without_format(args))
    if settings.review.tree is None:
        raise UsageError("no tree is given; name a kernel git tree with --tree DIR")
    setup = _of_files(Setup.of(settings))
    modules = _modules(settings.review.tree, [_normal(path) for path in args.paths], setup)
    tally = text.Tally()
    with opened(args.output) as out:
        show = _shower(args, setup, settings.review.link_mask, out.write)
        for module, review in zip(modules, _reviews(modules, setup, args, jobs), strict=True):
            tally.add(review, len(module.files))
            show(review, module.files)
        if args.format == "text":
            out.write(_bytes(text.summary(tally)))
    sys.stdout.flush()
    print(f"{tally}\n{time.monotonic() - start:.1f} s", file=sys.stderr)
    return _status(tally, settings.review.fail_on)


def _of_files(setup: Setup) -> Setup:
    """`setup` without the rules about a mail's words.  Raises `UsageError` when none is left."""
    rules = tuple(rule for rule in setup.rules if not rule.meta.mail)
    if not rules:
        raise UsageError("the rules chosen are about the words of a mail; files have none")
    return setup._replace(rules=rules, scope=scope_of(rules))


def _normal(path: str) -> str:
    """`path` as git has it: without `./` before and `/` behind; empty for the whole tree."""
    parts = "/".join(part for part in path.split("/") if part not in ("", "."))
    return f"/{parts}" if path.startswith("/") else parts


def _modules(tree: Path, paths: Sequence[str], setup: Setup) -> list[Module]:
    """The files under `paths` that a rule is about, by folder."""
    assert setup.blobs is not None
    if "" in paths:  # `.` is the whole tree
        paths = ()
    words = sorted({word for scope in setup.scope for word in scope.words})
    files = files_at_head(tree, paths)
    having = with_words(tree, words, paths)
    # A word may stand in the path as well, which the head of a diff has.
    candidates = [f for f in files if f.path in having or any(word in f.path for word in words)]

    def in_scope(patch: Patch) -> bool:
        return wanted(patch, setup.scope)

    return list(modules_of(candidates, setup.blobs, in_scope))


def _reviews(
    modules: Sequence[Module], setup: Setup, args: Namespace, jobs: int
) -> Iterator[Review]:
    """The review of every module, in order."""
    job = Job([module.posting for module in modules], setup, args.time_limit)
    with progress("auditing") as told:
        for number, review in enumerate(reviewed(job, range(len(modules)), jobs), 1):
            yield review
            if told:
                told(number, len(modules))


def _shower(
    args: Namespace, setup: Setup, link_mask: str, write: Callable[[bytes], object]
) -> Callable[[Review, Sequence[str]], None]:
    """How one review becomes output."""
    if args.format == "jsonl":

        def line(review: Review, files: Sequence[str]) -> None:
            write(jsonl.render(review, files).encode("ascii"))

        return line
    assert setup.blobs is not None
    style = style_of(args, link_mask)
    nothing = Series("", "", 1, (), 0)
    verdict = detect(nothing, setup.edition, setup.blobs)
    write(_bytes(text.heading(title_of(setup.blobs), verdict, style)))

    def shown(review: Review, files: Sequence[str]) -> None:
        for block in text.blocks(review, style):
            write(_bytes(block))

    return shown


def _bytes(block: str) -> bytes:
    return block.encode("utf-8", "replace")


def _status(tally: text.Tally, fail_on: str) -> int:
    if tally.lost:
        return BotError.status
    return FINDINGS if fail_on != "never" and tally.worst >= Severity(fail_on).rank else 0
