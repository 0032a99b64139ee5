# SPDX-License-Identifier: GPL-2.0-or-later
"""Review the commits of a merge request, and comment on it.

In a job all but the token comes from the environment.  `--code-quality` writes
a report that GitLab shows in the merge request, for which no token is needed.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bot.commands.ci_flags import add_flags, announce, ends, fail_status, tell_dry
from bot.commands.output import opened
from bot.commands.review import settings_of
from bot.config import Settings
from bot.errors import UsageError
from bot.render import codequality
from bot.web.api import Api, Server
from bot.web.branch import Branch, read_branch, token_of
from bot.web.comments import tell, wish
from bot.web.gitlab import GitLab, dialect, request_of
from bot.web.report import report

__all__ = ["add", "run"]

TOKENS = ("GITLAB_TOKEN",)
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
    parser.add_argument("--project", metavar="PATH", help="or its id; default: $CI_PROJECT_ID")
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
    if args.code_quality and not args.dry_run:
        with opened(args.code_quality) as out:
            out.write(codequality.render(branch.reviews, settings).encode("utf-8", "replace"))
    if not job.number:
        announce("no merge request is named; give --merge-request IID to comment on one")
    elif not token:
        announce(
            "no token is in $GITLAB_TOKEN ($CI_JOB_TOKEN can't comment); nothing is said there"
        )
    else:
        announce(_comment(args, api, job, branch, settings))
    return fail_status(branch.reviews, settings)


def _comment(args: Namespace, api: Api, job: _Job, branch: Branch, settings: Settings) -> str:
    """Comment; return what was done."""
    found = tell(branch.reviews, branch.whole)
    page = request_of(api, job.project, job.number).page.partition("/-/merge_requests")[0]
    tongue = dialect(page, branch.base, branch.head)
    wanted = partial(wish, branch.reviews, found, dialect=tongue, settings=settings)
    forge = GitLab(api, job.project, job.number, settings.ci.context)
    return report(forge, wanted, branch.head, dry=args.dry_run).words()


def _server(args: Namespace, settings: Settings, environ: Mapping[str, str], token: str) -> Server:
    url = args.url or environ.get("CI_API_V4_URL", "")
    if not url:
        raise UsageError("no API is named; give --url https://HOST/api/v4, or $CI_API_V4_URL")
    authority = environ.get("CI_SERVER_TLS_CA_FILE", "")
    return Server(
        url,
        {"PRIVATE-TOKEN": token} if token else {},
        "ci.token_file" if settings.ci.token_file else "$GITLAB_TOKEN",
        "scope api, and the role of a developer",
        settings.ci.timeout,
        settings.ci.deadline,
        settings.ci.ca_file or (Path(authority) if authority else None),
    )


def _job(args: Namespace, environ: Mapping[str, str], api: Api) -> _Job:
    """What the flags say, else the job, else the forge."""
    project = args.project or environ.get("CI_PROJECT_ID", "")
    number = args.merge_request or int(environ.get("CI_MERGE_REQUEST_IID") or 0)
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
    return _Job(project, number, base, head)
