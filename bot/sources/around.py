# SPDX-License-Identifier: GPL-2.0-or-later
"""The rest of a series of which b4 gives its checks one mail at a time.

In `b4 review` the file that `B4_TRACKING_FILE` names tells where the series is;
in `b4 prep --check` it is what is checked out.  It is taken from git only, and
only where it is surely the same series: otherwise the mail stays alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from bot.errors import InputError
from bot.model import Mail, Posting
from bot.sources.body import split_body
from bot.sources.git import RANGE_CAP, last_mails, range_mails
from bot.sources.mail import Scan, read_mail
from bot.sources.mbox import split_mbox
from bot.sources.series import assemble
from bot.sources.subject import parse_subject
from bot.sources.tree import GitTree
from checks.api import Patch
from checks.source.change import FileChange
from checks.source.pattern import pattern

__all__ = ["TRACKING", "whole"]

TRACKING = "B4_TRACKING_FILE"
"""The variable by which `b4 review` tells a check what it knows of the series (b4 0.16)."""

_HASH = pattern(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Tracked(NamedTuple):
    """What b4's file tells of a series that is reviewed."""

    branch: str
    first: str
    """Commit of the first patch; empty when the file names none."""
    thread: str
    """Blob with all mails of the thread as an mboxrd; empty before b4 has kept one."""
    cover: str
    """Message-id of the cover letter, or of the first patch where there is none."""
    patches: tuple[tuple[str, str], ...]
    """Message-id and subject of each."""


def whole(posting: Posting, folder: Path, environ: Mapping[str, str]) -> Posting:
    """`posting` with the whole of its series where the git tree at `folder` has it.

    The mails stay those that were given: they tell what was asked about.  Raises
    InputError for a tracking file that cannot be read.
    """
    series = posting.series
    if series.complete:
        return posting
    if name := environ.get(TRACKING):
        tracked = _read(Path(name))
        found = _thread(posting, tracked, folder) or _branch(posting, tracked, folder)
    else:
        found = _checked_out(posting, folder)
    return found._replace(mails=posting.mails) if found else posting


def _read(path: Path) -> Tracked:
    try:
        told = json.loads(path.read_bytes())
        series = told["series"]
        thread, first = (
            str(series.get(key) or "") for key in ("thread-blob", "first-patch-commit")
        )
        return Tracked(
            branch=f"refs/heads/b4/review/{series['change-id']}",
            first=first if _HASH.fullmatch(first) else "",
            thread=thread if _HASH.fullmatch(thread) else "",
            cover=str(series["header-info"].get("msgid", "")),
            patches=tuple(
                (str(p["header-info"]["msgid"]), str(p["title"])) for p in told["patches"]
            ),
        )
    except OSError as error:
        raise InputError(f"{TRACKING}: {path}: {error.strerror}; run the checks again") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        text = f"{TRACKING}: {path}: is not what b4 0.16 writes; unset it to review a patch alone"
        raise InputError(text) from error


def _thread(posting: Posting, tracked: Tracked, folder: Path) -> Posting | None:
    """The series out of the mails that b4 has kept."""
    if not tracked.thread:
        return None
    with GitTree(folder) as tree:
        box = tree.blob(tracked.thread) or b""
    for one in assemble(map(read_mail, split_mbox(iter([box])))):
        if one.series.complete and posting.mails.keys() <= one.mails.keys():
            return one
    return None


def _branch(posting: Posting, tracked: Tracked, folder: Path) -> Posting | None:
    """The series out of the commits of the review branch, below the one with b4's notes."""
    total = posting.series.total
    known = {tracked.cover, *(msgid for msgid, _ in tracked.patches)}
    if not tracked.first or len(tracked.patches) != total or not posting.mails.keys() <= known:
        return None
    raws: list[bytes] = []
    with suppress(InputError):  # the branch is not here any more
        raws = range_mails(folder, f"{tracked.first}^..{tracked.branch}")
    return _made(posting, _patches(raws, tracked.patches)) if len(raws) == total else None


def _checked_out(posting: Posting, folder: Path) -> Posting | None:
    """The series out of the last commits at HEAD, if the patch is the one at its place there."""
    patches, total = posting.series.patches, posting.series.total
    if len(patches) != 1 or total > RANGE_CAP:
        return None
    raws: list[bytes] = []
    with suppress(InputError):  # we are in no git tree
        # b4 keeps the cover letter in an empty commit before or after the patches, or in none.
        raws = last_mails(folder, total + 1)[-total:]
    if len(raws) != total:
        return None
    found = _patches(raws, [_name(read_mail(raw), at, total) for at, raw in enumerate(raws, 1)])
    own = patches[0]
    at = own.number - 1
    if not _same(found[at], own):
        return None
    found[at] = found[at]._replace(msgid=own.msgid, subject=own.subject)
    return _made(posting, found)


def _name(mail: Mail | Scan, number: int, total: int) -> tuple[str, str]:
    """Message-id and subject of a commit as a patch of a series."""
    return mail.msgid, f"[PATCH {number}/{total}] {parse_subject(mail.subject).title}"


def _patches(raws: Iterable[bytes], names: Sequence[tuple[str, str]]) -> list[Patch]:
    """Patches out of the mails of commits, with these message-ids and subjects."""
    patches = []
    for number, (raw, (msgid, subject)) in enumerate(zip(raws, names, strict=True), 1):
        body = split_body(getattr(read_mail(raw), "text", ""))
        patches.append(Patch(number, msgid, subject, body.message, body.diff))
    return patches


def _made(posting: Posting, patches: Sequence[Patch]) -> Posting:
    return posting._replace(series=posting.series._replace(patches=tuple(patches)))


def _same(commit: Patch, mail: Patch) -> bool:
    """Whether both lead from the same contents to the same, by the hashes that git gives."""
    ours, theirs = commit.change.all_files, mail.change.all_files
    return len(ours) == len(theirs) and all(map(_same_file, ours, theirs))


def _same_file(ours: FileChange, theirs: FileChange) -> bool:
    if ours.damage is not None or theirs.damage is not None:
        return False
    one, other = ours.diff, theirs.diff
    return (
        (one.old_path, one.new_path) == (other.old_path, other.new_path)
        and one.old_oid.startswith(other.old_oid)
        and one.new_oid.startswith(other.new_oid)
    )
