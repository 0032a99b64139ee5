# SPDX-License-Identifier: GPL-2.0-or-later
"""Call the dma-buf core, not the exporter's ops

map_dma_buf, pin, vmap and the other members of struct dma_buf_ops are for the
core alone.  dma_buf_map_attachment() and its kin check the lock, count vmaps,
pin for importers that cannot follow a move, and keep what the callback returned
in order; who calls the member itself gets none of that, and an exporter that
revokes cannot rely on what it has not been told.
"""

from collections.abc import Iterator

from checks.api import Bad, Confidence, Good, Hit, Meta, Patch, Series, Severity
from checks.source.c import Call
from checks.source.change import FileChange
from checks.source.pattern import pattern
from checks.source.vocabulary import is_core, is_exempt

CORE = {
    "attach": "dma_buf_dynamic_attach",
    "detach": "dma_buf_detach",
    "pin": "dma_buf_pin",
    "unpin": "dma_buf_unpin",
    "map_dma_buf": "dma_buf_map_attachment",
    "unmap_dma_buf": "dma_buf_unmap_attachment",
    "begin_cpu_access": "dma_buf_begin_cpu_access",
    "end_cpu_access": "dma_buf_end_cpu_access",
    "mmap": "dma_buf_mmap",
    "vmap": "dma_buf_vmap",
    "vunmap": "dma_buf_vunmap",
    "release": "dma_buf_put",
}
"""The function of the core that calls each op."""

META = Meta(
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    sources=("drivers/dma-buf/dma-buf.c", "include/linux/dma-buf.h"),
    words=tuple(f"->ops->{op}(" for op in CORE),
    also=("dma_buf", "dmabuf", "dma-buf"),
)

_CALLED = pattern(r"->ops->(?:" + "|".join(CORE) + r")\(")
_DMABUF = pattern(r"(?:^|->|\.)(?:dma_?buf|dbuf)->ops$")


def check(series: Series) -> Iterator[Hit]:
    for patch in series.mentioning(*META.words):
        for file in patch.change.touching(*META.words):
            if file.path.endswith((".c", ".h")) and not _may(file.path):
                yield from _file(patch, file)


def _may(path: str) -> bool:
    """The core calls the ops, tests call what they test."""
    return is_core(path) or is_exempt(path)


def _file(patch: Patch, file: FileChange) -> Iterator[Hit]:
    for function in file.after.functions_with(_CALLED):
        for call in function.calls:
            line = function.fragment.shown(call.row)
            if line is not None and file.is_new(line) and _is_op(call):
                yield Hit(
                    patch,
                    file,
                    line,
                    f"Please call {CORE[call.name]}() here: the members of struct dma_buf_ops are for "
                    f"the core alone, which does what has to be done around ->{call.name}().",
                    symbol=function.name,
                    facts={"op": call.name, "core": CORE[call.name]},
                )


def _is_op(call: Call) -> bool:
    return call.name in CORE and _DMABUF.search(call.through) is not None


_CALL = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -10,3 +10,9 @@
 
 #include "frob.h"
 
+static int frob_map(struct frob *frob, struct dma_buf_attachment *attach)
+{
+	/* the dma-buf */
+	%s
+	return 0;
+}
"""
_SGT = "frob->sgt = attach->dmabuf->ops->map_dma_buf(attach, DMA_TO_DEVICE);"

BAD = [
    Bad(_CALL % _SGT, at=(_SGT,)),
    Bad(
        _CALL % "frob->dmabuf->ops->unpin(attach);",
        at=("frob->dmabuf->ops->unpin(attach);",),
    ),
]

GOOD = [
    Good(
        _CALL % "frob->sgt = dma_buf_map_attachment(attach, DMA_TO_DEVICE);",
        why="the core calls the op",
    ),
    Good(
        _CALL % "if (attach->dmabuf->ops->map_dma_buf == frob_export_map) return 1;",
        why="compared, to find its own buffers",
    ),
    Good(_CALL % "frob->queue->ops->attach(frob);", why="another kind of object"),
    Good(
        (_CALL % _SGT).replace("drivers/misc/frob.c", "drivers/dma-buf/dma-buf-mapping.c"),
        why="the core itself",
    ),
]
