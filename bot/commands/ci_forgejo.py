# SPDX-License-Identifier: GPL-2.0-or-later
"""Review the commits of a pull request of Forgejo or Gitea, and comment on it.

Their runners give a job the variables that GitHub's give.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping

from bot.commands.ci_comment import comment
from bot.commands.ci_event import add_event_flags, annotate, asked_for, complete
from bot.commands.ci_flags import add_flags, announce, fail_status, server_of, tell_dry
from bot.commands.review import settings_of
from bot.config import Settings
from bot.errors import UsageError
from bot.web.api import Api, Server
from bot.web.branch import Branch, read_branch, token_of
from bot.web.forgejo import Forgejo, dialect
from bot.web.github_event import Event

__all__ = ["add", "run"]

TOKENS = ("FORGEJO_TOKEN", "GITEA_TOKEN", "GITHUB_TOKEN")
NO_TOKEN = "no token is in $FORGEJO_TOKEN"


def add(parser: ArgumentParser) -> None:
    """Name the flags of `revokebot ci forgejo`."""
    parser.add_argument("--url", help="of the API; default: $GITHUB_API_URL")
    add_event_flags(parser)
    add_flags(parser)


def run(args: Namespace) -> int:
    """Review, tell, and return the exit status."""
    settings = settings_of(args)
    token = token_of(settings, os.environ, *TOKENS)
    server = _server(args, settings, os.environ, token)
    api = Api(server, tell_dry if args.dry_run else None)
    event = complete(asked_for(args, os.environ, api))
    branch = read_branch(event.base, event.head, settings)
    if event.number and (token or args.dry_run):
        _comment(api, server.url, event, branch, settings, blind=not token)
    else:
        why = NO_TOKEN if event.number else "no pull request is named"
        announce(f"{why}; told here")
        annotate(branch.reviews)
    return fail_status(branch.reviews, settings)


def _comment(
    api: Api, url: str, event: Event, branch: Branch, settings: Settings, *, blind: bool
) -> None:
    if blind:
        announce(f"{NO_TOKEN}; this is what would be sent if nothing of ours were there")
    page = os.environ.get("GITHUB_SERVER_URL", "") or url.partition("/api/")[0]
    tongue = dialect(page, event.repo, branch.base, branch.head)
    forge = Forgejo(api, event.repo, event.number, branch.head, settings.ci.context)
    comment(forge, tongue, branch, settings, dry=api.dry, blind=blind)


def _server(args: Namespace, settings: Settings, environ: Mapping[str, str], token: str) -> Server:
    url = args.url or environ.get("GITHUB_API_URL", "")
    if not url:
        raise UsageError("no API is named; give --url https://HOST/api/v1, or $GITHUB_API_URL")
    headers = {"Authorization": f"token {token}"} if token else {}
    may = "scopes read:user, read:repository and write:issue, and to be of somebody who may comment"
    return server_of(settings, url, headers, TOKENS[0], may)
