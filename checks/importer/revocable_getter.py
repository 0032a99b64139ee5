# SPDX-License-Identifier: GPL-2.0-or-later
"""Prefer the getter whose memory can be revoked

ib_umem_dmabuf_get_pinned() attaches without a notify callback: the memory
stays pinned until user space lets go, and exporters that have to be able to
revoke, as vfio-pci and uverbs, refuse it.  A driver that can stop its hardware
from a callback takes ib_umem_dmabuf_get_pinned_revocable_and_lock(), which
promises to unmap in bounded time.  Where the tree has no such getter there is
nothing to prefer.
"""

from collections.abc import Iterator

from checks.api import Bad, Confidence, Good, Hit, Meta, Patch, Series, Severity
from checks.source.change import FileChange
from checks.source.pattern import pattern
from checks.source.vocabulary import is_exempt

REVOCABLE = "ib_umem_dmabuf_get_pinned_revocable_and_lock"
PINNED = ("ib_umem_dmabuf_get_pinned", "ib_umem_dmabuf_get_pinned_with_dma_device")
HEADER = "include/rdma/ib_umem.h"

META = Meta(
    severity=Severity.NOTE,
    confidence=Confidence.MEDIUM,
    sources=("include/rdma/ib_umem.h", "20260126210108.GD1641016@ziepe.ca"),
    words=tuple(f"{name}(" for name in PINNED),
    once=True,
)

_CALLED = pattern(r"\b(?:" + "|".join(PINNED) + r")\s*\(")


def check(series: Series) -> Iterator[Hit]:
    for patch in series.mentioning(*META.words):
        for file in patch.change.touching(*META.words):
            driver = file.path.endswith(".c") and not file.path.startswith(
                "drivers/infiniband/core/"
            )
            if driver and not is_exempt(file.path) and _has_getter(series, patch):
                yield from _file(patch, file)


def _has_getter(series: Series, patch: Patch) -> bool:
    """Whether the tree, or the series, has the getter to prefer."""
    header = patch.blobs.file(HEADER) if patch.blobs is not None else None
    if header is not None and REVOCABLE.encode() in header:
        return True
    return any(series.mentioning(REVOCABLE))


def _file(patch: Patch, file: FileChange) -> Iterator[Hit]:
    for function in file.after.functions_with(_CALLED):
        for call in function.calls:
            line = function.fragment.shown(call.row)
            if call.name in PINNED and not call.through and line is not None and file.is_new(line):
                yield Hit(
                    patch,
                    file,
                    line,
                    f"Exporters that revoke refuse importers that took {call.name}(). If the "
                    f"hardware can be stopped from a callback, could this use {REVOCABLE}()?",
                    symbol=function.name,
                    facts={"getter": call.name, "better": REVOCABLE},
                )


_DRIVER = """\
diff --git a/drivers/infiniband/hw/frob/mr.c b/drivers/infiniband/hw/frob/mr.c
--- a/drivers/infiniband/hw/frob/mr.c
+++ b/drivers/infiniband/hw/frob/mr.c
@@ -10,3 +10,10 @@
 
 #include "frob.h"
 
+struct ib_mr *frob_reg_dmabuf(struct ib_pd *pd, u64 start, u64 length, int fd)
+{
+	struct ib_umem_dmabuf *umem;
+
+	umem = %s(pd->device, start, length, fd, 0);
+	return frob_reg(pd, umem);
+}
"""
_CORE = """\
# next patch
diff --git a/include/rdma/ib_umem.h b/include/rdma/ib_umem.h
--- a/include/rdma/ib_umem.h
+++ b/include/rdma/ib_umem.h
@@ -10,2 +10,4 @@
 struct ib_umem_dmabuf;
+struct ib_umem_dmabuf *
+ib_umem_dmabuf_get_pinned_revocable_and_lock(struct ib_device *device, int fd);
 
"""

BAD = [
    Bad(
        _DRIVER % "ib_umem_dmabuf_get_pinned" + _CORE,
        at=("umem = ib_umem_dmabuf_get_pinned(pd->device, start, length, fd, 0);",),
    ),
]

GOOD = [
    Good(_DRIVER % "ib_umem_dmabuf_get_pinned", why="nothing shows that there is another one"),
    Good(_DRIVER % REVOCABLE + _CORE, why="the one to prefer"),
]
