# SPDX-License-Identifier: GPL-2.0-or-later
"""Review patch series and print what there is to say; nothing is sent.

An error in one source does not stop the others.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from bot.commands.output import add_output, opened, style_of, tell
from bot.config import CHOICES, Settings, load
from bot.errors import BotError, UsageError
from bot.render.plain import for_log, one_line
from bot.setup import Setup
from bot.sources import SourceOptions, open_source
from checks.api import Problem, Severity
from checks.scope import in_scope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.model import Review

__all__ = ["add", "run"]

Document = Callable[..., str]
DOCUMENTS = {
    "markdown": "bot.render.document.render",
    "sarif": "bot.render.sarif.render",
    "rdjson": "bot.render.rdjson.render",
    "rdjsonl": "bot.render.rdjson.render_lines",
    "junit": "bot.render.junit.render",
    "codequality": "bot.render.codequality.render",
    "b4": "bot.render.b4.render",
    "terse": "bot.render.terse.render",
}
"""Formats that are one document for all series, and what makes it of reviews and settings."""
PLACED = ("sarif", "junit")
"""Documents with a place for sources that could not be read: they get them as a third argument."""
UNPLACED = ("rdjson", "rdjsonl", "codequality")
"""Documents with no place for what could not be reviewed, so that standard error has to tell it."""
ASKED = ("b4", "terse")
"""Formats for who gives one mail, and asks about it alone: the rest of its series is looked for."""

FINDINGS = 1
"""Exit status when there are findings at or above `--fail-on`."""


def add(parser: ArgumentParser) -> None:
    """Name the flags of `revokebot review`."""
    parser.add_argument(
        "sources", nargs="+", metavar="SOURCE",
        help="a file or folder of mails, - for standard input, A..B, a message-id or its URL",
    )  # fmt: skip
    parser.add_argument("--format", choices=CHOICES["review.format"], help="default: text")
    add_rule_flags(parser)
    add_threshold(parser)
    add_revision_flags(parser)
    add_output(parser)


def add_revision_flags(parser: ArgumentParser) -> None:
    """Name the flags that say which revision of a series is meant."""
    parser.add_argument(
        "--revision", type=int, metavar="N", help="take revision N; default: the newest"
    )
    parser.add_argument(
        "--no-newer", action="store_true", help="do not ask the archive for other revisions"
    )


def options_of(args: Namespace, settings: Settings) -> SourceOptions:
    """How sources are read.  Raises `UsageError` for a revision that can't be."""
    if args.revision is not None and args.revision < 1:
        raise UsageError(f"--revision {args.revision}: revisions start at 1")
    return SourceOptions(
        revision=args.revision,
        newer=not args.no_newer,
        tree=settings.review.tree,
        archive=settings.archive,
    )


def add_rule_flags(parser: ArgumentParser) -> None:
    """Name the flags that say what is checked, and against what."""
    parser.add_argument("--tree", metavar="DIR", help="kernel git tree, to see whole files")
    parser.add_argument(
        "--edition", choices=CHOICES["review.edition"],
        help="edition of the contract; default: auto, recognised from tree or series",
    )  # fmt: skip
    parser.add_argument("--select", metavar="RULES", help="run these rules or topics only (a,b)")
    parser.add_argument("--ignore", metavar="RULES", help="do not run these rules or topics (a,b)")


def add_threshold(parser: ArgumentParser) -> None:
    """Name the flag that says what makes the exit status 1."""
    parser.add_argument(
        "--fail-on", choices=CHOICES["review.fail_on"],
        help="lowest severity that makes the exit status 1; default: warning",
    )  # fmt: skip


def without_format(args: Namespace) -> Namespace:
    """`args` for the settings of a command whose `--format` is its own, not that of a review."""
    return Namespace(**{**vars(args), "format": None})


def settings_of(args: Namespace) -> Settings:
    """The merged settings, with the flags of `args` on top."""
    names = ("tree", "edition", "select", "ignore", "fail_on", "format")
    flags = {
        f"review.{name}": ("--" + name.replace("_", "-"), getattr(args, name, None))
        for name in names
    }
    return load(args.config, flags=flags)


def run(args: Namespace) -> int:
    """Review all sources; return the highest exit status that applies."""
    settings = settings_of(args)
    options = options_of(args, settings)
    setup = Setup.of(settings)
    failed: list[Problem] = []
    render, end = _renderer(args, settings, setup, failed)
    reviewed = _asked if settings.review.format in ASKED else _reviews
    worst, status = -1, 0
    with opened(args.output) as out:
        for source in args.sources:
            try:
                for done in reviewed(source, options, setup):
                    out.write(render(done))
                    out.flush()
                    worst = max([worst, *(found.severity.rank for found in done.findings)])
                    if any(problem.kind == "rule-crashed" for problem in done.errors):
                        status = max(status, BotError.status)
            except BotError as err:
                print(f"revokebot: {one_line(str(err))}", file=sys.stderr)
                failed.append(Problem("no-source", source, str(err)))
                status = max(status, err.status)
        out.write(end())
    fail_on = settings.review.fail_on
    if fail_on != "never" and worst >= Severity(fail_on).rank:
        status = max(status, FINDINGS)
    return status


def _reviews(source: str, options: SourceOptions, setup: Setup) -> Iterator[Review]:
    for posting in open_source(source, options):
        yield setup.review(posting)


def _asked(source: str, options: SourceOptions, setup: Setup) -> Iterator[Review]:
    from bot.asked import asked
    from bot.sources.around import whole

    for posting in open_source(source, options):
        yield asked(setup.review(whole(posting, Path(), os.environ)))


def _renderer(
    args: Namespace, settings: Settings, setup: Setup, failed: Sequence[Problem]
) -> tuple[Callable[[Review], bytes], Callable[[], bytes]]:
    """How one review becomes output, and what comes last.  Only the format asked for is loaded.

    Parameters
    ----------
    failed: sources that could not be read, as far as it has come
    """
    form = settings.review.format
    if form in DOCUMENTS:
        return _document(form, settings, failed)
    if form == "jsonl":
        from bot.render import jsonl

        return lambda done: jsonl.render(done).encode(), bytes
    if form == "mail":
        return _mailer(settings), bytes
    return _texter(args, settings, setup), bytes


def _document(
    form: str, settings: Settings, failed: Sequence[Problem]
) -> tuple[Callable[[Review], bytes], Callable[[], bytes]]:
    module, _, function = DOCUMENTS[form].rpartition(".")
    render: Document = getattr(import_module(module), function)
    reviews: list[Review] = []

    def keep(done: Review) -> bytes:
        reviews.append(done)
        if form in UNPLACED:
            tell(done.errors, ())
        return b""

    def end() -> bytes:
        more = (failed,) if form in PLACED else ()
        return render(reviews, settings, *more).encode("utf-8", "replace")

    return keep, end


def _texter(args: Namespace, settings: Settings, setup: Setup) -> Callable[[Review], bytes]:
    from bot.render import text

    style = style_of(args, settings.review.link_mask)
    in_job = bool(os.environ.get("GITHUB_ACTIONS"))
    first = True

    def shown(done: Review) -> bytes:
        nonlocal first
        gap, first = "" if first else "\n\n", False
        scope = in_scope(done.posting.series, setup.scope)
        made = gap + text.render(done, style, in_scope=scope)
        return (for_log(made) if in_job else made).encode("utf-8", "replace")

    return shown


def _mailer(settings: Settings) -> Callable[[Review], bytes]:
    from datetime import UTC, datetime

    from bot.answer import answerable
    from bot.render.mail import replies
    from bot.sources.mbox import as_draft

    now = datetime.now(UTC)

    def shown(done: Review) -> bytes:
        written, refused = replies(done, settings.reply, settings.review.link_mask, now)
        kept, left_out = answerable(written, done, settings)
        tell(done.errors, (*refused, *left_out))
        return b"".join(as_draft(reply.raw) for reply in kept)

    return shown
