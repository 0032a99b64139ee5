# SPDX-License-Identifier: GPL-2.0-or-later
"""A series that b4 took into a review branch, checked by b4's own code.

What `b4 review tui` does of it, in its order: make the branch of the mails, keep
the thread as a blob, write what is tracked into a file, run the commands that
git's configuration names, put the results into b4's cache.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tests.b4.running import in_b4
from tests.web.branches import Repository

__all__ = ["TAKEN", "Checked", "check", "mails_of"]

TAKEN = """
import argparse, io, json, os, sys
import b4, b4.review, b4.review.checks as checks, liblore.utils

b4.setup_config(argparse.Namespace(config={}, offline_mode=True))
b4.can_network = False
top = b4.git_get_toplevel()
thread = liblore.utils.split_mbox(open(box, "rb").read())
lmbx = b4.LoreMailbox()
for msg in thread:
    lmbx.add_message(msg)
series = lmbx.get_series(codereview_trailers=False)
ready = io.BytesIO()
b4.save_git_am_mbox(series.get_am_ready(noaddtrailers=True), ready)
BRANCH = "b4/review/frob"
if not b4.git_branch_exists(top, BRANCH):
    b4.git_fetch_am_into_repo(top, ambytes=ready.getvalue(), at_base="master", origin="none")
    b4.review.create_review_branch(top, BRANCH, "master", series, "none", "https://lore.example/%s")
    b4.git_run_command(top, ["checkout", "-q", "master"])
"""
"""Takes the mails in the file that `box` names into a review branch."""
SCRIPT = (
    """
import sys
box, keep, track = sys.argv[1:]
"""
    + TAKEN
    + """
if keep == "keep":
    b4.review.tracking._store_thread_blob(top, "frob", thread)
extra = {}
if track == "track":
    extra["B4_TRACKING_FILE"] = os.path.join(os.environ["HOME"], "tracking.json")
    _, tracking = b4.review.load_tracking(top, BRANCH)
    with open(extra["B4_TRACKING_FILE"], "w") as fp:
        json.dump(tracking, fp, indent=2)
perpatch, whole = checks.load_check_cmds()
parts = [(p.msgid, p.msg) for p in series.patches[1:] if p is not None]
done = checks.run_perpatch_checks(parts, perpatch, top, extra_env=extra)
cover = series.patches[0] or series.patches[1]
told = checks.run_series_checks((cover.msgid, cover.msg), whole, top, extra_env=extra)
conn = checks.get_db()
for msgid, results in done.items():
    checks.store_results(conn, msgid, results)
checks.store_results(conn, cover.msgid, told)
order = [cover.msgid, *(msgid for msgid, _ in parts)]
kept = checks.get_cached_results(conn, order)
json.dump([kept.get(msgid, []) for msgid in order], sys.stdout)
"""
)


class Checked(NamedTuple):
    """What b4 keeps, and shows, of the checks."""

    cover: list[dict[str, str]]
    patches: list[list[dict[str, str]]]


def mails_of(made: Repository) -> str:
    """The branch as it would be mailed, with a cover letter."""
    return (
        made.git("format-patch", "--stdout", "--thread", "--cover-letter", "master..topic") + "\n"
    )


def check(made: Repository, mails: str, *, keep: bool, track: bool = True) -> Checked:
    """Take `mails` into a review branch of `made`, run the checks.

    Parameters
    ----------
    keep: let b4 keep the thread as a blob, as it does at its first update
    track: give the commands the tracking file, as for a series that has a review branch
    """
    box: Path = made.path.parent / "thread.mbox"
    box.write_text(mails, encoding="utf-8")
    flags = ("keep" if keep else "", "track" if track else "")
    cover, *patches = in_b4(made, SCRIPT, str(box), *flags)
    return Checked(cover, patches)
