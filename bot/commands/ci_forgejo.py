# SPDX-License-Identifier: GPL-2.0-or-later
"""Review the commits of a pull request of Forgejo or Gitea, and comment on it.

Their runners give a job the variables that GitHub's give.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from functools import partial

from bot.commands.ci_flags import (
    add_flags,
    annotate,
    announce,
    ends,
    fail_status,
    payload,
    server_of,
    tell_dry,
)
from bot.commands.review import settings_of
from bot.config import Settings
from bot.errors import UsageError
from bot.web.api import Api, Server
from bot.web.branch import Branch, read_branch, token_of
from bot.web.comments import tell, wish
from bot.web.forgejo import Forgejo, dialect
from bot.web.github import pull_of
from bot.web.github_event import Event, read_event
from bot.web.report import report

__all__ = ["add", "run"]

TOKENS = ("FORGEJO_TOKEN", "GITEA_TOKEN", "GITHUB_TOKEN")
NO_TOKEN = "no token is in $FORGEJO_TOKEN"


def add(parser: ArgumentParser) -> None:
    """Name the flags of `revokebot ci forgejo`."""
    parser.add_argument("--url", help="of the API; default: $GITHUB_API_URL")
    parser.add_argument("--repo", metavar="OWNER/NAME", help="default: $GITHUB_REPOSITORY")
    parser.add_argument("--pull", type=int, metavar="N", help="default: that of the event")
    parser.add_argument("--event", metavar="FILE", help="payload; default: $GITHUB_EVENT_PATH")
    parser.add_argument("--range", metavar="A..B", help="commits; default: those of the event")
    add_flags(parser)


def run(args: Namespace) -> int:
    """Review, tell, and return the exit status."""
    settings = settings_of(args)
    settings = settings._replace(ci=settings.ci._replace(line_comments=0))
    token = token_of(settings, os.environ, *TOKENS)
    server = _server(args, settings, os.environ, token)
    api = Api(server, tell_dry if args.dry_run else None)
    repo = args.repo or os.environ.get("GITHUB_REPOSITORY", "")
    event = _event(args, os.environ, api, repo)
    repo = repo or event.repo
    branch = read_branch(event.base, event.head, settings)
    if event.number and (token or args.dry_run):
        announce(_comment(api, repo, event.number, branch, settings, server.url, blind=not token))
    else:
        why = NO_TOKEN if event.number else "no pull request is named"
        announce(f"{why}; told here")
        annotate(branch.reviews)
    return fail_status(branch.reviews, settings)


def _comment(
    api: Api, repo: str, number: int, branch: Branch, settings: Settings, url: str, *, blind: bool
) -> str:
    """Comment; return what was done."""
    if blind:
        announce(f"{NO_TOKEN}; this is what would be sent if nothing of ours were there")
    page = os.environ.get("GITHUB_SERVER_URL", "") or url.partition("/api/")[0]
    tongue = dialect(page, repo, branch.base, branch.head)
    found = tell(branch.reviews, branch.whole)
    wanted = partial(wish, branch.reviews, found, dialect=tongue, settings=settings)
    forge = Forgejo(api, repo, number, branch.head, settings.ci.context)
    return report(forge, wanted, branch.head, dry=api.dry, blind=blind).words()


def _server(args: Namespace, settings: Settings, environ: Mapping[str, str], token: str) -> Server:
    url = args.url or environ.get("GITHUB_API_URL", "")
    if not url:
        raise UsageError("no API is named; give --url https://HOST/api/v1, or $GITHUB_API_URL")
    headers = {"Authorization": f"token {token}"} if token else {}
    may = "scopes read:user, read:repository and write:issue, and to be of somebody who may comment"
    return server_of(settings, url, headers, TOKENS[0], may)


def _event(args: Namespace, environ: Mapping[str, str], api: Api, repo: str) -> Event:
    """What the flags say, else the event."""
    event = read_event(payload(args.event or environ.get("GITHUB_EVENT_PATH", "")))
    if args.pull:
        if not repo:
            raise UsageError("--pull needs --repo OWNER/NAME")
        if not args.range:
            pull = pull_of(api, repo, args.pull)
            return Event(pull.base, pull.head, pull.number)
        event = event._replace(number=args.pull)
    if args.range:
        base, head = ends(args.range)
        event = event._replace(base=base, head=head)
    if not event.base or not event.head:
        raise UsageError("nothing says which commits; give --range A..B, or --repo and --pull")
    if event.number and not (repo or event.repo):
        raise UsageError("nothing says which repository; give --repo OWNER/NAME")
    return event
