# SPDX-License-Identifier: GPL-2.0-or-later
"""Take CPU mappings away too when a buffer is revoked

An exporter with an mmap callback has told user space where its memory is.  When
it revokes the buffer, importers are not the only ones who must stop: the page
tables go with unmap_mapping_range() or zap_vma_ptes(), and a fault finds the
buffer revoked and ends in SIGBUS.  In which order the two are done is free, and
so is whose address_space it is; that neither happens anywhere is the finding.
"""

from collections.abc import Iterator

from checks.api import Bad, Confidence, Good, Hit, Meta, Patch, Series, Severity
from checks.source.change import FileChange
from checks.source.pattern import pattern
from checks.source.revoke import is_revoke_flag
from checks.source.vocabulary import EXPORTER_OPS, NOTIFY, is_core, is_exempt

META = Meta(
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    sources=("20260226202211.929005-4-mattev@meta.com", "20260202155511.GI2328995@ziepe.ca"),
    words=tuple(f"{name}(" for name in NOTIFY),
)

_ZAPS = pattern(
    r"unmap_mapping_(?:range|pages|folio)|zap_vma_ptes|zap_page_range|zap_vma_range|zap_bars"
)
_REFUSES = pattern(r"\{\s*return\s+-E\w+;\s*\}\s*$")
_STORES = pattern(r"((?:->|\.)\w+)\s*=(?!=)\s*(\w+)")


def check(series: Series) -> Iterator[Hit]:
    if not any(series.mentioning(*META.words)):
        return
    mapped = next(_mmaps(series), None)
    if mapped is None or any(_zaps(series)):
        return
    for patch in series.mentioning(*META.words):
        for file in patch.change.touching(*META.words):
            if file.path.endswith(".c") and not is_exempt(file.path) and not is_core(file.path):
                yield from _file(patch, file, mapped)


def _mmaps(series: Series) -> Iterator[str]:
    """The mmap callbacks of the series' exporters that do not just refuse."""
    for ops in series.program.ops(EXPORTER_OPS):
        member = ops.initialiser.member("mmap")
        if member is None or is_exempt(ops.file.path):
            continue
        place = series.program.function(member.value, ops.file)
        shown = place.function if place is not None and place.function.complete else None
        if shown is not None and not _REFUSES.search(shown.text):
            yield member.value


def _zaps(series: Series) -> Iterator[FileChange]:
    for patch in series.patches:
        for file in patch.change.files:
            if file.path.endswith((".c", ".h")) and any(
                fragment.rows_with(_ZAPS) for fragment in file.after.fragments
            ):
                yield file


def _file(patch: Patch, file: FileChange, mapped: str) -> Iterator[Hit]:
    """The store that revokes, in a function that tells importers."""
    for function in file.after.functions:
        if not any(call.name in NOTIFY for call in function.calls):
            continue
        for found in _STORES.finditer(function.text):
            line = function.line_at(found.start())
            revokes = is_revoke_flag(found.group(1)) and found.group(2) not in ("false", "0")
            if revokes and line is not None and file.is_new(line):
                yield Hit(
                    patch,
                    file,
                    line,
                    f"{mapped}() lets user space map the buffer; where are those mappings taken "
                    "away? unmap_mapping_range() should go with the revoke.",
                    symbol=function.name,
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
