# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a command's output goes: standard output or a file, as bytes, in one encoding."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from bot.errors import UsageError
from bot.render.plain import one_line
from bot.render.text import Style
from checks.api import Problem

__all__ = ["add_output", "opened", "style_of", "tell", "write_mbox"]


def add_output(parser: ArgumentParser, *, color: bool = True) -> None:
    """Add `--output` and `--color`."""
    parser.add_argument("--output", metavar="FILE", help="write to FILE instead of standard output")
    if color:
        parser.add_argument(
            "--color", choices=("auto", "always", "never"), default="auto",
            help="colour the text; auto does on a terminal, unless NO_COLOR is set",
        )  # fmt: skip


@contextmanager
def opened(path: str | None) -> Iterator[BinaryIO]:
    """Open the output.  Raises `UsageError` when `path` cannot be written."""
    if path is None or path == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        file = open(path, "wb")  # noqa: SIM115
    except OSError as err:
        raise UsageError(
            f"--output {path}: {err.strerror}; name a file that can be written"
        ) from err
    with file:
        yield file


def style_of(args: Namespace, link_mask: str) -> Style:
    """The look of text, by flags, environment and terminal."""
    terminal = args.output in (None, "-") and sys.stdout.isatty()
    auto = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    color = args.color == "always" or (args.color == "auto" and auto)
    columns = os.get_terminal_size(sys.stdout.fileno()).columns if terminal else 0
    return Style(color, max(min(columns or 80, 100), 40), link_mask)


def tell(problems: Iterable[Problem], refused: Iterable[str]) -> None:
    """Say on standard error what could not be read, and what can't be answered."""
    for problem in problems:
        text = f"{problem.where}: {problem.message} [{problem.kind}]"
        print(f"revokebot: {one_line(text)}", file=sys.stderr)
    for reason in refused:
        print(f"revokebot: {one_line(reason)}", file=sys.stderr)


def write_mbox(path: str, mails: Iterable[bytes]) -> None:
    """Write `mails` into a new mbox.  Raises `UsageError` when `path` is there already."""
    from bot.sources.mbox import as_draft

    try:
        with open(path, "xb") as file:
            try:
                file.writelines(map(as_draft, mails))
                file.flush()
            except BaseException:
                os.unlink(path)  # one that is cut off looks like a whole one
                raise
    except OSError as err:
        raise UsageError(f"--to-mbox {path}: {err.strerror}; name a file to be made") from err
