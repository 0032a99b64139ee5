# SPDX-License-Identifier: GPL-2.0-or-later
"""Map no buffer that is revoked

The flag that an exporter sets before it tells importers is there for its
map_dma_buf callback: tested under the reservation lock, it answers -ENODEV, and
nobody maps again behind the revoke.  The same holds for a private way to hand
out the addresses.  Whether attach tests it too is the exporter's choice.
"""

from collections.abc import Iterator

from checks.api import Bad, Confidence, Good, Hit, Meta, Series, Severity
from checks.source.exporter import Exporter, Revoke, exporters, mentions, owed_at
from checks.source.pattern import pattern
from checks.source.program import Place
from checks.source.vocabulary import NOTIFY

META = Meta(
    severity=Severity.ERROR,
    confidence=Confidence.MEDIUM,
    sources=(
        "20260121091423.GY961572@ziepe.ca",
        "20260131-dmabuf-revoke-v7-4-463d956bd527@nvidia.com",
    ),
    words=tuple(f"{name}(" for name in NOTIFY),
)

_STATE = pattern(r"if\s*\([^;{]*->\w+[^;{]*\)\s*\{?\s*return\s+(?:ERR_PTR\s*\()?-E")
"""Some member is looked at, and an error returned: the state may have another name here."""
_HANDS_OUT = pattern(r"map|phys|pfn|addr")


def check(series: Series) -> Iterator[Hit]:
    if not any(series.mentioning(*META.words)):
        return
    for exporter in exporters(series):
        flags = tuple(sorted({revoke.flag for revoke in exporter.revokes}))
        place = exporter.callback(series, "map_dma_buf")
        places = [place] if place is not None and place.function.complete else []
        for at in (*places, *_private(series, exporter)):
            if not mentions(series, at, flags) and not _STATE.search(at.function.text):
                yield from _hit(series, at, exporter.revokes)


def _private(series: Series, exporter: Exporter) -> Iterator[Place]:
    """Exported functions next to the ops that take a dma-buf and hand out its addresses."""
    file = exporter.ops.file
    exported = {export.symbol for export in file.after.exports if export.is_export}
    for name in sorted(exported):
        place = series.program.function(name, file)
        if place is None or not place.function.complete or not _HANDS_OUT.search(name):
            continue
        takes = any(
            p.type.endswith(("struct dma_buf *", "struct dma_buf_attachment *"))
            for p in place.function.parameters
        )
        if takes and "->priv" in place.function.text and place.file.path == file.path:
            yield place


def _hit(series: Series, place: Place, revokes: tuple[Revoke, ...]) -> Iterator[Hit]:
    owed = owed_at(series, place, revokes)
    if owed is not None:
        flag = revokes[0].flag
        yield Hit(
            owed.patch,
            owed.file,
            owed.line,
            f"{place.function.name}() has to return -ENODEV once ->{flag} is set, under the "
            "reservation lock; otherwise importers map again behind the revoke.",
            symbol=owed.symbol,
            facts={"map": place.function.name, "flag": flag},
        )


_DRIVER = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -10,3 +10,23 @@
 
 #include "frob.h"
 
+static struct sg_table *frob_map(struct dma_buf_attachment *attach, enum dma_data_direction dir)
+{
+	struct frob *frob = attach->dmabuf->priv;
+
+	%s
+	return frob_sgt(frob, dir);
+}
+
+static const struct dma_buf_ops frob_ops = {
+	.map_dma_buf = frob_map,
+	.unmap_dma_buf = frob_unmap,
+};
+
+static void frob_revoke(struct frob *frob)
+{
+	dma_resv_lock(frob->dmabuf->resv, NULL);
+	frob->revoked = true;
+	dma_buf_invalidate_mappings(frob->dmabuf);
+	dma_resv_unlock(frob->dmabuf->resv);
+}
"""
_PHYS = """\
@@ -60,2 +90,10 @@ static void frob_other(struct frob *frob)
 }
+int frob_phys(struct dma_buf *dmabuf, u64 *addr)
+{
+	struct frob *frob = dmabuf->priv;
+
+	*addr = frob->addr;
+	return 0;
+}
+EXPORT_SYMBOL_FOR_MODULES(frob_phys, "frob_vdpa");
 
"""
_TEST = "if (frob->revoked) return ERR_PTR(-ENODEV);"
_MAP = "static struct sg_table *frob_map(struct dma_buf_attachment *attach, enum dma_data_direction dir)"

BAD = [
    Bad(_DRIVER % "frob->count++;", at=(_MAP,)),
    Bad(_DRIVER % _TEST + _PHYS, at=("int frob_phys(struct dma_buf *dmabuf, u64 *addr)",)),
]

GOOD = [
    Good(_DRIVER % _TEST, why="refused"),
    Good(
        _DRIVER % "if (frob->state != FROB_OK) return ERR_PTR(-ENODEV);",
        why="the state has another name there",
    ),
    Good(
        (_DRIVER % "frob->count++;").replace("frob->revoked = true", "frob->moved = true"),
        why="no flag that says revoked",
    ),
]
