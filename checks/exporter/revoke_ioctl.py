# SPDX-License-Identifier: GPL-2.0-or-later
"""Let user space revoke through the exporter, not through the dma-buf

A dma-buf's file descriptor is what importers are given, and whoever holds one
must not be able to take the buffer away from the others.  Revocation by user
space is an ioctl of the exporter's own file descriptor, which takes the
dma-buf's descriptor as argument and checks that the buffer is its own.
"""

from collections.abc import Iterator

from checks.api import Bad, Confidence, Good, Hit, Meta, Patch, Series, Severity
from checks.source.change import FileChange
from checks.source.diff import Line
from checks.source.image import Fragment
from checks.source.pattern import pattern
from checks.source.vocabulary import CORE

UAPI = "include/uapi/linux/dma-buf.h"

META = Meta(
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    sources=(
        "f75088c6-5795-49cc-8932-ea46c2223d74@amd.com",
        "a006b938-cd53-4c56-8131-30f557919ec6@amd.com",
        "20260227125621.GI5933@nvidia.com",
    ),
    words=(CORE, UAPI),
    also=("revok", "REVOK", "REVOC", "INVALIDATE", "invalidate_mappings", "move_notify"),
)

_COMMAND = pattern(r"\s*#\s*define\s+(DMA_BUF_\w*(?:REVOK|REVOC|INVALIDATE)\w*)\s+_IO[WR]*\s*\(")
_REVOKES = pattern(
    r"\b\w*revoke\w*\s*\(|->\s*\w*revoke\w*\b|\bdma_buf_(?:invalidate_mappings|move_notify)\s*\("
)
_HANDLERS = ("dma_buf_ioctl", "dma_buf_compat_ioctl")


def check(series: Series) -> Iterator[Hit]:
    """Yield one hit a series: where dma_buf_ioctl() revokes, else where the command is defined."""
    command: Hit | None = None
    for patch in series.mentioning(*META.words):
        for file in patch.change.touching(*META.also):
            if file.path == CORE:
                branch = _branch(patch, file)
                if branch is not None:
                    yield branch
                    return
            elif file.path == UAPI and command is None:
                command = _defined(patch, file)
    if command is not None:
        yield command


def _branch(patch: Patch, file: FileChange) -> Hit | None:
    """The call that revokes, in a new branch of the core's ioctl handler."""
    for function in file.after.functions:
        if function.name not in _HANDLERS:
            continue
        for found in _REVOKES.finditer(function.text):
            line = function.line_at(found.start())
            if line is not None and file.is_new(line):
                return _hit(patch, file, line, function.name)
        line = _handled(function.fragment, function.start, function.end)
        if line is not None and file.is_new(line):
            return _hit(patch, file, line, function.name)
    return None


_CASE = pattern(r"\s*case\s+DMA_BUF_\w*(?:REVOK|REVOC|INVALIDATE)\w*\s*:")


def _handled(fragment: Fragment, start: int, end: int) -> Line | None:
    """The first new `case` of a command whose name says that it revokes."""
    rows = (row for row in range(start, end + 1) if _CASE.match(fragment.texts[row]))
    return next((fragment.shown(row) for row in rows if fragment.is_added(row)), None)


def _defined(patch: Patch, file: FileChange) -> Hit | None:
    for line in file.added:
        found = _COMMAND.match(line.text)
        if found and file.is_new(line):
            return _hit(patch, file, line, found.group(1))
    return None


def _hit(patch: Patch, file: FileChange, line: Line, symbol: str) -> Hit:
    return Hit(
        patch,
        file,
        line,
        "The dma-buf's file descriptor belongs to the importers. Please make this an ioctl of the "
        "exporter's own file descriptor, which takes the dma-buf's and checks that the buffer is its own.",
        symbol=symbol,
        facts={"symbol": symbol},
    )


_IOCTL = """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -586,6 +586,9 @@ static long dma_buf_ioctl(struct file *file,
 	case DMA_BUF_IOCTL_IMPORT_SYNC_FILE:
 		return dma_buf_import_sync_file(dmabuf, (const void __user *)arg);
 #endif
+	case DMA_BUF_IOCTL_%s:
+		%s;
+		return 0;
 
 	default:
 		return -ENOTTY;
"""
_UAPI = """\
diff --git a/include/uapi/linux/dma-buf.h b/include/uapi/linux/dma-buf.h
--- a/include/uapi/linux/dma-buf.h
+++ b/include/uapi/linux/dma-buf.h
@@ -178,4 +178,5 @@
 #define DMA_BUF_IOCTL_EXPORT_SYNC_FILE	_IOWR(DMA_BUF_BASE, 2, struct dma_buf_export_sync_file)
 #define DMA_BUF_IOCTL_IMPORT_SYNC_FILE	_IOW(DMA_BUF_BASE, 3, struct dma_buf_import_sync_file)
+#define DMA_BUF_IOCTL_%s	_IO(DMA_BUF_BASE, 4)
 
 #endif
"""
_DRIVER = """\
diff --git a/drivers/frob/frob_main.c b/drivers/frob/frob_main.c
--- a/drivers/frob/frob_main.c
+++ b/drivers/frob/frob_main.c
@@ -100,4 +100,7 @@ static long frob_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
 	switch (cmd) {
+	case FROB_IOCTL_REVOKE_DMA_BUF:
+		return frob_revoke(file->private_data, arg);
+
 	default:
 		return -ENOTTY;
 	}
"""

BAD = [
    Bad(
        _UAPI % "REVOKE" + _IOCTL % ("REVOKE", "dmabuf->ops->revoke(dmabuf)"),
        at=("dmabuf->ops->revoke(dmabuf);",),
    ),
    Bad(_UAPI % "REVOKE", at=("#define DMA_BUF_IOCTL_REVOKE	_IO(DMA_BUF_BASE, 4)",)),
    Bad(_UAPI % "INVALIDATE", at=("#define DMA_BUF_IOCTL_INVALIDATE	_IO(DMA_BUF_BASE, 4)",)),
    Bad(_IOCTL % ("KILL", "dma_buf_move_notify(dmabuf)"), at=("dma_buf_move_notify(dmabuf);",)),
    Bad(_IOCTL % ("REVOKE", "dma_buf_stop(dmabuf)"), at=("case DMA_BUF_IOCTL_REVOKE:",)),
]

GOOD = [
    Good(_DRIVER, why="an ioctl of the exporter's own file descriptor"),
    Good(
        _UAPI % "FROB" + _IOCTL % ("FROB", "dma_buf_frob(dmabuf)"),
        why="another command, which does not revoke",
    ),
    Good(
        _IOCTL % ("FROB", "dma_buf_frob(dmabuf); /* not revoked by this */"),
        why="a comment does nothing",
    ),
]
