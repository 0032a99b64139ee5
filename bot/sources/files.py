# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of a git tree at HEAD, found by words, as diffs that add them whole.

Only regular files are taken: what a link points at is a file of its own, and a
submodule is another tree.  Nothing is checked out or written.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bot.errors import InputError, UsageError
from bot.names import nearest
from bot.sources.gitcmd import explain, git, open_git
from checks.source.pattern import pattern

__all__ = ["TreeFile", "added", "files_at_head", "release", "with_words"]

SUFFIXES = (".c", ".h")

_ODD = pattern(r'[\x00-\x1f"\\\x7f]')
_RELEASE = pattern(rb"^VERSION = (\d{1,3})\nPATCHLEVEL = (\d{1,3})\n", re.MULTILINE)


class TreeFile(NamedTuple):
    """One regular file at HEAD."""

    path: str
    """From the root of the tree; bytes that are no UTF-8 as surrogates."""
    mode: str
    """As git has it, e.g. `100644`."""
    oid: str
    """Full hash of the blob."""


def files_at_head(tree: Path, paths: Sequence[str] = ()) -> tuple[TreeFile, ...]:
    """The C files and headers of `tree`, in git's order.

    Parameters
    ----------
    tree: root of a git tree, or a bare repository
    paths: files and folders from that root, all when empty

    Raises InputError when `tree` is no root or has no commit, UsageError for a
    path that does not exist or has no C file.
    """
    where = ("-C", str(tree))
    status, prefix, complaint = git(where, "rev-parse", "--show-prefix")
    if status:
        raise explain(tree, complaint)
    if prefix.strip():
        raise InputError(f"{tree}: is a folder inside of a git tree; give --tree its root")
    status, out, complaint = git(where, "ls-tree", "-r", "-z", "--full-tree", "HEAD")
    if status:
        raise explain(tree, complaint)
    entries = [_entry(line) for line in out.split(b"\0") if line]
    _check([entry.path for entry in entries], tree, paths)
    return tuple(
        entry
        for entry in entries
        if entry.mode.startswith("100") and _is_c(entry.path) and _under(entry.path, paths)
    )


def _entry(line: bytes) -> TreeFile:
    facts, _, path = line.partition(b"\t")
    mode, _, oid = facts.decode("ascii").split(" ")
    return TreeFile(os.fsdecode(path), mode, oid)


def _is_c(path: str) -> bool:
    return path.endswith(SUFFIXES)


def _under(path: str, paths: Sequence[str]) -> bool:
    return not paths or any(path == p or path.startswith(p + "/") for p in paths)


def _check(known: Sequence[str], tree: Path, paths: Sequence[str]) -> None:
    """Refuse a path that leads to nothing: an audit of nothing would look clean."""
    for path in paths:
        if path.startswith("/") or ".." in path.split("/"):
            raise UsageError(f"{path}: is no path inside of the tree; give it from the root")
        under = [name for name in known if _under(name, (path,))]
        if not under:
            raise UsageError(
                f"{path}: no such file or folder at HEAD of {tree}{_near(path, known)}"
            )
        if not any(map(_is_c, under)):
            raise UsageError(f"{path}: has no C file at HEAD of {tree}; name files or folders of C")


def _near(path: str, known: Sequence[str]) -> str:
    """A hint at a name beside `path`."""
    start = path.rpartition("/")[0]
    start += "/" if start else ""
    beside = {start + name[len(start) :].split("/")[0] for name in known if name.startswith(start)}
    return nearest(path, beside, "give paths from its root")


def with_words(tree: Path, words: Sequence[str], paths: Sequence[str] = ()) -> frozenset[str]:
    """The paths of the files at HEAD in which one of `words` stands.

    It takes seconds for a whole kernel, however long that is: there is no time limit.
    """
    arguments = [part for word in words for part in ("-e", word)]
    process = open_git(
        ("-C", str(tree)), "grep", "-l", "-z", "-F", "--full-name", *arguments,
        "HEAD", "--", *paths, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        out, complaint = process.communicate()
    finally:
        process.kill()
    if process.returncode not in (0, 1):  # 1: no file has any
        raise explain(tree, complaint.decode("utf-8", "replace"))
    return frozenset(os.fsdecode(name.removeprefix(b"HEAD:")) for name in out.split(b"\0") if name)


def release(makefile: bytes | None) -> str:
    """The release that the top Makefile names, e.g. `6.12`; empty when it names none."""
    found = _RELEASE.search(makefile or b"")
    return f"{int(found[1])}.{int(found[2])}" if found else ""


def added(file: TreeFile, content: bytes) -> str:
    """The diff that adds `file` with `content`, as git writes it.

    Bytes that are no UTF-8 become surrogates, as in `checks.source.blobs`.
    """
    lines = content.decode("utf-8", "surrogateescape").split("\n")
    cut = lines.pop() if lines[-1:] == [""] else None
    return "".join(_diff(file, lines, whole=cut is not None))


def _diff(file: TreeFile, lines: list[str], *, whole: bool) -> Iterator[str]:
    old, new = _quoted("a/" + file.path), _quoted("b/" + file.path)
    yield f"diff --git {old} {new}\nnew file mode {file.mode}\n"
    yield f"index {'0' * len(file.oid)}..{file.oid}\n"
    if not lines:
        return
    yield f"--- /dev/null\n+++ {new}\n@@ -0,0 +1,{len(lines)} @@\n"
    yield "".join(f"+{line}\n" for line in lines)
    if not whole:
        yield "\\ No newline at end of file\n"


def _quoted(path: str) -> str:
    """`path` as git quotes it in a header: only where it must."""
    if not _ODD.search(path):
        return path
    return '"' + "".join(map(_byte, os.fsencode(path))) + '"'


def _byte(byte: int) -> str:
    return chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03o}"
