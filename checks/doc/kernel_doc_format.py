# SPDX-License-Identifier: GPL-2.0-or-later
"""Write kernel-doc that `make htmldocs` understands

In the kernel-doc of the dma-buf core: a member or parameter tag ends in a colon
(`@name: text`), every parameter of the function has one and no other has, the
title has the function's name, and a list is set off from the text before it by
an empty ` *` line, or docutils reports "Unexpected indentation" and runs the
lines together.
"""

import re
from collections.abc import Iterator

from checks.api import Bad, Confidence, Good, Hit, Meta, Patch, Series, Severity
from checks.source.change import FileChange
from checks.source.kerneldoc import KernelDoc
from checks.source.pattern import pattern
from checks.source.suggest import replace_rows

META = Meta(
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    sources=(
        "20260410123703.937822-1-sumit.semwal@linaro.org",
        "20200323131009.GJ2363188@phenom.ffwll.local",
        "Documentation/doc-guide/kernel-doc.rst",
    ),
    words=("drivers/dma-buf/dma-buf", "include/linux/dma-buf"),
)

_ITEM = pattern(r"(\s*)(?:\d{1,2}[.)]|[-*+])\s+\S")
_TAG = pattern(r"@([A-Za-z_][\w.]*)(\s*)(:?)(.*)")
_LABEL = pattern(r".*:\s*$")


def check(series: Series) -> Iterator[Hit]:
    for patch in series.mentioning(*META.words):
        for file in patch.change.touching(*META.words):
            if file.path.startswith(META.words) and file.path.endswith((".c", ".h")):
                for doc in file.after.kernel_docs:
                    if doc.added_rows and doc.kind != "DOC":
                        yield from _lists(patch, file, doc)
                        yield from _tags(patch, file, doc)
                        yield from _title(patch, file, doc)


def _lists(patch: Patch, file: FileChange, doc: KernelDoc) -> Iterator[Hit]:
    """A list that starts right under a line of text."""
    for number, (row, text) in enumerate(doc.text[1:], 1):
        line = doc.fragment.shown(row)
        item = _ITEM.match(text)
        above = doc.text[number - 1][1]
        if line is None or not file.is_new(line) or item is None or not _is_prose(doc, number - 1):
            continue
        if _indent(text) <= _indent(above) and not _is_continued(doc, number):
            continue
        yield Hit(
            patch,
            file,
            line,
            'htmldocs will complain ("Unexpected indentation"): a list needs an empty " *" line before it.',
            symbol=doc.symbol,
            suggestion=replace_rows(file.path, doc.fragment, row, row - 1, (_empty(doc, row),)),
            facts={"kind": "list"},
        )


def _is_prose(doc: KernelDoc, number: int) -> bool:
    """Whether a line of the comment is running text, not part of a list, a tag or a literal block."""
    text = doc.text[number][1]
    if not text.strip() or text.rstrip().endswith("::") or text.lstrip().startswith("@"):
        return False
    for above in range(number, -1, -1):
        line = doc.text[above][1]
        if not line.strip():
            return _indent(doc.text[above + 1][1]) < 4
        if (
            _ITEM.match(line)
            or line.lstrip().startswith("@")
            or re.match(r"(?:Returns?|Context|Note):", line)
        ):
            return False
    return number > 0


def _is_continued(doc: KernelDoc, number: int) -> bool:
    """Whether the item's text goes on in a deeper indented line: then docutils trips over it."""
    if number + 1 >= len(doc.text):
        return False
    following = doc.text[number + 1][1]
    return bool(following.strip()) and _indent(following) > _indent(doc.text[number][1])


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


def _empty(doc: KernelDoc, row: int) -> str:
    """An empty comment line, indented as the line at `row`."""
    return doc.fragment.texts[row].split("*")[0] + "*"


def _tags(patch: Patch, file: FileChange, doc: KernelDoc) -> Iterator[Hit]:
    """A tag without its colon: kernel-doc takes it for text."""
    for number, (row, text) in enumerate(doc.text):
        line = doc.fragment.shown(row)
        found = _TAG.match(text.lstrip())
        if line is None or not file.is_new(line) or found is None or found.group(3):
            continue
        if not _is_tag(doc, number, found):
            continue
        name = found.group(1)
        yield Hit(
            patch,
            file,
            line,
            f"kernel-doc does not see this tag without its colon: @{name}:",
            symbol=doc.symbol
            if doc.kind != "member"
            else f"struct {doc.owner}"
            if doc.owner
            else name,
            suggestion=replace_rows(
                file.path,
                doc.fragment,
                row,
                row,
                (doc.fragment.texts[row].replace(f"@{name}", f"@{name}:", 1),),
            ),
            facts={"kind": "tag", "name": name},
        )


def _is_tag(doc: KernelDoc, number: int, found: re.Match[str]) -> bool:
    """Whether an `@name` at the start of a line is meant as a tag, and is not a word of a sentence."""
    if not doc.starts or "." in found.group(1):
        return False
    if found.group(4).strip() and not found.group(2).startswith("\t"):
        return False
    above = [text for _, text in doc.text[:number] if text.strip()]
    return not above or above[-1].lstrip().startswith("@") or number == 0


def _title(patch: Patch, file: FileChange, doc: KernelDoc) -> Iterator[Hit]:
    """A title with another name than the function below, or parameters that do not match it."""
    if doc.kind != "function" or not doc.owner or not doc.ends:
        return
    number = next(n for n, (_, text) in enumerate(doc.text) if text.strip())
    line = doc.fragment.shown(doc.text[number][0])
    wrong = _wrong_title(file, doc)
    changed = line is not None and (file.is_new(line) or _is_new_header(file, doc))
    if wrong and line is not None and changed:
        yield Hit(patch, file, line, wrong, symbol=doc.owner, facts={"kind": "title"})


def _wrong_title(file: FileChange, doc: KernelDoc) -> str:
    if doc.name != doc.owner:
        return f"This kernel-doc is titled {doc.name}, but the function below is {doc.owner}()."
    functions = doc.fragment.unit.functions
    function = next((f for f in functions if f.name == doc.owner and f.start > doc.end), None)
    if function is None or not doc.starts:
        return ""
    wanted = [parameter.name for parameter in function.parameters if parameter.name]
    found = [m.group(1) for _, text in doc.text if (m := _TAG.match(text.lstrip()))]
    missing = [name for name in wanted if name not in found]
    if missing:
        return f"kernel-doc will warn that @{missing[0]} is not described; please add it."
    return ""


def _is_new_header(file: FileChange, doc: KernelDoc) -> bool:
    """Whether the line under the comment, the function's header, is new."""
    line = doc.fragment.shown(doc.end + 1)
    return line is not None and file.is_new(line)


_HUNK = """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -1250,5 +1250,%(lines)s @@
  *
  * Tells all attachments.
  *
+ * The caller has two more things to do before it
+ * may reuse the memory:%(empty)s
+ *  1) wait for the fences, as
+ *     long as it takes
  */
 void dma_buf_invalidate_mappings(struct dma_buf *dmabuf)
"""

BAD = [
    Bad(_HUNK % {"empty": "", "lines": 9}, at=("*  1) wait for the fences, as",)),
    Bad(
        """\
diff --git a/include/linux/dma-buf.h b/include/linux/dma-buf.h
--- a/include/linux/dma-buf.h
+++ b/include/linux/dma-buf.h
@@ -458,4 +458,10 @@ struct dma_buf_attach_ops {
 	bool allow_peer2peer;
 
+	/**
+	 * @frob_notify
+	 *
+	 * Called when the buffer is frobbed.
+	 */
+	void (*frob_notify)(struct dma_buf_attachment *attach);
 };
 
""",
        at=("* @frob_notify",),
    ),
    Bad(
        """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -10,4 +10,14 @@
 
 #include "frob.h"
 
+/**
+ * dma_buf_frob - frob a buffer
+ * @dmabuf: the buffer
+ */
+int dma_buf_frob(struct dma_buf *dmabuf, unsigned long flags)
+{
+	return frob(dmabuf, flags);
+}
+
+/* the end */
 
""",
        at=("* dma_buf_frob - frob a buffer",),
    ),
]

GOOD = [
    Good(_HUNK % {"empty": "\n+ *", "lines": 10}, why="an empty line sets the list off"),
    Good(
        """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -10,3 +10,13 @@
 
 #include "frob.h"
 
+/**
+ * dma_buf_frob - frob a buffer
+ * @dmabuf: the buffer to
+ *  - frob
+ *
+ * Calls the exporter with
+ * @dmabuf and waits for it, then
+ * returns.
+ */
+void dma_buf_frob(struct dma_buf *dmabuf);
""",
        why="an @name in a sentence is no tag, and a tag's text is not a paragraph",
    ),
]
