# SPDX-License-Identifier: GPL-2.0-or-later
"""Review the commits of a pull request, and comment on it.

In a workflow all that is needed comes from the environment.  Where comments
can't be written, as for a pull request from a fork, annotations and the job's
summary tell the same.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path

from bot.commands.ci_comment import comment
from bot.commands.ci_event import add_event_flags, annotate, asked_for, complete
from bot.commands.ci_flags import add_flags, announce, fail_status, server_of, tell_dry
from bot.commands.review import settings_of
from bot.config import Settings
from bot.errors import DeniedError, ForgeError, GoneError, InvalidError
from bot.render import document
from bot.sources.git import commit
from bot.web.api import Api, Server
from bot.web.branch import Branch, read_branch, token_of
from bot.web.github import GitHub, Pull, dialect, pulls_at
from bot.web.github_event import Event

__all__ = ["add", "run"]

MOST_SUMMARY = 1 << 18
"""Characters of a job's summary, which has room for a MiB, at most four bytes each."""
TOKENS = ("GITHUB_TOKEN", "GH_TOKEN")
PAUSE = 1.0
"""Seconds between changes that are many (docs.github.com: Best practices for the REST API)."""


def add(parser: ArgumentParser) -> None:
    """Name the flags of `revokebot ci github`."""
    add_event_flags(parser)
    add_flags(parser)


def run(args: Namespace) -> int:
    """Review, tell, and return the exit status."""
    settings = settings_of(args)
    environ = os.environ
    token = token_of(settings, environ, *TOKENS)
    api = Api(_server(settings, environ, token), tell_dry if args.dry_run else None)
    job = _job(args, environ, api, settings, token)
    branch = read_branch(job.base, job.head, settings)
    _summarise(branch, settings, environ.get("GITHUB_STEP_SUMMARY", ""), dry=args.dry_run)
    if not _commented(args, api, job, branch, settings, token):
        annotate(branch.reviews)
    return fail_status(branch.reviews, settings)


def _commented(
    args: Namespace, api: Api, job: Event, branch: Branch, settings: Settings, token: str
) -> bool:
    """Whether comments tell it all; else why not is said."""
    if not job.number:
        announce("no pull request of its own is at this commit; told as annotations")
        return False
    if not token and not args.dry_run:
        announce("no token is in $GITHUB_TOKEN; told as annotations")
        return False
    if not token:
        announce(
            "no token is in $GITHUB_TOKEN; this is what would be sent with one that may write"
            " comments, if nothing of ours were there"
        )
    page = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
    tongue = dialect(page, job.repo, branch.base, branch.head)
    forge = GitHub(api, job.repo, job.number, branch.head, settings.ci.context)
    try:
        comment(forge, tongue, branch, settings, dry=args.dry_run, blind=not token)
    except DeniedError as err:
        _unless_unknown(err)
        announce("told as annotations")
        return False
    return True


def _server(settings: Settings, environ: Mapping[str, str], token: str) -> Server:
    headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    url = environ.get("GITHUB_API_URL", "https://api.github.com")
    may = "permission to read contents, and to write pull requests"
    return server_of(settings, url, headers, TOKENS[0], may)._replace(pause=PAUSE)


def _job(
    args: Namespace, environ: Mapping[str, str], api: Api, settings: Settings, token: str
) -> Event:
    """What the flags say, else the event, else the forge."""
    event = asked_for(args, environ, api)
    if event.head and event.repo and token and not event.number:
        head = commit(settings.review.tree or Path(), event.head)
        pull = _pull_at(api, event.repo, head)
        if pull is not None:
            event = event._replace(number=pull.number)
            # A push may be of its last commits only, and it is one comment for all of them.
            if not args.range:
                event = event._replace(base=pull.base, head=pull.head)
    return complete(event)


def _pull_at(api: Api, repo: str, head: str) -> Pull | None:
    """The pull request that is at the commit `head`, where there is one that we may know of."""
    try:
        found = pulls_at(api, repo, head)
    except (DeniedError, GoneError, InvalidError) as err:
        _unless_unknown(err)
        return None
    return found[0] if len(found) == 1 else None


def _unless_unknown(err: ForgeError) -> None:
    """Tell why GitHub does not do it.  Raises `err` where it does not even know the token."""
    if "HTTP 401" in str(err):
        raise err
    announce(str(err))


def _summarise(branch: Branch, settings: Settings, path: str, *, dry: bool) -> None:
    """Add the review to the job's summary, where there is a job."""
    if not path or dry:
        return
    text = document.render(branch.reviews, settings, MOST_SUMMARY)
    with open(path, "ab") as file:
        file.write(text.encode("utf-8", "replace"))
