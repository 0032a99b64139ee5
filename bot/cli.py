# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line: find the command, run it, and turn what goes wrong into one line.

Only the parser of the command that is asked for is built, and only its module
is imported.  No error ends in a traceback (`python -X dev -m bot` shows it).
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import NoReturn

from bot import __version__
from bot.errors import BotError, UsageError

__all__ = ["main"]

COMMANDS = {
    "review": "review patch series and print what there is to say",
    "reply": "write the replies to patch series, keep or send them",
    "rules": "list the rules, or show one with its reason and examples",
    "watch": "watch inboxes, review what comes, send what may be sent",
    "queue": "show the replies that wait, and decide what becomes of them",
    "status": "show how the watcher does, and what needs a person",
    "dismissals": "propose what was dismissed as examples for the rules",
    "serve": "answer b4 review over HTTP what was found in a series",
    "ci": "say on a forge, or in Patchwork, what a review says",
    "backtest": "review every series of an archive",
    "audit": "check whole files of a kernel tree",
    "store": "back up, restore or prune what is kept",
    "config": "show every setting and where it comes from",
    "doctor": "check what is installed and reachable",
}

EXIT_STATUS = """\
exit status:
  0  nothing at or above --fail-on
  1  findings at or above it
  2  bad usage, input or configuration
  3  a server could not be reached, or refused
"""

INTERRUPTED = 130
"""128 + SIGINT, as a shell reports it."""
PIPE_CLOSED = 141
"""128 + SIGPIPE."""


class Parser(ArgumentParser):
    """Raises `UsageError` where argparse would print its usage and exit."""

    def error(self, message: str) -> NoReturn:
        """Raise `message` with the way to the help."""
        raise UsageError(f"{message}; see `{self.prog} --help`")


def main(argv: Sequence[str] | None = None) -> int:
    """Run `revokebot` with `argv` (default: that of the process); return the exit status."""
    _open_output()
    try:
        status = _dispatch(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has gone; Python's own flush at exit must not complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BotError as err:
        return _complain(str(err), err.status)
    except OSError as err:
        where = f"{err.filename}: " if err.filename else ""
        return _complain(f"{where}{err.strerror or err}", BotError.status)
    except Exception as err:
        if sys.flags.dev_mode:
            raise
        text = f"internal error, {type(err).__name__}: {err}; please report it"
        return _complain(f"{text} with the output of `python -X dev -m bot ...`", BotError.status)
    return status


def _open_output() -> None:
    """Write out what the locale can't show: a name in a mail must not end a run half way."""
    if sys.stdout is None:  # the shell's `>&-`
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _complain(message: str, status: int) -> int:
    from bot.render.plain import one_line

    print(f"revokebot: {one_line(message)}", file=sys.stderr)
    return status


def _dispatch(argv: list[str]) -> int:
    name = argv[0] if argv else "--help"
    if name not in COMMANDS:
        return _top(argv)
    module = import_module(f"bot.commands.{name}")
    parser = Parser(
        prog=f"revokebot {name}",
        description=(module.__doc__ or "").partition("\n")[0],
        epilog=getattr(module, "EXIT_STATUS", EXIT_STATUS),
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--config", metavar="FILE", help="read the settings from this TOML file")
    module.add(parser)
    try:
        status: int = module.run(parser.parse_args(argv[1:]))
    except SystemExit as done:  # --help has been printed
        return int(done.code or 0)
    return status


def _top(argv: list[str]) -> int:
    """What comes without a command: help, version, or a word that is no command."""
    if argv and not argv[0].startswith("-"):
        from bot.names import nearest

        hint = nearest(argv[0], COMMANDS, "`revokebot --help` lists them")
        raise UsageError(f"'{argv[0]}' is no command{hint}")
    width = max(map(len, COMMANDS))
    parser = Parser(
        prog="revokebot",
        description="Checks kernel patch series against the DMA-buf revoke contract.",
        epilog="commands:\n"
        + "".join(f"  {name:<{width}}  {text}\n" for name, text in COMMANDS.items())
        + f"\n{EXIT_STATUS}",
        usage="revokebot COMMAND ... (`revokebot COMMAND --help` for its flags)",
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"revokebot {__version__}")
    try:
        parser.parse_args(argv or ["--help"])
    except SystemExit as done:
        return int(done.code or 0)
    raise UsageError("no command is given; see `revokebot --help`")
