# SPDX-License-Identifier: GPL-2.0-or-later
"""Say in a forge, or in Patchwork, what a review of a series says; edit it at each push.

Each action is a module of its own, imported when it is asked for.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from importlib import import_module

__all__ = ["add", "run"]

ACTIONS = {
    "github": "comment on a pull request, from a workflow or by hand",
    "gitlab": "comment on a merge request, from a job or by hand",
    "forgejo": "comment on a pull request of Forgejo or Gitea, from a job or by hand",
    "patchwork": "post a check for each patch of a series",
}


def add(parser: ArgumentParser) -> None:
    """Name the actions of `revokebot ci`, each with its flags."""
    actions = parser.add_subparsers(dest="action", metavar="WHERE", title="where", required=True)
    for name, text in ACTIONS.items():
        import_module(f"bot.commands.ci_{name}").add(actions.add_parser(name, help=text))


def run(args: Namespace) -> int:
    """Do what the action says."""
    status: int = import_module(f"bot.commands.ci_{args.action}").run(args)
    return status
