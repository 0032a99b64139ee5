# SPDX-License-Identifier: GPL-2.0-or-later
"""Keep the callback's own kernel-doc in step with the contract

struct dma_buf_attach_ops documents the importer's callback at the member, and
importer authors read that.  A series that changes what the callback means
changes this text; one that makes the callback mandatory or optional changes
its "[optional]" tag; one that renames the member renames the tag with it.
From v5.7 to v7.0 the comment said "[optional]" of a callback that was not.
"""

import re
from collections.abc import Iterator

from checks.api import Bad, Confidence, Edition, Good, Hit, Meta, Patch, Series, Severity
from checks.source.change import FileChange
from checks.source.comment import append, doc_after, retag
from checks.source.contract import WORDS, ContractChange, contract_changes, docs_of
from checks.source.diff import Line
from checks.source.kerneldoc import KernelDoc
from checks.source.pattern import pattern
from checks.source.vocabulary import CALLBACKS, HEADER, NOTIFY

META = Meta(
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    sources=(
        "9eba2527-a06e-4f74-a7d6-93f6f91e00e9@amd.com",
        "20260124-dmabuf-revoke-v5-6-f98fca917e96@nvidia.com",
        "20200219125910.89147-7-christian.koenig@amd.com",
    ),
    words=WORDS,
)

_MANDATORY = pattern(r"WARN_ON(?:_ONCE)?\(\s*importer_ops\s*&&\s*!\s*importer_ops->(\w+)\s*\)")
_MEMBER = pattern(rf"\(\s*\*\s*({'|'.join(CALLBACKS)})\s*\)\s*\(")


def check(series: Series) -> Iterator[Hit]:
    changes = contract_changes(series)
    yield from _meaning(series, [change for change in changes if change.kind == "helper"])
    for change in changes:
        if change.kind == "policy":
            yield from _mandatory(series, change)
    yield from _renamed(series)


def _meaning(series: Series, helpers: list[ContractChange]) -> Iterator[Hit]:
    """A helper says what the callback promises; the callback's own text must say it too."""
    if not helpers or any(
        _says_more(file, doc) for _, file, doc in docs_of(series, CALLBACKS, "member")
    ):
        return
    change = helpers[0]
    callback = series.callback(change.patch)
    doc = doc_after(series, change.patch, HEADER, CALLBACKS, "member")
    if doc is not None and any(name in doc.prose for name in NOTIFY):
        return  # it says already where the promise is written
    text = (
        f"See the kernel-doc of {series.notify(change.patch)}() for what an importer",
        "has to do, and by when.",
    )
    yield Hit(
        change.patch,
        change.file,
        _mention(change.doc, callback) or change.definition or change.line,
        f"Please say in the kernel-doc of &dma_buf_attach_ops.{callback} too what an importer promises "
        "by providing it; that is where importers look.",
        symbol=change.symbol,
        suggestion=append(HEADER, doc, text) or "".join(f"+\t * {line}\n" for line in text),
        confidence=None if series.complete else Confidence.LOW,
        facts={"callback": callback, "helper": change.symbol, "kind": "meaning"},
    )


def _mention(doc: KernelDoc | None, callback: str) -> Line | None:
    """The line of the helper's kernel-doc that names the callback."""
    if doc is None:
        return None
    lines = (doc.fragment.shown(row) for row, text in doc.text if callback in text)
    return next((line for line in lines if line is not None and line.added), None)


def _says_more(file: FileChange, doc: KernelDoc) -> bool:
    """Whether the comment changes below its title line, which only has the name and the tag."""
    rows = [row for row, text in doc.text if text.strip() and not text.strip().startswith("@")]
    shown = (doc.fragment.shown(row) for row in rows)
    return any(line is not None and file.is_new(line) for line in shown)


def _mandatory(series: Series, change: ContractChange) -> Iterator[Hit]:
    """The callback becomes mandatory, and its tag goes on saying that it is optional."""
    found = _MANDATORY.search(change.line.text)
    if found is None or not change.line.added or _drops_optional(series):
        return
    name = found.group(1)
    shown = _says_optional(series, change.patch, name)
    if shown is False:
        return
    claim = (
        'still says "[optional]"; please drop that' if shown else 'must not say "[optional]" then'
    )
    confidence = Confidence.HIGH if shown else Confidence.MEDIUM
    doc = doc_after(series, change.patch, HEADER, (name,), "member")
    yield Hit(
        change.patch,
        change.file,
        change.line,
        f"This makes the callback mandatory; the kernel-doc of @{name} in struct dma_buf_attach_ops "
        f"{claim}.",
        symbol=change.symbol,
        confidence=confidence if series.complete else Confidence.LOW,
        suggestion=retag(HEADER, doc, f"@{name}: [optional]", f"@{name}:"),
        facts={"callback": name, "kind": "mandatory"},
    )


def _says_optional(series: Series, patch: Patch, name: str) -> bool | None:
    """Whether the tag of `name` has "[optional]", by the series or the tree; None: not shown."""
    tag = re.compile(rf"@{name}:? \[optional\]")
    lines = (line for p in series.mentioning("[optional]") for line in p.diff.split("\n"))
    if any(tag.search(line) for line in lines if line[:1] in ("+", " ")):
        return True
    header = patch.blobs.file(HEADER) if patch.blobs is not None else None
    return None if header is None else tag.search(header.decode(errors="replace")) is not None


def _drops_optional(series: Series) -> bool:
    for patch in series.mentioning("[optional]"):
        for file in patch.change.touching("[optional]"):
            if any(
                "[optional]" in line.text and not file.was_renamed(line) for line in file.removed
            ):
                return True
    return False


def _renamed(series: Series) -> Iterator[Hit]:
    """The member has a new name, and its kernel-doc the old one."""
    for patch, file, line, name in _new_members(series):
        stale = re.compile(rf"\*\s*@(?:{'|'.join(c for c in CALLBACKS if c != name)}):")
        kept = any(fragment.rows_with(stale) for fragment in file.after.fragments)
        old = next(callback for callback in CALLBACKS if callback != name)
        doc = doc_after(series, patch, HEADER, (old,), "member")
        if kept or not any(f"@{name}:" in added.text for added in file.added):
            yield Hit(
                patch,
                file,
                line,
                f"The member is now {name}; please rename its kernel-doc tag to @{name}: as well.",
                symbol="struct dma_buf_attach_ops",
                suggestion=retag(HEADER, doc, f"@{old}:", f"@{name}:"),
                facts={"callback": name, "kind": "renamed"},
            )


def _new_members(series: Series) -> Iterator[tuple[Patch, FileChange, Line, str]]:
    for patch in series.mentioning(*CALLBACKS):
        file = patch.change.file(HEADER)
        if file is None:
            continue
        gone = {m.group(1) for line in file.removed if (m := _MEMBER.search(line.text))}
        for line in file.added:
            found = _MEMBER.search(line.text)
            if found and gone and found.group(1) not in gone:
                yield patch, file, line, found.group(1)


_HELPER = """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -1252,3 +1252,16 @@ void frob(struct dma_buf_attachment *attach)
 }
 EXPORT_SYMBOL_NS_GPL(frob, "DMA_BUF");
 
+/**
+ * dma_buf_attach_can_revoke - tell whether an importer gives up its mappings
+ * @attach: the attachment to look at
+ *
+ * To be called by exporters. Returns true when the importer has
+ * invalidate_mappings() and unmaps within bounded time.
+ */
+bool dma_buf_attach_can_revoke(struct dma_buf_attachment *attach)
+{
+	return attach->importer_ops && attach->importer_ops->invalidate_mappings;
+}
+EXPORT_SYMBOL_NS_GPL(dma_buf_attach_can_revoke, "DMA_BUF");
+
"""

BAD = [
    Bad(_HELPER, at=("* invalidate_mappings() and unmaps within bounded time.",)),
    Bad(
        """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -677,6 +677,9 @@ dma_buf_dynamic_attach(struct dma_buf *dmabuf, struct device *dev,
 	if (WARN_ON(!dmabuf || !dev))
 		return ERR_PTR(-EINVAL);
 
+	if (WARN_ON(importer_ops && !importer_ops->move_notify))
+		return ERR_PTR(-EINVAL);
+
 	attach = kzalloc(sizeof(*attach), GFP_KERNEL);
 	if (!attach)
 		return ERR_PTR(-ENOMEM);
""",
        at=("if (WARN_ON(importer_ops && !importer_ops->move_notify))",),
    ),
    Bad(
        """\
diff --git a/include/linux/dma-buf.h b/include/linux/dma-buf.h
--- a/include/linux/dma-buf.h
+++ b/include/linux/dma-buf.h
@@ -473,6 +473,6 @@ struct dma_buf_attach_ops {
 	/**
 	 * @move_notify: [optional] notification
 	 */
-	void (*move_notify)(struct dma_buf_attachment *attach);
+	void (*invalidate_mappings)(struct dma_buf_attachment *attach);
 };
 
""",
        at=("void (*invalidate_mappings)(struct dma_buf_attachment *attach);",),
    ),
    Bad(
        """\
diff --git a/include/linux/dma-buf.h b/include/linux/dma-buf.h
--- a/include/linux/dma-buf.h
+++ b/include/linux/dma-buf.h
@@ -476,5 +476,5 @@ struct dma_buf_attach_ops {
 	 * mappings should be made anew.
 	 */
-	void (*move_notify)(struct dma_buf_attachment *attach);
+	void (*invalidate_mappings)(struct dma_buf_attachment *attach);
 };
 
""",
        at=("void (*invalidate_mappings)(struct dma_buf_attachment *attach);",),
    ),
]

GOOD = [
    Good(
        _HELPER
        + """\
# next patch
diff --git a/include/linux/dma-buf.h b/include/linux/dma-buf.h
--- a/include/linux/dma-buf.h
+++ b/include/linux/dma-buf.h
@@ -468,6 +468,9 @@ struct dma_buf_attach_ops {
 	 * called with this lock held as well. This makes sure that no mapping
 	 * is created concurrently with an ongoing move operation.
 	 *
+	 * An importer that provides this promises to unmap within bounded time,
+	 * see dma_buf_invalidate_mappings().
+	 *
 	 */
 	void (*invalidate_mappings)(struct dma_buf_attachment *attach);
 };
""",
        why="the member's text follows in the same series",
        edition=Edition.RENAMED,
    ),
    Good(
        """\
diff --git a/include/linux/dma-buf.h b/include/linux/dma-buf.h
--- a/include/linux/dma-buf.h
+++ b/include/linux/dma-buf.h
@@ -458,9 +458,9 @@ struct dma_buf_attach_ops {
 	bool allow_peer2peer;
 
 	/**
-	 * @move_notify: [optional] notification that the DMA-buf is moving
+	 * @invalidate_mappings: [optional] notification that the DMA-buf is moving
 	 *
 	 * Called with the lock held.
 	 */
-	void (*move_notify)(struct dma_buf_attachment *attach);
+	void (*invalidate_mappings)(struct dma_buf_attachment *attach);
 };
""",
        why="tag and member are renamed together",
    ),
]
