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
from checks.source.c import Function
from checks.source.change import FileChange
from checks.source.diff import Line
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
    also=("+ *", "+\t *", " */\n"),
)

_ITEM = pattern(r"(\s*)(?:\d{1,2}[.)]|[-*+])\s+\S")
_TAG = pattern(r"@([A-Za-z_][\w.]*)(\s*)(:?)(.*)")


def check(series: Series) -> Iterator[Hit]:
    for patch in series.mentioning(*META.words):
        for file in patch.change.touching(*META.words):
            if file.path.startswith(META.words) and file.path.endswith((".c", ".h")):
                for doc in file.after.kernel_docs:
                    if doc.kind != "DOC":
                        yield from _doc(patch, file, doc)


def _doc(patch: Patch, file: FileChange, doc: KernelDoc) -> Iterator[Hit]:
    if doc.added_rows:
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
        right = re.sub(rf"@{name}(?:\s+-+(?=\s))?", f"@{name}:", doc.fragment.texts[row], count=1)
        yield Hit(
            patch,
            file,
            line,
            f"kernel-doc does not see this tag without its colon: @{name}:",
            symbol=doc.symbol or None,
            suggestion=replace_rows(file.path, doc.fragment, row, row, (right,)),
            facts={"kind": "tag", "name": name},
        )


def _is_tag(doc: KernelDoc, number: int, found: re.Match[str]) -> bool:
    """Whether an `@name` at the start of a line is meant as a tag, and is no word of a sentence."""
    if found.group(2).startswith("\t") and found.group(4).strip():
        return True
    if not doc.starts or "." in found.group(1):
        return False
    if found.group(4).strip():
        return _is_parameter(doc, found.group(1))
    above = [text for _, text in doc.text[:number] if text.strip()]
    return not above or above[-1].lstrip().startswith("@") or number == 0


def _is_parameter(doc: KernelDoc, name: str) -> bool:
    """Whether the function below takes `name`, and no line describes it as it should."""
    functions = (f for f in doc.fragment.unit.functions if f.name == doc.owner)
    taken = any(p.name == name for f in functions for p in f.parameters)
    return taken and not any(text.lstrip().startswith(f"@{name}:") for _, text in doc.text)


def _title(patch: Patch, file: FileChange, doc: KernelDoc) -> Iterator[Hit]:
    """A title with another name than the function below, or parameters that do not match it."""
    untitled = doc.starts and not doc.name
    if doc.kind not in ("function", "unknown") or not doc.owner or not doc.ends or untitled:
        return
    functions = doc.fragment.unit.functions
    function = next((f for f in functions if f.name == doc.owner and f.start > doc.end), None)
    wrong = _wrong_title(file, doc, function)
    line = _title_line(file, doc)
    if line is not None and wrong:
        yield Hit(patch, file, line, wrong, symbol=doc.owner, facts={"kind": "title"})


def _wrong_title(file: FileChange, doc: KernelDoc, function: Function | None) -> str:
    if doc.name and doc.name != doc.owner:
        return f"This kernel-doc is titled {doc.name}, but the function below is {doc.owner}()."
    if function is None:
        return ""
    found = [m.group(1) for _, text in doc.text if (m := _TAG.match(text.lstrip()))]
    named = [parameter.name for parameter in function.parameters if parameter.name]
    if not doc.starts:  # what was there before may be described above the hunk
        before = (f for f in file.before.functions if f.name == doc.owner)
        old = next(before, None)
        known = {p.name for p in old.parameters} | _cut_tags(file) if old else set(named)
        named = [name for name in named if name not in known]
    missing = [name for name in named if name not in found]
    surplus = [name for name in found if doc.starts and named and name not in named]
    if len(missing) == len(surplus) == 1 and "." not in surplus[0]:
        return f"kernel-doc will warn: the parameter is called @{missing[0]}, not @{surplus[0]}."
    if missing:
        return f"kernel-doc will warn that @{missing[0]} is not described; please add it."
    if surplus and "." not in surplus[0]:
        return f"kernel-doc will warn that {doc.owner}() has no parameter @{surplus[0]}."
    return ""


def _cut_tags(file: FileChange) -> set[str]:
    """The tags of comments whose end is not shown, as where a comment spans two hunks.

    One without its colon counts as well: that is told already, where it stands.
    """
    return {
        found.group(1)
        for doc in file.after.kernel_docs
        if not doc.ends
        for number, (_, text) in enumerate(doc.text)
        if (found := _TAG.match(text.lstrip())) and (found.group(3) or _is_tag(doc, number, found))
    }


def _title_line(file: FileChange, doc: KernelDoc) -> Line | None:
    """The new line of title or function header; None when neither is the series' doing."""
    rows = [row for row, text in doc.text if text.strip()][: 1 if doc.starts else 0]
    shown = [doc.fragment.shown(row) for row in (*rows, doc.end + 1, doc.end + 2, doc.end + 3)]
    new = [line for line in shown if line is not None and file.is_new(line)]
    if not new:
        return None
    return shown[0] if rows else new[0]


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

_TWO_HUNKS = """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -101,4 +101,5 @@
  * Calls the exporter.
  * @dmabuf:	[in]	buffer to frob
+ * @twice%s	[in]	whether to frob again
  *
  * Returns 0 or an error.
@@ -110,7 +111,7 @@
  *
  * Sleeps.
  */
-int dma_buf_frob(struct dma_buf *dmabuf)
+int dma_buf_frob(struct dma_buf *dmabuf, bool twice)
 {
 	frob(dmabuf);
 
"""

BAD += [
    Bad(_TWO_HUNKS % "", at=("* @twice	[in]	whether to frob again",)),
    Bad(
        """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -110,9 +110,9 @@
  *
  * Calls the exporter.
  */
-int dma_buf_frob(struct dma_buf *dmabuf)
+int dma_buf_frob(struct dma_buf *dmabuf, bool twice)
 {
 	frob(dmabuf);
 
 	return 0;
 }
""",
        at=("int dma_buf_frob(struct dma_buf *dmabuf, bool twice)",),
    ),
    Bad(
        """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -651,4 +651,5 @@
  * Calls the exporter.
  * @dmabuf:	[in]	buffer to frob
+ * @twice	[in]	whether to frob again
  *
  * Returns 0 or an error.
""",
        at=("* @twice	[in]	whether to frob again",),
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
    Good(_TWO_HUNKS % ":", why="the parameter is described in another hunk of the same comment"),
    Good(
        """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -10,3 +10,10 @@
 
 #include "frob.h"
 
+/**
+ * Frobs a buffer, now and then.
+ */
+int dma_buf_frob(struct dma_buf *dmabuf)
+{
+	return 0;
+}
""",
        why="a comment without a title has no wrong one",
    ),
]
