# SPDX-License-Identifier: GPL-2.0-or-later
"""Review the commits of a merge request, and comment on it.

In a job all but the token comes from the environment.  `--code-quality` writes
a report that GitLab shows in the merge request, for which no token is needed.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from bot.commands.ci_comment import comment
from bot.commands.ci_flags import add_flags, announce, ends, fail_status, server_of, tell_dry
from bot.commands.output import opened
from bot.commands.review import settings_of
from bot.config import Settings
from bot.errors import ForgeError, UsageError
from bot.render import codequality
from bot.web.api import Api, Server
from bot.web.branch import Branch, read_branch, token_of
from bot.web.gitlab import GitLab, Request, dialect, path_of, request_of

__all__ = ["add", "run"]

TOKENS = ("GITLAB_TOKEN",)
NO_TOKEN = "no token is in $GITLAB_TOKEN ($CI_JOB_TOKEN can't comment)"
PROJECT = ("CI_MERGE_REQUEST_PROJECT_ID", "CI_PROJECT_ID")
HEAD = ("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "CI_COMMIT_SHA")
"""Of a pipeline for the merged result, the latter is a commit that nobody has pushed."""


class _Job(NamedTuple):
    """What is to be reviewed, and where that is told."""

    project: str
    """Id or path; empty where nothing tells."""
    number: int
    """Of the merge request; 0 for none."""
    base: str
    head: str


def add(parser: ArgumentParser) -> None:
    """Name the flags of `revokebot ci gitlab`."""
    parser.add_argument("--url", help="of the API; default: $CI_API_V4_URL")
    parser.add_argument("--project", metavar="PATH", help="or its id; default: that of the job")
    parser.add_argument(
        "--merge-request", type=int, metavar="IID", help="default: $CI_MERGE_REQUEST_IID"
    )
    parser.add_argument("--range", metavar="A..B", help="commits; default: those of the request")
    parser.add_argument("--code-quality", metavar="FILE", help="write a Code Quality report, too")
    add_flags(parser)


def run(args: Namespace) -> int:
    """Review, tell, and return the exit status."""
    settings = settings_of(args)
    token = token_of(settings, os.environ, *TOKENS)
    server = _server(args, settings, os.environ, token)
    api = Api(server, tell_dry if args.dry_run else None)
    job = _job(args, os.environ, api)
    branch = read_branch(job.base, job.head, settings)
    if args.code_quality:
        # First: it is all that there is where nobody may comment.
        with opened(args.code_quality) as out:
            out.write(codequality.render(branch.reviews, settings).encode("utf-8", "replace"))
    if not job.number:
        announce("no merge request is named; give --merge-request IID to comment on one")
    elif token or args.dry_run:
        _comment(args, api, job, branch, settings, blind=not token)
    else:
        announce(f"{NO_TOKEN}; nothing is said there")
    return fail_status(branch.reviews, settings)


def _comment(
    args: Namespace, api: Api, job: _Job, branch: Branch, settings: Settings, *, blind: bool
) -> None:
    if blind:
        announce(f"{NO_TOKEN}; this is what would be sent if nothing of ours were there")
        path = path_of(job.project, job.number)
        page = os.environ.get("CI_MERGE_REQUEST_PROJECT_URL", "")
        known = Request(path, page, branch.base, branch.base, branch.head)
    else:
        known = request_of(api, job.project, job.number)
    tongue = dialect(known.page.partition("/-/merge_requests")[0], branch.base, branch.head)
    forge = GitLab(api, job.project, job.number, known, settings.ci.context)
    comment(forge, tongue, branch, settings, dry=args.dry_run, blind=blind)


def _server(args: Namespace, settings: Settings, environ: Mapping[str, str], token: str) -> Server:
    url = args.url or environ.get("CI_API_V4_URL", "")
    if not url:
        raise UsageError("no API is named; give --url https://HOST/api/v4, or $CI_API_V4_URL")
    authority = environ.get("CI_SERVER_TLS_CA_FILE", "")
    headers = {"PRIVATE-TOKEN": token} if token else {}
    server = server_of(settings, url, headers, TOKENS[0], "scope api, and the role of a developer")
    return server if server.ca_file or not authority else server._replace(ca_file=Path(authority))


def _job(args: Namespace, environ: Mapping[str, str], api: Api) -> _Job:
    """What the flags say, else the job, else the forge."""
    # A pipeline in a fork has the fork's id, too.
    project = args.project or next((environ[name] for name in PROJECT if environ.get(name)), "")
    number = args.merge_request or _number(environ)
    if args.range:
        return _Job(project, number, *ends(args.range))
    base = environ.get("CI_MERGE_REQUEST_DIFF_BASE_SHA", "")
    head = next((environ[name] for name in HEAD if environ.get(name)), "")
    if args.merge_request or not (base and head):
        if not project or not number:
            raise UsageError(
                "nothing says which commits; give --range A..B, or --project and --merge-request"
            )
        found = request_of(api, project, number)
        base, head = found.base, found.head
        if not base:
            raise ForgeError(f"{found.path}: has no diff yet; try again later, or give --range")
    return _Job(project, number, base, head)


def _number(environ: Mapping[str, str]) -> int:
    """Of the merge request that the job is for; 0 for none."""
    text = environ.get("CI_MERGE_REQUEST_IID") or "0"
    if not (text.isascii() and text.isdigit()):
        raise UsageError(f"CI_MERGE_REQUEST_IID is no number: {text}; give --merge-request IID")
    return int(text)
