# SPDX-License-Identifier: GPL-2.0-or-later
"""Branches drawn from a seed, in which every line of every file says what no other says.

So a line is known by its text in whatever commit, and git tells where it is.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from tests.web.branches import Repository, run_git

__all__ = ["chain"]

FILES = ("a/one.c", "a/two.c", "b/three.h")
NAMES = (*(f"c/more{number}.c" for number in range(20)), *FILES)


class Tree:
    """The files of a branch as they are now."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.lines = self._counted()
        self.files = {name: [next(self.lines) for _ in range(40)] for name in FILES}
        self.cut = {name for name in FILES if self.chance.random() < 0.3}
        """Files whose last line has no end."""

    def _counted(self) -> Iterator[str]:
        number = 0
        while True:
            number += 1
            yield f"\tcall_{number}();"

    def edit(self) -> None:
        """A few changes to one file, seldom enough that it stays the same file for git."""
        content = self.files[self.chance.choice(sorted(self.files))]
        for _ in range(self.chance.randint(1, 4)):
            # The last line may have no end: to git it is another one as soon as something follows.
            at = self.chance.randrange(len(content) - 1)
            kind = self.chance.choice(("insert", "insert", "remove", "replace"))
            if kind == "insert":
                content[at:at] = [next(self.lines) for _ in range(self.chance.randint(1, 6))]
            elif len(content) > 30:
                content[at : at + 1] = [next(self.lines)] if kind == "replace" else []

    def rename(self) -> None:
        """A file gets another name, also one that a file had before."""
        old = self.chance.choice(sorted(self.files))
        new = self.chance.choice([name for name in NAMES if name not in self.files])
        self.files[new] = self.files.pop(old)
        self.cut = {new if name == old else name for name in self.cut}

    def change(self) -> None:
        """What one commit does."""
        for _ in range(self.chance.randint(1, 3)):
            kind = self.chance.choice(("edit", "edit", "edit", "rename", "add", "remove"))
            if kind == "edit":
                self.edit()
            elif kind == "rename":
                self.rename()
            elif kind == "add":
                new = self.chance.choice([name for name in NAMES if name not in self.files])
                self.files[new] = [next(self.lines) for _ in range(35)]
            elif len(self.files) > 2:
                gone = self.chance.choice(sorted(self.files))
                del self.files[gone]
                self.cut.discard(gone)


def chain(path: Path, seed: int) -> Repository:
    """`topic` with two to six commits above `master`."""
    tree = Tree(seed)
    path.mkdir()
    run_git(path, "init", "-q", "-b", "master", "--template=")
    commits = [_commit(tree, 1, "master")]
    for number in range(2, tree.chance.randint(4, 8)):
        tree.change()
        commits.append(_commit(tree, number, "topic"))
    run_git(path, "fast-import", "--quiet", text="".join(commits))
    run_git(path, "checkout", "-q", "-f", "topic")
    return Repository(path)


def _commit(tree: Tree, number: int, branch: str) -> str:
    """One commit, as git-fast-import(1) has it."""
    parent = f"from :{number - 1}\n" if number > 1 else ""
    head = f"commit refs/heads/{branch}\nmark :{number}\n"
    who = f"committer A U Thor <author@author.example> {1772528400 + number} +0100\n"
    subject = f"frob: step {number}"
    text = f"{head}{who}data {len(subject)}\n{subject}\n{parent}deleteall\n"
    for name, lines in tree.files.items():
        end = "" if name in tree.cut else "\n"
        content = "\n".join(lines) + end
        text += f"M 100644 inline {name}\ndata {len(content)}\n{content}\n"
    return text
