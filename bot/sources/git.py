# SPDX-License-Identifier: GPL-2.0-or-later
"""Read mails out of git: a range of a local tree, or the epochs of a public-inbox v2 clone.

A range gives the mails that `git format-patch --stdout` makes, whatever the
user's configuration says.  An epoch is read by one `git cat-file` process in
arrival order.  Nothing is fetched, checked out or written.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from bot.errors import InputError
from bot.sources.gitcmd import explain, git, open_git
from bot.sources.mbox import Progress
from checks.source.pattern import pattern

__all__ = [
    "commit", "count_commits", "epoch_mails", "find_epochs", "inbox_mails", "is_range",
    "last_mails", "merge_base", "range_diff", "range_mails",
]  # fmt: skip

PIPE = 1 << 20
"""Bytes between git and us."""
RANGE_CAP = 500
"""Commits of a range; more is a mistyped range, not a series."""

_WHOLE = "fetch the whole history (`fetch-depth: 0` on GitHub, `GIT_DEPTH: 0` on GitLab)"
_RANGE = pattern(r"[^-\s:][^\s:]{0,400}(?:\^!|\.\.\.?[^\s:]{0,400})|\.\.\.?[^\s:]{1,400}")
_COMMIT_LINE = pattern(rb"^From [0-9a-f]{40,64} Mon Sep 17 00:00:00 2001\n", re.MULTILINE)
_ESCAPED = pattern(rb"^>(>*From )", re.MULTILINE)

_PLAIN = """
    -c diff.noprefix=false -c diff.mnemonicPrefix=false -c diff.suppressBlankEmpty=false
    -c diff.wsErrorHighlight=none -c diff.submodule=short -c diff.ignoreSubmodules=none
    -c diff.relative=false
"""
"""Every setting by which a user's configuration could change what a diff looks like."""
_PLAIN_DIFF = """
    --src-prefix=a/ --dst-prefix=b/ --full-index --unified=3 --inter-hunk-context=0
    --diff-algorithm=myers --indent-heuristic -M -O/dev/null --no-ext-diff --no-textconv
    --no-color --no-relative
"""
_FORMAT_PATCH = f"""
    {_PLAIN} -c format.headers= -c format.numbered=auto
    -c format.useAutoBase=false -c format.notes=false -c format.mboxrd=false
    -c log.mailmap=false format-patch --stdout --pretty=mboxrd --encoding=UTF-8
    {_PLAIN_DIFF} --subject-prefix=PATCH --no-signature --no-cover-letter --no-thread
    --no-attach --no-signoff --no-from --no-to --no-cc --no-add-header --no-base --no-notes
    --encode-email-headers
"""
"""Every option by which a user's configuration could change what a patch looks like."""


def is_range(spec: str) -> bool:
    """Whether `spec` looks like `A..B` or `REV^!` rather than a message-id."""
    return _RANGE.fullmatch(spec) is not None


def range_mails(tree: Path, spec: str) -> list[bytes]:
    """The mails of a commit range of `tree`, oldest first; merges have none.

    Their message-id is made of the commit's hash.  Raises InputError when `tree`
    is no git tree, or `spec` names no commit or too many.
    """
    where = ("-C", str(tree))
    status, _, complaint = git(where, "rev-parse", "--git-dir")
    if status:
        raise explain(tree, complaint)
    status, out, _ = git(where, "rev-list", "--no-merges", "--count", spec, "--")
    if status:
        raise InputError(f"{spec}: is no range of {tree}; give A..B or REV^!, or --tree TREE")
    count = int(out)
    if not 0 < count <= RANGE_CAP:
        raise InputError(f"{spec}: has {count} commits in {tree}; give a range of 1 to {RANGE_CAP}")
    return _formatted(tree, spec)


def last_mails(tree: Path, count: int) -> list[bytes]:
    """The mails of the last `count` commits at HEAD, oldest first; merges and empty ones have none.

    Empty where there is no commit.  Raises InputError when `tree` is no git tree.
    """
    where = ("-C", str(tree))
    status, _, complaint = git(where, "rev-parse", "--git-dir")
    if status:
        raise explain(tree, complaint)
    status, _, _ = git(where, "rev-parse", "--verify", "--quiet", "HEAD")
    return [] if status else _formatted(tree, f"-{count}", "HEAD")


def _formatted(tree: Path, *wanted: str) -> list[bytes]:
    status, out, complaint = git(("-C", str(tree)), *_FORMAT_PATCH.split(), *wanted, "--")
    if status:
        raise explain(tree, complaint)
    starts = [match.start() for match in _COMMIT_LINE.finditer(out)]
    return [
        _ESCAPED.sub(rb"\1", out[start:end])
        for start, end in zip(starts, [*starts[1:], len(out)], strict=True)
    ]


def commit(tree: Path, name: str) -> str:
    """The hash of the commit that `name` means in `tree`.  Raises InputError for none."""
    wanted = f"{name}^{{commit}}"
    status, out, complaint = git(
        ("-C", str(tree)), "rev-parse", "--verify", "--quiet", "--end-of-options", wanted
    )
    if status:
        if complaint:
            raise explain(tree, complaint)
        raise InputError(f"{name}: {tree} has no such commit; {_WHOLE}")
    return out.decode().strip()


def merge_base(tree: Path, base: str, head: str) -> str:
    """The commit where `head` left `base`.  Raises InputError where `tree` does not tell."""
    where = ("-C", str(tree))
    status, out, _ = git(where, "merge-base", base, head)
    if status:
        raise InputError(f"{base}...{head}: {tree} has no commit that both come from; {_WHOLE}")
    return out.decode().strip()


def count_commits(tree: Path, base: str, head: str) -> int:
    """How many commits `head` has that `base` has not, without merges.

    Raises InputError where a shallow clone ends among them: there may be more.
    """
    where, span = ("-C", str(tree)), f"{base}..{head}"
    status, out, complaint = git(where, "rev-list", "--no-merges", "--count", span, "--")
    if status:
        raise explain(tree, complaint)
    cut = _cut_off(tree)
    if cut and not cut.isdisjoint(git(where, "rev-list", span, "--")[1].split()):
        raise InputError(f"{span}: {tree} is a shallow clone without all of it; {_WHOLE}")
    return int(out)


def _cut_off(tree: Path) -> set[bytes]:
    """The commits of a shallow clone whose parents were left out."""
    status, name, _ = git(("-C", str(tree)), "rev-parse", "--git-path", "shallow")
    file = tree / name.decode().rstrip("\n")
    return set(file.read_bytes().split()) if status == 0 and file.is_file() else set()


def range_diff(tree: Path, base: str, head: str) -> str:
    """The whole change from the commit `base` to `head` as one diff, as forges show it.

    Raises InputError when `tree` has not both.
    """
    where = ("-C", str(tree))
    status, out, complaint = git(
        where, *_PLAIN.split(), "diff", *_PLAIN_DIFF.split(), base, head, "--"
    )
    if status:
        raise explain(tree, complaint)
    return out.decode("utf-8", "replace")


def find_epochs(path: Path) -> list[Path]:
    """The epoch repositories of a public-inbox v2 folder, oldest first; empty when it is none."""
    for folder in (path / "git", path):
        if not folder.is_dir():
            continue
        numbers = (entry.name.removesuffix(".git") for entry in folder.iterdir())
        epochs = sorted(int(number) for number in numbers if number.isascii() and number.isdigit())
        found = [folder / f"{number}.git" for number in epochs]
        if any(_is_bare(epoch) for epoch in found):
            return [epoch for epoch in found if _is_bare(epoch)]
    return [path] if _is_bare(path) else []


def _is_bare(path: Path) -> bool:
    return (path / "HEAD").is_file() and (path / "objects").is_dir()


def inbox_mails(path: Path, progress: Progress | None = None) -> Iterator[bytes]:
    """Yield the raw mails of all epochs of a public-inbox clone, in arrival order.

    Raises InputError when there is none, or it cannot be read.
    """
    epochs = find_epochs(path)
    total = sum(_count(epoch) for epoch in epochs) if progress else 0
    done = 0
    for epoch in epochs:
        for _, mail in epoch_mails(epoch):
            yield mail
            done += 1
            if progress:
                progress(done, total)


def _count(epoch: Path) -> int:
    status, out, complaint = git((f"--git-dir={epoch}",), "rev-list", "--count", "HEAD", "--")
    if status:
        raise _unreadable(epoch, complaint)
    return int(out)


def _unreadable(epoch: Path, complaint: str) -> InputError:
    if "bad revision" in complaint or "unknown revision" in complaint:
        return InputError(f"{epoch}: has no commit; clone the epoch again")
    return explain(epoch, complaint)


def epoch_mails(epoch: Path, since: str = "") -> Generator[tuple[str, bytes], None, None]:
    """Yield (commit, raw mail) of one epoch in arrival order, after the commit `since`.

    Commits without a file `m` (deletions) are passed over.  Raises InputError
    when git cannot read the repository or it has no commit `since`.
    """
    where = (f"--git-dir={epoch}",)
    wanted = f"{since}..HEAD" if since else "HEAD"
    lister = open_git(
        where,
        "rev-list",
        "--reverse",
        "--no-commit-header",
        "--format=%H:m %H",
        wanted,
        "--",
        stderr=subprocess.PIPE,
    )
    assert lister.stdout is not None
    shape = "--batch=%(objecttype) %(objectsize) %(rest)"
    reader = open_git(
        where, "cat-file", shape, "--buffer", stdin=lister.stdout.fileno(), buffer=PIPE
    )
    lister.stdout.close()
    assert reader.stdout is not None
    _widen(reader.stdout)
    try:
        yield from _batch(reader.stdout, epoch)
        _check(lister, epoch, since)
    finally:
        _stop((reader, lister))


def _batch(out: IO[bytes], epoch: Path) -> Iterator[tuple[str, bytes]]:
    while header := out.readline():
        words = header.split()
        if words[0] != b"blob":
            continue  # `COMMIT:m missing`: a deletion
        size = int(words[1])
        mail = out.read(size + 1)
        if len(mail) <= size:
            raise InputError(f"{epoch}: git stopped in the middle of a mail; run `git fsck` there")
        yield words[2].decode(), mail[:-1]


def _widen(pipe: IO[bytes]) -> None:
    """Let git read ahead while mails are parsed: a pipe holds 64 KiB unless asked for more."""
    with suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE)


def _check(lister: subprocess.Popen[bytes], epoch: Path, since: str) -> None:
    assert lister.stderr is not None
    complaint = lister.stderr.read().decode("utf-8", "replace").strip()
    if lister.wait():
        if since and since in complaint:
            raise InputError(f"{epoch}: has no commit {since} any more; read it from its start")
        raise _unreadable(epoch, complaint)


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()
        if process.poll() is None:
            process.kill()
        process.wait()
