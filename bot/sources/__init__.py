# SPDX-License-Identifier: GPL-2.0-or-later
"""Where patch series come from: `open_source` takes whatever a user names and yields postings.

    mbox, mboxrd, .eml, Maildir, `-`   bot.sources.mbox
    A..B, REV^!, public-inbox clone    bot.sources.git
    message-id or URL                  bot.sources.archive (b4 in a child process)

All of them give raw mails; parsing (`mail`), grouping (`series`) and choice of
the revision (`lineage`) are the same for all, and pure.  A source never
changes what it reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bot.errors import InputError
from bot.model import Posting
from bot.sources.mail import read_mail
from bot.sources.mbox import Progress
from bot.sources.options import SourceOptions
from bot.sources.series import assemble
from bot.sources.series import select as select_revision
from checks.api import Problem

__all__ = ["Progress", "SourceOptions", "open_mails", "open_source", "open_thread", "postings_of"]


def open_source(
    spec: str, options: SourceOptions = SourceOptions(), progress: Progress | None = None
) -> Iterator[Posting]:
    """Yield the postings of `spec`: the newest revision of each series, or what `options` ask.

    `spec` is a file, a folder, `-`, a git range, a message-id or an archive's
    URL.  `progress(done, total)` is called while mails are read: bytes for
    files, mails otherwise, total 0 when unknown.  Raises InputError when it
    cannot be read or holds no patch, ArchiveError when a server is in the way.
    """
    notes: list[Problem] = []
    postings = assemble(map(read_mail, _open(spec, options, progress, notes)))
    for posting in postings_of(spec, postings, options):
        yield posting._replace(problems=(*posting.problems, *notes)) if notes else posting


def open_thread(spec: str, options: SourceOptions) -> tuple[list[bytes], list[Posting]]:
    """All mails of `spec`, replies too, and every series in them.  Raises like `open_source`."""
    notes: list[Problem] = []
    raws = list(_open(spec, options, None, notes))
    postings = assemble(map(read_mail, raws))
    return raws, [one._replace(problems=(*one.problems, *notes)) for one in postings]


def postings_of(spec: str, postings: list[Posting], options: SourceOptions) -> list[Posting]:
    """Of the postings of `spec`, those that `options` ask for.  Raises InputError for none."""
    if not postings:
        raise InputError(f"{spec}: holds no patch; a patch's subject has a [PATCH] tag")
    if options.every:
        return postings
    local = spec == "-" or _exists(Path(spec))
    chosen = select_revision(postings if local else _named(spec, postings), options.revision)
    if not chosen:
        there = ", ".join(str(number) for number in sorted({p.series.revision for p in postings}))
        raise InputError(f"{spec}: has no revision {options.revision}; there is {there}")
    return chosen


def _named(spec: str, postings: list[Posting]) -> list[Posting]:
    """Where `spec` names a mail of one of the series, that series alone, in all revisions."""
    from bot.sources.lineage import line_of, lineages
    from bot.sources.msgid import is_target, parse_target

    if not is_target(spec):
        return postings
    return line_of(parse_target(spec).msgid, lineages(postings)) or postings


def open_mails(
    spec: str, options: SourceOptions = SourceOptions(), progress: Progress | None = None
) -> Iterator[bytes]:
    """The raw mails that `spec` names.  Raises like `open_source`."""
    return _open(spec, options, progress, [])


def _open(
    spec: str, options: SourceOptions, progress: Progress | None, notes: list[Problem]
) -> Iterator[bytes]:
    """The raw mails; what an archive could not tell is added to `notes`."""
    from bot.sources import mbox

    if spec == "-":
        return mbox.read_stdin(progress)
    path = Path(spec)
    if "://" not in spec and _exists(path):
        return _open_folder(path, progress) if path.is_dir() else mbox.read_file(path, progress)
    return _open_name(spec, options, notes)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # longer than any file name: a message-id may be
        return False


def _open_folder(path: Path, progress: Progress | None) -> Iterator[bytes]:
    from bot.sources import git, mbox

    if mbox.is_maildir(path):
        return mbox.maildir_mails(path, progress)
    if git.find_epochs(path):
        return git.inbox_mails(path, progress)
    if (path / ".git").exists():
        raise InputError(f"{path}: is a git tree; give a range A..B and --tree {path}")
    raise InputError(
        f"{path}: is neither a Maildir nor a public-inbox clone; give its files instead"
    )


def _open_name(spec: str, options: SourceOptions, notes: list[Problem]) -> Iterator[bytes]:
    from bot.sources.msgid import is_target

    if is_target(spec):
        from bot.sources.archive import fetch

        thread = fetch(spec, options)
        notes += thread.notes
        return iter(thread.mails)
    from bot.sources import git

    if git.is_range(spec):
        return iter(git.range_mails(options.tree or Path(), spec))
    raise InputError(f"{spec}: no such file; give a file, a folder, a range A..B or a message-id")
