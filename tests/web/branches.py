# SPDX-License-Identifier: GPL-2.0-or-later
"""A branch of a little kernel tree, with something to say of it: what all channels are tested on.

Made with the real git.  Between the patch that a finding is about and the head
of the branch, its file is renamed and lines come in above it; one finding is
about a line that is taken away.  The texts of those lines are in `FOUND`.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

__all__ = ["FOUND", "Repository", "branch", "empty", "run_git"]

BEFORE = """\
// SPDX-License-Identifier: GPL-2.0-only
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include "frob.h"

static void frob_release(struct frob *frob)
{
	frob_stop(frob);
	dma_resv_lock(frob->dmabuf->resv, NULL);
	dma_buf_unpin(frob->attach);
	dma_resv_unlock(frob->dmabuf->resv);
	dma_buf_detach(frob->dmabuf, frob->attach);
	dma_buf_put(frob->dmabuf);
}

static int frob_start(struct frob *frob)
{
	int ret;

	dma_resv_lock(frob->dmabuf->resv, NULL);
	ret = dma_buf_pin(frob->attach);
	dma_resv_unlock(frob->dmabuf->resv);
	return ret;
}

int frob_open(struct frob *frob)
{
	return frob_start(frob);
}

void frob_close(struct frob *frob)
{
	frob_release(frob);
}
"""
LOCKED = """\
	dma_resv_lock(frob->dmabuf->resv, NULL);
	dma_buf_unpin(frob->attach);
	dma_resv_unlock(frob->dmabuf->resv);
"""
IMPORT = """\
int frob_import(struct frob *frob)
{
	dma_resv_lock(frob->dmabuf->resv, NULL);
	frob->fd = dma_buf_fd(frob->dmabuf, O_CLOEXEC);
	dma_resv_unlock(frob->dmabuf->resv);
	return 0;
}

"""
STUB = """\
static void frob_invalidate(struct dma_buf_attachment *attach)
{
}

static const struct dma_buf_attach_ops frob_attach_ops = {
	.allow_peer2peer = true,
	.invalidate_mappings = frob_invalidate,
};

"""
STEPS: tuple[tuple[str, dict[str, tuple[str, str]]], ...] = (
    ("frob: release without the lock", {"drivers/misc/frob.c": (LOCKED, "\tdma_buf_unpin(frob->attach);\n")}),
    ("frob: hand out a file", {"drivers/misc/frob.c": ("int frob_open(", f"{IMPORT}int frob_open(")}),
    ("frob: tell what it is", {"drivers/misc/frob.c": (
        "#include <linux/dma-buf.h>\n", "/*\n * Frobs a buffer.\n *\n * Long may it frob.\n */\n#include <linux/dma-buf.h>\n")}),
    ("frob: call the file after what it does", {}),
    ("frob: listen", {"drivers/misc/frob-dma.c": ("int frob_open(", f"{STUB}int frob_open(")}),
    ("frob: say so in the log", {"drivers/misc/frob-dma.c": (
        "void frob_close(struct frob *frob)\n{\n", 'void frob_close(struct frob *frob)\n{\n\tpr_debug("closed\\n");\n')}),
)  # fmt: skip
"""Subject of each patch, and by file what is put in place of what."""
MOVED = (4, "drivers/misc/frob.c", "drivers/misc/frob-dma.c")
"""The patch, 1-based, that renames the file."""
FOUND = {
    "-\tdma_resv_lock(frob->dmabuf->resv, NULL);": ("resv-lock", "error", 1),
    "+\tfrob->fd = dma_buf_fd(frob->dmabuf, O_CLOEXEC);": ("resv-lock", "warning", 2),
    "+\t.invalidate_mappings = frob_invalidate,": ("stub-callback", "warning", 5),
}
"""What `review` says: by line, as the diff has it, the rule, the severity and the patch, 1-based."""


def run_git(folder: Path, *arguments: str, text: str | None = None) -> str:
    """Run git in `folder` with nothing of the user's configuration; return its output, stripped."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    clean |= {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    for role in ("AUTHOR", "COMMITTER"):
        clean |= {f"GIT_{role}_NAME": "A U Thor", f"GIT_{role}_EMAIL": "author@author.example"}
        clean |= {f"GIT_{role}_DATE": "2026-03-03T10:00:00+0100"}
    run = subprocess.run(
        ["git", *arguments],
        cwd=folder, env=clean, capture_output=True, text=True, check=True, input=text,
    )  # fmt: skip
    return run.stdout.strip()


class Repository:
    """A git tree with the branch `master` and the branch `topic` that left it at `base`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def git(self, *arguments: str) -> str:
        """Run git in it."""
        return run_git(self.path, *arguments)

    @property
    def base(self) -> str:
        """Commit of `master`."""
        return self.git("rev-parse", "master")

    @property
    def head(self) -> str:
        """Commit of `topic`."""
        return self.git("rev-parse", "topic")

    def change(self, subject: str, edits: dict[str, tuple[str, str]]) -> str:
        """Put one text in place of another in each of these files, once; commit, return the hash."""
        for name, (old, new) in edits.items():
            file = self.path / name
            assert file.read_text().count(old) == 1, f"{name}: {old!r} is not there once"
            file.write_text(file.read_text().replace(old, new))
        self.git("add", "-A")
        self.git("commit", "-q", "-m", f"{subject}\n\nIt frobs better so.")
        return self.git("rev-parse", "HEAD")


def empty(path: Path) -> Repository:
    """A repository with one commit on `master`, and `topic` at the same place."""
    (path / "drivers/misc").mkdir(parents=True)
    (path / "drivers/misc/frob.c").write_text(BEFORE)
    run_git(path, "init", "-q", "-b", "master", "--template=")
    run_git(path, "add", "-A")
    run_git(path, "commit", "-q", "-m", "frob: import")
    run_git(path, "checkout", "-q", "-b", "topic")
    return Repository(path)


def branch(path: Path, patches: int = len(STEPS)) -> Repository:
    """The same with the first `patches` of `STEPS` on `topic`."""
    made = empty(path)
    for number, (subject, edits) in enumerate(STEPS[:patches], 1):
        if number == MOVED[0]:
            made.git("mv", *MOVED[1:])
        made.change(subject, edits)
    return made
