# SPDX-License-Identifier: GPL-2.0-or-later
"""Restrict exports that invite abuse to the modules that need them

EXPORT_SYMBOL_FOR_MODULES() gives a symbol to the modules that it names and to
no other.  It is for what is dangerous or meaningless elsewhere: a function
whose only use is to opt out of the contract, raw physical addresses, the page
allocator behind a heap.  What any exporter or importer may call stays in the
"DMA_BUF" namespace.

Before the merged contract, a revoke helper that takes a NULL callback for an
answer gets the same advice as in the review that this rule comes from: name a
function that says "unsupported", and export that one to RDMA only.  From the
merged contract on there is no such function.

For other exports this is a nudge, given on the first posting alone; a namespace
is restriction enough.
"""

import re
from collections.abc import Iterator

from checks.api import Bad, Confidence, Edition, Good, Hit, Meta, Patch, Series, Severity
from checks.source.age import at_least
from checks.source.change import FileChange
from checks.source.contract import is_opt_out, predicates
from checks.source.diff import Line
from checks.source.exports import Export
from checks.source.pattern import pattern
from checks.source.suggest import replace_rows
from checks.source.vocabulary import CALLBACKS, HELPER, SENTINEL, SENTINEL_MODULE

RAW = ("cma_alloc", "cma_release", "default_area", "_phys", "_phys_vec", "_paddr", "_pfn")
"""Ends of the names of functions and data that hand out memory past all accounting."""

META = Meta(
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    sources=(
        "20260119164421.GF961572@ziepe.ca",
        "20251029002726.GA1092494@nvidia.com",
        "60ecebf2-a708-4797-bedd-588c3e9931ff@kernel.org",
    ),
    words=("importer_ops->", "_unsupported_", *(name + ");" for name in RAW)),
)

_NULL_TEST = pattern(
    rf"importer_ops\s*->\s*(?:{'|'.join(CALLBACKS)})\b(?!\s*[=!]=\s*&?(?!NULL\b)\w)"
)


def check(series: Series) -> Iterator[Hit]:
    yield from _helpers(series)
    for patch in series.mentioning(*META.words):
        for file in patch.change.touching(*META.words):
            if file.mentions("EXPORT_SYMBOL"):
                yield from _exports(series, patch, file)


def _helpers(series: Series) -> Iterator[Hit]:
    """The helper that the seed review is about: it has no named function to compare with."""
    for predicate in predicates(series):
        function = predicate.function
        found = _NULL_TEST.search(function.text)
        if found is None or series.edition(predicate.patch) in (Edition.SEED, Edition.MERGED):
            continue
        line = function.line_at(found.start())
        if line is not None and predicate.file.is_new(line):
            inline = "inline" in function.returns.split()
            message = (
                f"I suggest a function {SENTINEL}(), exported with EXPORT_SYMBOL_FOR_MODULES() so "
                f"that only RDMA ({SENTINEL_MODULE}) can use it. Then test for that along with NULL "
                "importer_ops, to cover the two cases that can't be revoked."
            )
            if inline:
                message += " The helper has to move out of line for it."
            yield Hit(
                predicate.patch,
                predicate.file,
                line,
                message,
                symbol=function.name,
                suggestion=_SUGGESTION % found.group().split("->")[-1].strip(),
                facts={"sentinel": SENTINEL, "module": SENTINEL_MODULE, "kind": "helper"},
            )


_SUGGESTION = f"""\
+void {SENTINEL}(struct dma_buf_attachment *attach)
+{{
+}}
+EXPORT_SYMBOL_FOR_MODULES({SENTINEL}, "{SENTINEL_MODULE}");
[ ... ]
+	return attach->importer_ops &&
+	       attach->importer_ops->%s !=
+		       {SENTINEL};
"""


def _exports(series: Series, patch: Patch, file: FileChange) -> Iterator[Hit]:
    nudged = False
    for export in file.after.exports:
        line = export.fragment.shown(export.row)
        if line is None or not file.is_new(line) or not export.is_export:
            continue
        if is_opt_out(export.symbol):
            if series.edition(patch) is Edition.MERGED:
                yield _superseded(series, patch, file, export, line)
            elif "FOR_MODULES" not in export.macro:
                yield _restrict(patch, file, export, line)
        elif not nudged and _invites_abuse(series, file, export):
            nudged = True
            yield _nudge(patch, file, export, line)


def _invites_abuse(series: Series, file: FileChange, export: Export) -> bool:
    """Whether a first posting of dma-buf work hands out something raw to hardly anybody."""
    if export.macro not in ("EXPORT_SYMBOL", "EXPORT_SYMBOL_GPL") or series.revision > 1:
        return False
    if not at_least(series, (6, 16)):
        return False
    about = any(patch.mentions("dma-buf", "dma_buf") for patch in series.patches)
    if not about or not export.symbol.endswith(RAW) or _was_exported(file, export.symbol):
        return False
    return len(_callers(series, export.symbol)) <= 2


def _callers(series: Series, symbol: str) -> set[str]:
    """Folders with a file that the series shows calling `symbol`."""
    call = re.compile(rf"^[+ ].*\b{re.escape(symbol)}\s*\(", re.MULTILINE)
    folders = set()
    for patch in series.mentioning(symbol):
        for file in patch.change.touching(symbol):
            text = file.section.text
            exports = "EXPORT_SYMBOL" in text
            if file.path.endswith(".c") and not exports and call.search(text):
                folders.add(file.path.rpartition("/")[0])
    return folders


def _was_exported(file: FileChange, symbol: str) -> bool:
    return any("EXPORT_" in line.text and symbol in line.text for line in file.removed)


def _restrict(patch: Patch, file: FileChange, export: Export, line: Line) -> Hit:
    text = f'EXPORT_SYMBOL_FOR_MODULES({export.symbol}, "{SENTINEL_MODULE}");'
    return Hit(
        patch,
        file,
        line,
        f"Only RDMA has a reason to use {export.symbol}(); please export it with "
        f"EXPORT_SYMBOL_FOR_MODULES() to {SENTINEL_MODULE} alone.",
        symbol=export.symbol,
        suggestion=replace_rows(file.path, export.fragment, export.row, export.row, (text,)),
        facts={"sentinel": export.symbol, "module": SENTINEL_MODULE, "kind": "export"},
    )


def _superseded(series: Series, patch: Patch, file: FileChange, export: Export, line: Line) -> Hit:
    return Hit(
        patch,
        file,
        line,
        f"An importer that can't invalidate leaves {series.callback(patch)} out, which is how "
        f"{HELPER}() tells it; please drop {export.symbol}().",
        symbol=export.symbol,
        facts={"sentinel": export.symbol, "kind": "superseded"},
    )


def _nudge(patch: Patch, file: FileChange, export: Export, line: Line) -> Hit:
    return Hit(
        patch,
        file,
        line,
        f"{export.symbol} hands out something raw. If only the module named in the commit message "
        f'needs it, would EXPORT_SYMBOL_FOR_MODULES({export.symbol}, "...") do?',
        symbol=export.symbol,
        severity=Severity.NOTE,
        confidence=Confidence.MEDIUM,
        facts={"symbol": export.symbol, "kind": "nudge"},
    )


_EXPORT = """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -1252,3 +1252,9 @@ void frob(struct dma_buf_attachment *attach)
 }
 EXPORT_SYMBOL_NS_GPL(frob, "DMA_BUF");
 
+/* Importers that can't invalidate say so with this. */
+void dma_buf_unsupported_invalidate_mappings(struct dma_buf_attachment *attach)
+{
+}
+%s
+
"""

_HELPER = """\
diff --git a/include/linux/dma-buf.h b/include/linux/dma-buf.h
--- a/include/linux/dma-buf.h
+++ b/include/linux/dma-buf.h
@@ -579,3 +579,9 @@ static inline bool dma_buf_is_dynamic(struct dma_buf *dmabuf)
 	return !!dmabuf->ops->pin;
 }
 
+static inline bool dma_buf_attach_can_revoke(struct dma_buf_attachment *attach)
+{
+	return attach->importer_ops &&
+	       attach->importer_ops->invalidate_mappings;
+}
+
"""

_RAW_EXPORT = """\
diff --git a/mm/frob.c b/mm/frob.c
--- a/mm/frob.c
+++ b/mm/frob.c
@@ -949,4 +949,5 @@ struct page *frob_cma_alloc(struct frob *frob, unsigned long count)
 
 	return page;
 }
+%s
 
# next patch
diff --git a/drivers/dma-buf/heaps/Kconfig b/drivers/dma-buf/heaps/Kconfig
--- a/drivers/dma-buf/heaps/Kconfig
+++ b/drivers/dma-buf/heaps/Kconfig
@@ -1,2 +1,2 @@
 config DMABUF_HEAPS_FROB
-	bool "Frob heap"
+	tristate "Frob heap"
"""

BAD = [
    Bad(_HELPER, at=("attach->importer_ops->invalidate_mappings;",), edition=Edition.RENAMED),
    Bad(
        _EXPORT % "EXPORT_SYMBOL_GPL(dma_buf_unsupported_invalidate_mappings);",
        at=("EXPORT_SYMBOL_GPL(dma_buf_unsupported_invalidate_mappings);",),
        edition=Edition.SEED,
    ),
    Bad(
        _EXPORT
        % 'EXPORT_SYMBOL_FOR_MODULES(dma_buf_unsupported_invalidate_mappings, "ib_uverbs");',
        at=('EXPORT_SYMBOL_FOR_MODULES(dma_buf_unsupported_invalidate_mappings, "ib_uverbs");',),
        edition=Edition.MERGED,
    ),
    Bad(
        _RAW_EXPORT % "EXPORT_SYMBOL_GPL(frob_cma_alloc);",
        at=("EXPORT_SYMBOL_GPL(frob_cma_alloc);",),
    ),
]

GOOD = [
    Good(_HELPER, why="NULL is the signal in the merged contract", edition=Edition.MERGED),
    Good(
        _EXPORT
        % 'EXPORT_SYMBOL_FOR_MODULES(dma_buf_unsupported_invalidate_mappings, "ib_uverbs");',
        why="restricted to RDMA",
        edition=Edition.SEED,
    ),
    Good(
        _RAW_EXPORT % 'EXPORT_SYMBOL_FOR_MODULES(frob_cma_alloc, "frob_heap");',
        why="restricted to the one module that calls it",
    ),
]
