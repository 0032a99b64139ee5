# SPDX-License-Identifier: GPL-2.0-or-later
"""Dismiss what a reply tells, show what is dismissed, and take that back; nothing is sent."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError, Namespace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bot.render.plain import one_line

if TYPE_CHECKING:
    from bot.store import Store

__all__ = ["ACTIONS", "add", "number", "run"]

ACTIONS = ("dismiss", "dismissals", "undismiss")


def number(text: str) -> int:
    """The id of a reply as it is typed; the digits are as many as a database takes."""
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ArgumentTypeError(f"{text!r} is no number; `revokebot queue list` shows them")
    return int(text)


def told(text: str) -> str:
    """A reason as it is typed: it is all that is left of why nobody hears of a finding."""
    if not text.strip():
        raise ArgumentTypeError("is empty; say why")
    return text


def add(actions: Any) -> None:
    """Name the actions, and their flags, among those of `revokebot queue`."""
    dismiss = actions.add_parser(
        "dismiss", help="never tell again what a reply tells, for later revisions neither"
    )
    dismiss.add_argument("id", type=number, metavar="ID")
    dismiss.add_argument("--rule", default="", help="only what this rule found; default: all")
    dismiss.add_argument(
        "--reason",
        required=True,
        type=told,
        metavar="TEXT",
        help="why it is wrong, or not worth telling",
    )
    actions.add_parser("dismissals", help="list what is dismissed, with the reasons")
    undismiss = actions.add_parser("undismiss", help="let these be told again")
    undismiss.add_argument("fingerprint", nargs="+", metavar="FINGERPRINT")


def run(store: Store, action: str, args: Namespace, now: datetime) -> None:
    """Do what the action says."""
    if action == "dismiss":
        chosen, discarded = store.dismiss(args.id, args.reason, now, args.rule)
        for one in chosen:
            print(f"dismissed {one.fingerprint} {one.rule}")
        for id_ in dict.fromkeys((args.id, *discarded)):
            draft = store.draft(id_)
            print(f"reply {id_} is {draft.state.value}: {one_line(draft.reason)}")
    elif action == "undismiss":
        store.undismiss(args.fingerprint)
        print("the next review of the series tells it again")
    else:
        for one in store.dismissals():
            words = f"{one.fingerprint} {one.recorded:%Y-%m-%d} {one.rule}: {one.reason}"
            print(one_line(words))
