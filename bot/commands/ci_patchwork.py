# SPDX-License-Identifier: GPL-2.0-or-later
"""Review series, and post a check for each of their patches that Patchwork has.

Series that no rule is about get none, unless an earlier one of ours is there
or `--all` asks for it.
"""

from __future__ import annotations

import os
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

from bot.commands.ci_flags import add_flags, announce, fail_status, server_of, tell_dry
from bot.commands.review import add_revision_flags, options_of, settings_of
from bot.config import Settings
from bot.errors import BotError, UsageError
from bot.model import Review
from bot.render.links import links
from bot.render.plain import one_line
from bot.setup import Setup
from bot.sources import SourceOptions, open_source
from bot.web.api import Api
from bot.web.branch import token_of
from bot.web.patchwork import Patchwork, checks_of
from checks.scope import in_scope

__all__ = ["add", "run"]

TOKEN = "PATCHWORK_TOKEN"


def add(parser: ArgumentParser) -> None:
    """Name the flags of `revokebot ci patchwork`."""
    parser.add_argument(
        "sources", nargs="+", metavar="SOURCE", help="as for `revokebot review`; no git range"
    )
    parser.add_argument("--url", help="of the Patchwork; default: ci.patchwork")
    parser.add_argument("--project", default="", help="only patches of this one; default: all")
    parser.add_argument(
        "--target-url", metavar="MASK", help="URL of a check, %%s is the patch's message-id"
    )
    parser.add_argument("--all", action="store_true", help="also where no rule is about the series")
    add_revision_flags(parser)
    add_flags(parser)


def run(args: Namespace) -> int:
    """Review all sources, post, and return the highest exit status that applies."""
    settings = settings_of(args)
    options, setup = options_of(args, settings), Setup.of(settings)
    patchwork = _patchwork(args, settings)
    reviews: list[Review] = []
    status = 0
    for source in args.sources:
        try:
            for review in _reviews(source, options, setup):
                reviews.append(review)
                _post(args, settings, patchwork, review, setup)
        except BotError as err:
            print(f"revokebot: {one_line(str(err))}", file=sys.stderr)
            status = max(status, err.status)
    return max(status, fail_status(reviews, settings))


def _reviews(source: str, options: SourceOptions, setup: Setup) -> Iterator[Review]:
    for posting in open_source(source, options):
        yield setup.review(posting)


def _post(
    args: Namespace, settings: Settings, patchwork: Patchwork, review: Review, setup: Setup
) -> None:
    """Post the checks of one series; say what became of it."""
    mask = args.target_url or settings.review.link_mask
    wanted = args.all or in_scope(review.posting.series, setup.scope)
    for check in checks_of(review, lambda msgid: links([msgid], mask)[0]):
        patches = patchwork.patches(check.msgid)
        if not patches and wanted:
            announce(f"{check.msgid}: that Patchwork does not have it; no check is posted")
        for patch in patches:
            if not wanted and patchwork.newest(patch) is None:
                continue
            done = patchwork.post(patch, check)
            announce(
                f"patch {patch}: {check.state}, {'' if done else 'as before, '}{check.description}"
            )


def _patchwork(args: Namespace, settings: Settings) -> Patchwork:
    url = args.url or settings.ci.patchwork
    if not url:
        raise UsageError("no Patchwork is named; give --url https://HOST, or set ci.patchwork")
    token = token_of(settings, os.environ, TOKEN)
    if not token and not args.dry_run:
        raise UsageError(f"no token: put one into ${TOKEN}, or into the file ci.token_file names")
    headers = {"Authorization": f"Token {token}"} if token else {}
    server = server_of(settings, url, headers, TOKEN, "to be of a maintainer of the project")
    api = Api(server, tell_dry if args.dry_run else None)
    return Patchwork(api, args.project, settings.ci.context, time.sleep)
