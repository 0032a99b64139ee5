# SPDX-License-Identifier: GPL-2.0-or-later
"""Export symbols of the dma-buf core into its namespace

What dma-buf.c and dma-buf-mapping.c export is in the namespace "DMA_BUF", what
dma-heap.c and the heaps export in "DMA_BUF_HEAP", GPL only.  The fence,
reservation and sync-file code next to them has no namespace.
EXPORT_SYMBOL_FOR_MODULES() is stricter still and fine.

The namespace of the heaps was first asked for in 2025; on trees before v6.13
it is no more than a note.
"""

import re
from collections.abc import Iterator

from checks.api import Bad, Confidence, Good, Hit, Meta, Patch, Series, Severity
from checks.source.age import at_least
from checks.source.change import FileChange
from checks.source.diff import Line
from checks.source.exports import Export
from checks.source.suggest import replace_rows

META = Meta(
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    sources=(
        "CAO_48GEqkf_Jm8kSTPEDZkZy-YmT56Zs1Jx9zCvzETPsCzrkEg@mail.gmail.com",
        "CAO_48GE=FHaNzybUxjY=igyOO1oasKb9yu_yAjJEdjTQXicaJA@mail.gmail.com",
        "drivers/dma-buf/dma-buf.c",
    ),
    words=("drivers/dma-buf/dma-buf", "drivers/dma-buf/dma-heap", "drivers/dma-buf/heaps/"),
    also=("+EXPORT_SYMBOL",),
)

_PLAIN = ("EXPORT_SYMBOL", "EXPORT_SYMBOL_GPL")


def check(series: Series) -> Iterator[Hit]:
    for patch in series.mentioning(*META.words):
        for file in patch.change.touching(*META.words):
            if "EXPORT_SYMBOL" in file.section.text and file.path.startswith(META.words):
                yield from _file(series, patch, file)


def _file(series: Series, patch: Patch, file: FileChange) -> Iterator[Hit]:
    plain = list(_plain(file))
    if not plain or not _has_namespace(series, file):
        return
    moved = {symbol for other in _exporting(series) for symbol in _gone(other)}
    namespace = _namespace(series, file)
    core = "dma-buf/dma-buf" in file.path
    for export, line in plain:
        if (export.macro, export.symbol) in moved:
            continue
        right = f"EXPORT_SYMBOL_NS_GPL({export.symbol}, {namespace});"
        yield Hit(
            patch,
            file,
            line,
            f"Symbols of the dma-buf core are exported into its namespace: {right}",
            symbol=export.symbol,
            severity=None if core or at_least(series, (6, 13)) else Severity.NOTE,
            confidence=Confidence.HIGH if core else Confidence.MEDIUM,
            suggestion=replace_rows(file.path, export.fragment, export.row, export.row, (right,)),
            facts={"symbol": export.symbol, "right": right},
        )


def _plain(file: FileChange) -> Iterator[tuple[Export, Line]]:
    """The new exports without a namespace, with the lines they are on."""
    for export in file.after.exports:
        line = export.fragment.shown(export.row)
        if line is not None and export.macro in _PLAIN and export.symbol and file.is_new(line):
            yield export, line


def _has_namespace(series: Series, file: FileChange) -> bool:
    """By the other exports of the file where some are shown, else by the age of the tree."""
    before = [export.macro for export in file.before.exports if export.is_export]
    if before:
        return any("_NS" in macro or "FOR_MODULES" in macro for macro in before)
    return at_least(series, (5, 16))


def _exporting(series: Series) -> Iterator[FileChange]:
    for patch in series.mentioning("EXPORT_SYMBOL"):
        yield from patch.change.touching("EXPORT_SYMBOL")


def _gone(file: FileChange) -> Iterator[tuple[str, str]]:
    """Exports that a file loses, as when a function moves to another one."""
    for export in file.before.exports:
        line = export.fragment.shown(export.row)
        if line is not None and line.sign == "-":
            yield export.macro, export.symbol


def _namespace(series: Series, file: FileChange) -> str:
    """The namespace argument, quoted as the file's other exports are, or as the tree's age says."""
    name = "DMA_BUF_HEAP" if re.search(r"dma-heap|/heaps/", file.path) else "DMA_BUF"
    exports = (*file.before.exports, *file.after.exports)
    shown = next((a for e in exports if "_NS" in e.macro for a in e.arguments[1:]), None)
    quoted = shown.startswith('"') if shown is not None else at_least(series, (6, 13))
    return f'"{name}"' if quoted else name


_CORE = """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -1252,3 +1252,9 @@ void frob(struct dma_buf_attachment *attach)
 }
 EXPORT_SYMBOL_%s;
 
+int dma_buf_frob(struct dma_buf *dmabuf)
+{
+	return 0;
+}
+EXPORT_SYMBOL_%s;
+
"""
_FENCE = """\
diff --git a/drivers/dma-buf/dma-fence.c b/drivers/dma-buf/dma-fence.c
--- a/drivers/dma-buf/dma-fence.c
+++ b/drivers/dma-buf/dma-fence.c
@@ -10,3 +10,4 @@ int dma_fence_frob(struct dma_fence *fence)
 	return 0;
 }
+EXPORT_SYMBOL(dma_fence_frob);
 
"""
_HEAP = """\
diff --git a/drivers/dma-buf/heaps/frob_heap.c b/drivers/dma-buf/heaps/frob_heap.c
--- a/drivers/dma-buf/heaps/frob_heap.c
+++ b/drivers/dma-buf/heaps/frob_heap.c
@@ -10,3 +10,4 @@ int frob_heap_add(struct frob *frob)
 	return 0;
 }
+EXPORT_SYMBOL(frob_heap_add);
 
"""

BAD = [
    Bad(
        _CORE % ('NS_GPL(frob, "DMA_BUF")', "GPL(dma_buf_frob)"),
        at=("EXPORT_SYMBOL_GPL(dma_buf_frob);",),
    ),
    Bad(_HEAP, at=("EXPORT_SYMBOL(frob_heap_add);",)),
]

GOOD = [
    Good(
        _CORE % ('NS_GPL(frob, "DMA_BUF")', 'NS_GPL(dma_buf_frob, "DMA_BUF")'),
        why="in the namespace",
    ),
    Good(_CORE % ("GPL(frob)", "GPL(dma_buf_frob)"), why="a tree older than the namespace"),
    Good(_FENCE, why="the fence code has no namespace"),
]
