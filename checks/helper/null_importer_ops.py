# SPDX-License-Identifier: GPL-2.0-or-later
"""Test importer_ops before looking into it

An importer that attached with dma_buf_attach() has no importer_ops at all, so
whatever the core does with an attachment tests `attach->importer_ops` first,
in the same expression or before it.  This is one of the two cases in which a
helper answers that an importer can't be revoked.
"""

import re
from collections.abc import Iterator

from checks.api import Bad, Confidence, Good, Hit, Meta, Patch, Series, Severity
from checks.source.c import Function
from checks.source.change import FileChange
from checks.source.pattern import pattern
from checks.source.vocabulary import is_core

META = Meta(
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    sources=(
        "20260119164421.GF961572@ziepe.ca",
        "20260131-dmabuf-revoke-v7-6-463d956bd527@nvidia.com",
    ),
    words=("importer_ops->",),
)

_DEREFERENCE = pattern(r"(?:\w+(?:->|\.))*importer_ops\s*->\s*(\w+)")
_DYNAMIC = pattern(r"dma_buf_attachment_is_dynamic\s*\(|dma_buf_pin_on_map\s*\(")


def check(series: Series) -> Iterator[Hit]:
    for patch in series.mentioning(*META.words):
        for file in patch.change.touching(*META.words):
            if is_core(file.path) and file.path.endswith((".c", ".h")):
                for function in file.after.functions:
                    yield from _function(patch, file, function)


def _function(patch: Patch, file: FileChange, function: Function) -> Iterator[Hit]:
    cut = not function.complete and function.start == 0
    for found in _DEREFERENCE.finditer(function.text):
        line = function.line_at(found.start())
        if line is None or not file.is_new(line) or _is_tested(function, found):
            continue
        pointer = found.group().split("importer_ops")[0] + "importer_ops"
        if cut and not _is_walked(function, found, pointer):
            continue  # what was tested above the hunk is not shown
        yield Hit(
            patch,
            file,
            line,
            f"{pointer} is NULL for importers that use dma_buf_attach(); please test it before ->{found.group(1)}.",
            symbol=function.name,
            facts={"pointer": pointer, "member": found.group(1)},
        )
        return


def _is_tested(function: Function, found: re.Match[str]) -> bool:
    """Whether the pointer itself, not a member of it, is looked at before."""
    before = function.text[: found.start()]
    pointer = found.group().split("importer_ops")[0] + "importer_ops"
    if any(pointer == f"{p.name}" for p in function.parameters):
        return True  # handed in: its caller's business
    tested = re.search(rf"(?<![\w>.]){re.escape(pointer)}\s*(?:&&|\)|\?|;|==|!=|\|\|)", before)
    return tested is not None or _DYNAMIC.search(before) is not None


def _is_walked(function: Function, found: re.Match[str], pointer: str) -> bool:
    """Whether the attachment is a loop's variable, so that no test above the loop was of it."""
    name = re.match(r"\w+", pointer)
    before = function.text[: found.start()]
    return name is not None and bool(re.search(rf"for_each\w*\(\s*{name.group()}\s*,", before))


_PREDICATE = """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -1252,3 +1252,8 @@ void frob(struct dma_buf_attachment *attach)
 }
 EXPORT_SYMBOL_NS_GPL(frob, "DMA_BUF");
 
+bool dma_buf_attach_revocable(struct dma_buf_attachment *attach)
+{
+	return %(test)sattach->importer_ops->invalidate_mappings;
+}
+
"""

BAD = [
    Bad(
        """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -1248,7 +1248,7 @@ void dma_buf_invalidate_mappings(struct dma_buf *dmabuf)
 	dma_resv_assert_held(dmabuf->resv);
 
 	list_for_each_entry(attach, &dmabuf->attachments, node)
-		if (attach->importer_ops)
+		if (attach->importer_ops->invalidate_mappings)
 			attach->importer_ops->invalidate_mappings(attach);
 }
 EXPORT_SYMBOL_NS_GPL(dma_buf_invalidate_mappings, "DMA_BUF");
""",
        at=("if (attach->importer_ops->invalidate_mappings)",),
    ),
    Bad(_PREDICATE % {"test": ""}, at=("return attach->importer_ops->invalidate_mappings;",)),
    Bad(
        """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -1252,3 +1252,11 @@ void frob(struct dma_buf_attachment *attach)
 }
 EXPORT_SYMBOL_NS_GPL(frob, "DMA_BUF");
 
+void dma_buf_frob_all(struct dma_buf *dmabuf)
+{
+	struct dma_buf_attachment *attach;
+
+	list_for_each_entry(attach, &dmabuf->attachments, node)
+		attach->importer_ops->invalidate_mappings(attach);
+}
+
""",
        at=("attach->importer_ops->invalidate_mappings(attach);",),
    ),
]

GOOD = [
    Good(_PREDICATE % {"test": "attach->importer_ops && "}, why="tested in the same expression"),
    Good(
        """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -1252,3 +1252,10 @@ void frob(struct dma_buf_attachment *attach)
 }
 EXPORT_SYMBOL_NS_GPL(frob, "DMA_BUF");
 
+bool dma_buf_attach_frob(struct dma_buf_attachment *attach)
+{
+	if (!dma_buf_attachment_is_dynamic(attach))
+		return false;
+	return attach->importer_ops->allow_peer2peer;
+}
+
""",
        why="only dynamic attachments get there, and these have importer_ops",
    ),
]
