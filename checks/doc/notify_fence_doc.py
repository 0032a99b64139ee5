# SPDX-License-Identifier: GPL-2.0-or-later
"""Say in the notify function's kernel-doc what happens until the fences have signalled

The notify function only starts the invalidation.  Until the fences in the
reservation object have signalled importers may go on accessing the buffer, so
a caller that wants access to end waits for them: dma_resv_wait_timeout() with
DMA_RESV_USAGE_BOOKKEEP.  In the merged contract there is a second wait: until
an importer has unmapped it may still read speculatively.  A series that writes
or owes this kernel-doc says so in it.
"""

import re
from collections.abc import Iterator

from checks.api import Bad, Confidence, Edition, Good, Hit, Meta, Patch, Series, Severity
from checks.source.change import FileChange
from checks.source.comment import append, doc_after
from checks.source.contract import (
    WORDS,
    ContractChange,
    contract_changes,
    docs_of,
    may_be_documented,
)
from checks.source.diff import Line
from checks.source.kerneldoc import KernelDoc
from checks.source.pattern import pattern
from checks.source.vocabulary import CORE, NOTIFY

META = Meta(
    severity=Severity.NOTE,
    confidence=Confidence.HIGH,
    sources=(
        "20260119164421.GF961572@ziepe.ca",
        "f115c91bbc9c6087d8b32917b9e24e3363a91f33.camel@linux.intel.com",
        "a1c55bd8-9891-4064-83fe-ac56141e586f@amd.com",
    ),
    words=WORDS,
    once=True,
)

_FENCES = pattern(r"fence|dma_resv_wait_timeout", re.IGNORECASE)


def check(series: Series) -> Iterator[Hit]:
    changes = contract_changes(series)
    if not changes:
        return
    written = list(docs_of(series, NOTIFY, "function"))
    if any(_FENCES.search(doc.prose) for _, _, doc in written) or may_be_documented(series):
        return
    there = doc_after(series, changes[0].patch, CORE, NOTIFY, "function")
    if there is not None and _FENCES.search(there.prose):
        return
    patch, file, line, symbol = _place(changes[0], written)
    notify = series.notify(patch)
    text = _text(series.edition(patch) is Edition.MERGED)
    # without a text of the series' own, notify-kernel-doc has its suggestion at the same place
    diff = append(file.path, written[0][2], text) if written else ""
    yield Hit(
        patch,
        file,
        line,
        f"The kernel-doc of {notify}() should also say what importers may still access until the "
        "fences in the reservation object have signalled.",
        symbol=symbol,
        suggestion=diff or "+ *\n" + "".join(f"+ * {line}\n" for line in text),
        confidence=None if series.complete else Confidence.LOW,
        facts={"notify": notify},
    )


def _place(
    change: ContractChange, written: list[tuple[Patch, FileChange, KernelDoc]]
) -> tuple[Patch, FileChange, Line, str]:
    """The kernel-doc that the series writes, or else the change that owes it."""
    for patch, file, doc in written:
        rows = [row for row, text in doc.text if text and doc.fragment.is_added(row)]
        line = doc.fragment.shown(next(iter(rows), doc.added_rows[0]))
        if line is not None:
            return patch, file, line, doc.symbol
    return change.patch, change.file, change.line, change.symbol


def _text(merged: bool) -> tuple[str, ...]:
    text = [
        "This only starts the invalidation: importers may go on accessing the buffer",
        "until the fences in @dmabuf->resv have signalled. A caller that needs access",
        "to end waits for them with dma_resv_wait_timeout() and",
        "DMA_RESV_USAGE_BOOKKEEP, with the lock held.",
    ]
    if merged:
        text += [
            "Until an importer has unmapped it may still read",
            "speculatively; a full stop waits for all unmaps too, without the lock.",
        ]
    return tuple(text)


_DOC = """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -1240,6 +1240,8 @@
  * dma_buf_move_notify - notify attachments
  * @dmabuf:	[in]	buffer which is moving
  *
+ * Pinned importers may take this as a permanent revocation.
+ *%(fences)s
  */
 void dma_buf_move_notify(struct dma_buf *dmabuf)
 {
@@ -1260,4 +1263,5 @@ void dma_buf_move_notify(struct dma_buf *dmabuf)
 	dma_resv_assert_held(dmabuf->resv);
+	dma_buf_frob(dmabuf);
 
 	list_for_each_entry(attach, &dmabuf->attachments, node)
 		frob(attach);
"""

BAD = [
    Bad(
        _DOC % {"fences": ""},
        at=("* Pinned importers may take this as a permanent revocation.",),
        edition=Edition.MOVE_NOTIFY,
    ),
]

GOOD = [
    Good(
        _DOC % {"fences": " Access may go on until the fences in @dmabuf->resv have signalled."},
        why="the text covers the fences",
        edition=Edition.MOVE_NOTIFY,
    ),
]
