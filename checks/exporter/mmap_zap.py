# SPDX-License-Identifier: GPL-2.0-or-later
"""Take CPU mappings away too when a buffer is revoked

An exporter with an mmap callback has told user space where its memory is.  When
it revokes the buffer, importers are not the only ones who must stop: the page
tables go with unmap_mapping_range() or zap_vma_ptes(), and a fault finds the
buffer revoked and ends in SIGBUS.  In which order the two are done is free, and
so is whose address_space it is; that neither happens anywhere is the finding.
"""

from collections.abc import Iterator
from functools import partial

from checks.api import Bad, Confidence, Good, Hit, Meta, Series, Severity
from checks.source.change import FileChange
from checks.source.exporter import Exporter, exporters, near
from checks.source.pattern import pattern
from checks.source.vocabulary import NOTIFY

META = Meta(
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    sources=("20260226202211.929005-4-mattev@meta.com", "20260202155511.GI2328995@ziepe.ca"),
    words=tuple(f"{name}(" for name in NOTIFY),
    whole=True,
)

_ZAPS = pattern(
    r"unmap_mapping_(?:range|pages|folio)|drm_vma_node_unmap|truncate_(?:pagecache|inode_pages)"
    r"|\b\w*zap_?\w*\s*\(|\bunmap_(?:cpu|user|vmas?|mmaps?)|_unmap_(?:cpu|user|vmas?|mmaps?)"
)
"""What takes CPU mappings away, by the names of the kernel or of a driver's own."""
_REFUSES = pattern(r"\{\s*return\s+-E\w+;\s*\}\s*$")


def check(series: Series) -> Iterator[Hit]:
    if not any(series.mentioning(*META.words)):
        return
    for exporter in exporters(series):
        name = _mmap(series, exporter)
        files = (file for _, file in near(series, exporter.revokes))
        if name and not any(any(file.once("zaps", partial(_zaps, file))) for file in files):
            yield from _hit(exporter, name)


def _mmap(series: Series, exporter: Exporter) -> str:
    """The exporter's mmap callback; empty where there is none, it only refuses, or is not shown."""
    place = exporter.callback(series, "mmap")
    if place is None or not place.function.complete or _REFUSES.search(place.function.text):
        return ""
    return place.function.name


def _zaps(file: FileChange) -> Iterator[bool]:
    yield any(fragment.rows_with(_ZAPS) for fragment in file.after.fragments)


def _hit(exporter: Exporter, mapped: str) -> Iterator[Hit]:
    """At the store that revokes."""
    for revoke in exporter.revokes:
        if revoke.line is not None and revoke.file.is_new(revoke.line):
            yield Hit(
                revoke.patch,
                revoke.file,
                revoke.line,
                f"{mapped}() lets user space map the buffer; where are those mappings taken "
                "away? unmap_mapping_range() should go with the revoke.",
                symbol=revoke.function.name,
                facts={"mmap": mapped},
            )
            return


_DRIVER = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -10,3 +10,22 @@
 
 #include "frob.h"
 
+static int frob_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
+{
+	%s
+}
+
+static const struct dma_buf_ops frob_ops = {
+	.map_dma_buf = frob_map,
+	.unmap_dma_buf = frob_unmap,
+	.mmap = frob_mmap,
+};
+
+static void frob_revoke(struct frob *frob)
+{
+	dma_resv_lock(frob->dmabuf->resv, NULL);
+	frob->revoked = true;
+	%s
+	dma_buf_invalidate_mappings(frob->dmabuf);
+	dma_resv_unlock(frob->dmabuf->resv);
+}
"""
_MMAP = "return frob_mmap_pages(dmabuf->priv, vma);"

BAD = [Bad(_DRIVER % (_MMAP, "frob->count++;"), at=("frob->revoked = true;",))]

GOOD = [
    Good(_DRIVER % (_MMAP, "frob_zap(frob);"), why="and so with a function that nobody shows"),
    Good(
        (_DRIVER % (_MMAP, "frob->count++;")).replace("/misc/", "/gpu/drm/frob/"),
        why="DRM drivers do it with their own helpers",
    ),
    Good(
        _DRIVER % (_MMAP, "unmap_mapping_range(frob->mapping, 0, frob->size, 1);"),
        why="the page tables go with it",
    ),
    Good(_DRIVER % ("return -EOPNOTSUPP;", "frob->count++;"), why="nobody can map it"),
    Good(
        (_DRIVER % (_MMAP, "frob->count++;")).replace(".mmap = frob_mmap", ".vmap = frob_vmap"),
        why="no mmap at all",
    ),
]
