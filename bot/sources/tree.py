# SPDX-License-Identifier: GPL-2.0-or-later
"""Look up blobs and files of a local git tree, for rules that read the code around a diff.

One `git cat-file --batch` process answers all questions.  Nothing is checked
out, and no path leaves the tree: files come from `HEAD`, not from the disk.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import TracebackType

from bot.errors import InputError
from bot.sources.gitcmd import explain, git, open_git
from checks.source.pattern import pattern

__all__ = ["GitTree"]

_OID = pattern(r"[0-9a-f]{4,64}")


class GitTree:
    """The object store of the git tree at `path`, as `checks.api.Blobs`.

    Raises InputError when `path` is no git repository.  A context manager;
    `close` ends its git process.  Not for several threads at once.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._process: subprocess.Popen[bytes] | None = None
        if not path.is_dir():
            raise InputError(f"{path}: is no folder; give --tree a git tree")
        status, _, complaint = git(("-C", str(path)), "rev-parse", "--git-dir")
        if status:
            raise explain(path, complaint)

    def __reduce__(self) -> tuple[type[GitTree], tuple[Path]]:
        return GitTree, (self.path,)

    def __enter__(self) -> GitTree:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the git process; a later question starts another."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()
        process.wait()

    __del__ = close

    def blob(self, oid: str) -> bytes | None:
        """The blob whose hash starts with `oid` (lower-case hex), or None: absent or ambiguous."""
        if not _OID.fullmatch(oid) or not oid.strip("0"):
            return None
        return self._ask(oid)

    def file(self, path: str) -> bytes | None:
        """The content of `path` at `HEAD`, or None when there is no such file."""
        if "\n" in path or any(part in ("", ".", "..") for part in path.split("/")):
            return None
        return self._ask(f"HEAD:{path}")

    def _ask(self, name: str) -> bytes | None:
        process = self._process
        if process is None:
            process = self._process = open_git(
                ("-C", str(self.path)), "cat-file", "--batch", stdin=subprocess.PIPE
            )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(name.encode("utf-8", "surrogateescape") + b"\n")
            process.stdin.flush()
            header = process.stdout.readline()
        except BrokenPipeError:
            header = b""
        if not header.endswith(b"\n"):
            self.close()
            raise InputError(f"{self.path}: git cat-file ended; run `git fsck` there")
        words = header.split()
        if len(words) != 3 or not words[2].isdigit():
            return None  # `NAME missing` or `NAME ambiguous`
        content = process.stdout.read(int(words[2]) + 1)[:-1]
        return content if words[1] == b"blob" else None
