# SPDX-License-Identifier: GPL-2.0-or-later
"""Show what people told the bot by mail, and what came of it, and take a wish back at a shell."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from bot.errors import UsageError
from bot.render.plain import one_line

if TYPE_CHECKING:
    from bot.store import Store

__all__ = ["ACTIONS", "add", "run"]

ACTIONS = ("orders", "leaves", "unleave")
MOST = 50
"""Mails with orders that are shown."""


def add(actions: Any) -> None:
    """Name the actions, and their flags, among those of `revokebot queue`."""
    actions.add_parser("orders", help="list what came of the last orders by mail, and why")
    actions.add_parser("leaves", help="list who asked by mail to be left alone, or written to")
    unleave = actions.add_parser("unleave", help="forget what was asked about these")
    unleave.add_argument("what", nargs="+", metavar="ADDRESS|LIST-ID|MESSAGE-ID")


def run(store: Store, action: str, args: Namespace) -> None:
    """Do what the action says."""
    if action == "orders":
        for moment, heard in store.orders(MOST):
            print(f"{moment:%Y-%m-%d %H:%M} UTC {one_line(f'{heard.author} <{heard.msgid}>')}")
            for one in heard.outcomes:
                done = "done" if one.done else "ignored"
                print(f"      {one_line(one.line)}\n      {done}: {one_line(one.words)}")
    elif action == "leaves":
        for wish in store.leaves():
            asked = f"{wish.who} asked on {wish.since:%Y-%m-%d} in <{wish.mail}>"
            print(one_line(f"{wish.kind} {wish.what}: {asked}"))
    else:
        for what in args.what:
            if not store.unleave(what.strip("<> ").lower()) and not store.unleave(what.strip("<>")):
                raise UsageError(f"nobody asked about {what}; `revokebot queue leaves` lists them")
            print(f"{what}: only the configuration counts now")
