# SPDX-License-Identifier: GPL-2.0-or-later
"""Update the kernel-doc of the notify function along with the contract

What exporters and importers may rely on is written in the kernel-doc of
dma_buf_move_notify(), since its rename dma_buf_invalidate_mappings().  A series
that adds or changes a revoke helper, the notify function itself or the rule for
a NULL callback changes that contract, and updates this text in the same series.
A pure rename changes nothing.  The text may come in another patch of the series.
"""

from collections.abc import Iterator

from checks.api import Bad, Confidence, Edition, Good, Hit, Meta, Series, Severity
from checks.source.comment import append, doc_after
from checks.source.contract import (
    WORDS,
    ContractChange,
    contract_changes,
    docs_of,
    may_be_documented,
)
from checks.source.kerneldoc import KernelDoc
from checks.source.vocabulary import CORE, NOTIFY

META = Meta(
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    sources=(
        "20260119164421.GF961572@ziepe.ca",
        "8689345b-241a-47f4-8e9a-61cde285bf8b@amd.com",
        "a1c55bd8-9891-4064-83fe-ac56141e586f@amd.com",
    ),
    words=WORDS,
    once=True,
)


def check(series: Series) -> Iterator[Hit]:
    changes = contract_changes(series)
    if not changes or any(docs_of(series, NOTIFY, "function")) or may_be_documented(series):
        return
    change = changes[0]
    notify = series.notify(change.patch)
    doc = doc_after(series, change.patch, CORE, NOTIFY, "function")
    text = _text(series, change, doc)
    diff = append(CORE, doc, text)
    yield Hit(
        change.patch,
        change.file,
        change.line,
        f"{_WHAT[change.kind]} changes what exporters and importers may rely on; please update the "
        f"kernel-doc of {notify}() along with it.",
        symbol=change.symbol,
        suggestion=diff or "".join(f"+ * {line}".rstrip() + "\n" for line in text),
        confidence=_confidence(series, change),
        facts={
            "notify": notify,
            "kind": change.kind,
            "helper": change.symbol,
            "diff": bool(diff),
        },
    )


_WHAT = {
    "helper": "This helper",
    "notify": "This change of the notify function",
    "policy": "This rule for a missing callback",
}


def _confidence(series: Series, change: ContractChange) -> Confidence:
    """A missing part may have the text; a change of the notify function may be a mere repair."""
    if not series.complete:
        return Confidence.LOW
    return Confidence.MEDIUM if change.kind == "notify" else Confidence.HIGH


def _text(series: Series, change: ContractChange, doc: KernelDoc | None) -> tuple[str, ...]:
    """Kernel-doc lines in our own words, from the facts of the contract."""
    told = [
        f"Exporters can call {change.symbol}() from their attach",
        "callback to detect such importers.",
    ]
    if doc is not None and "permanent revocation" in doc.prose and change.kind == "helper":
        return (f"Exporters can call {change.symbol}() from their attach callback.",)
    text = [
        "A dynamic importer drops whatever it has cached of the mapping, and maps",
        "again before it lets the hardware do any more DMA.",
        "",
        "For a pinned importer the mapping is gone. It may take this as a permanent",
        "revocation and never map again, so exporters should not call it lightly.",
        "",
    ]
    if series.edition(change.patch) is Edition.MERGED:
        text += [
            "An importer with this callback unmaps within bounded time after it. One",
            "without unmaps when it is done with the buffer, which may be never.",
        ]
    else:
        text += ["An importer that can't invalidate its mappings does not act on this."]
    return (*text, *told) if change.kind == "helper" else tuple(text)


_HELPER = """\
diff --git a/include/linux/dma-buf.h b/include/linux/dma-buf.h
--- a/include/linux/dma-buf.h
+++ b/include/linux/dma-buf.h
@@ -570,4 +570,17 @@ static inline bool dma_buf_is_dynamic(struct dma_buf *dmabuf)
 	return !!dmabuf->ops->pin;
 }
 
+/**
+ * dma_buf_attach_can_revoke - tell whether an importer gives up its mappings
+ * @attach: the attachment to look at
+ *
+ * To be called by exporters that revoke. Returns true when the importer unmaps
+ * within bounded time.
+ */
+static inline bool dma_buf_attach_can_revoke(struct dma_buf_attachment *attach)
+{
+	return attach->importer_ops &&
+	       attach->importer_ops->invalidate_mappings;
+}
+
 struct sg_table *frob_next(void);
"""

_TEXT = """\
# next patch
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -1240,6 +1240,9 @@
  * @dmabuf:	[in]	buffer which is moving
  *
  * Informs all attachments.
+ *
+ * Importers may access the buffer until the fences in @dmabuf->resv have
+ * signalled, see dma_resv_wait_timeout(), and must unmap in bounded time.
  */
 void dma_buf_invalidate_mappings(struct dma_buf *dmabuf)
 {
"""

BAD = [
    Bad(
        _HELPER,
        at=("* dma_buf_attach_can_revoke - tell whether an importer gives up its mappings",),
    ),
    Bad(
        """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -1260,6 +1260,8 @@ void dma_buf_invalidate_mappings(struct dma_buf *dmabuf)
 
 	dma_resv_assert_held(dmabuf->resv);
 
+	dma_resv_wait_timeout(dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP, false, MAX_SCHEDULE_TIMEOUT);
+
 	list_for_each_entry(attach, &dmabuf->attachments, node)
 		frob(attach);
 }
""",
        at=(
            "dma_resv_wait_timeout(dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP, false, MAX_SCHEDULE_TIMEOUT);",
        ),
    ),
]

GOOD = [
    Good(_HELPER + _TEXT, why="the text comes one patch later", edition=Edition.RENAMED),
    Good(
        """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -1260,4 +1260,6 @@ void dma_buf_move_notify(struct dma_buf *dmabuf)
 	dma_resv_assert_held(dmabuf->resv);
 
+	trace_dma_buf_frob(dmabuf);
+
 	list_for_each_entry(attach, &dmabuf->attachments, node)
 		if (attach->importer_ops)
""",
        why="a tracepoint changes nothing that anybody relies on",
    ),
    Good(
        """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -1260,6 +1260,6 @@ void dma_buf_move_notify(struct dma_buf *dmabuf)
 	dma_resv_assert_held(dmabuf->resv);
 
 	list_for_each_entry(attach, &dmabuf->attachments, node)
 		if (attach->importer_ops)
-			attach->importer_ops->move_notify(attach);
+			attach->importer_ops->invalidate_mappings(attach);
 }
""",
        why="a rename of the callback changes nothing",
    ),
]
