# SPDX-License-Identifier: GPL-2.0-or-later
"""What jobs of GitHub, Forgejo and Gitea have in common: variables, the event, annotations."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path

from bot.commands.ci_flags import ends
from bot.errors import InputError, UsageError
from bot.landing import shown
from bot.model import Review
from bot.render.annotations import render
from bot.render.plain import one_line
from bot.told import told
from bot.web.api import Api
from bot.web.github import pull_of
from bot.web.github_event import Event, read_event

__all__ = ["add_event_flags", "annotate", "asked_for", "complete"]


def add_event_flags(parser: ArgumentParser) -> None:
    """Name the flags that say what a job is for."""
    parser.add_argument("--repo", metavar="OWNER/NAME", help="default: $GITHUB_REPOSITORY")
    parser.add_argument("--pull", type=int, metavar="N", help="default: that of the event")
    parser.add_argument("--event", metavar="FILE", help="payload; default: $GITHUB_EVENT_PATH")
    parser.add_argument("--range", metavar="A..B", help="commits; default: those of the event")


def asked_for(args: Namespace, environ: Mapping[str, str], api: Api) -> Event:
    """What the flags say, else the event, or the pull request `--pull` itself.

    Raises `InputError`, `UsageError`, `ForgeError`.
    """
    repo = args.repo or environ.get("GITHUB_REPOSITORY", "")
    if not args.pull:
        event = _event(args.event or environ.get("GITHUB_EVENT_PATH", ""))
        event = event._replace(repo=repo or event.repo)
    elif not repo:
        raise UsageError("--pull needs --repo OWNER/NAME")
    elif args.range:
        event = Event(number=args.pull, repo=repo)
    else:
        pull = pull_of(api, repo, args.pull)
        event = Event(pull.base, pull.head, pull.number, repo)
    if args.range:
        base, head = ends(args.range)
        event = event._replace(base=base, head=head)
    return event


def complete(event: Event) -> Event:
    """`event`, if it says what to review, and where that is told.  Raises `UsageError`."""
    if not event.base or not event.head:
        raise UsageError("nothing says which commits; give --range A..B, or --repo and --pull")
    if event.number and not event.repo:
        raise UsageError("nothing says which repository; give --repo OWNER/NAME")
    return event


def annotate(reviews: Sequence[Review]) -> None:
    """Print all that is told as workflow commands, which runners know and show."""
    for review in reviews:
        spots = ((one, shown(one, review.posting.series)) for one in told(review))
        sys.stdout.write("".join(render(spots)))


def _event(path: str) -> Event:
    """The event in the file `path`; an empty one for no path."""
    try:
        return read_event(json.loads(Path(path).read_text("utf-8")) if path else {})
    except (OSError, ValueError) as err:
        raise InputError(f"{path}: no event can be read from it ({one_line(str(err))})") from err
