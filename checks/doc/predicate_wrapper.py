# SPDX-License-Identifier: GPL-2.0-or-later
"""Keep the predicates that say what a test of importer_ops or pin means

dma_buf_attachment_is_dynamic() and dma_buf_is_dynamic() are one line each, and
have a name: they say what the reader would have to know of an importer without
ops or an exporter without pin.  Taking one away to write the test out in its
place loses that; better keep the wrapper, and explain what true means.

A wrapper that goes because nobody asks any more, or that gets another name or
place, is fine.
"""

import re
from collections.abc import Iterator

from checks.api import Bad, Confidence, Good, Hit, Meta, Patch, Series, Severity
from checks.source.c import Function
from checks.source.change import FileChange
from checks.source.diff import Line
from checks.source.masking import mask_comments
from checks.source.pattern import pattern
from checks.source.vocabulary import is_core

META = Meta(
    severity=Severity.NOTE,
    confidence=Confidence.MEDIUM,
    sources=("24c7a7e6-b1bd-4407-b62d-4d9ea4cdeee4@amd.com",),
    words=("drivers/dma-buf/", "include/linux/dma-buf"),
    also=("_is_", "_can_", "_has_", "_revocable"),
    whole=True,
)

_PREDICATE = pattern(r"dma_buf_\w*?(?:is|can|has)_\w+$|dma_buf_\w*_revocable$")
_GONE = pattern(r"^-.*?\bdma_buf_\w*(?:is_|can_|has_|_revocable)\w*\s*\(", re.MULTILINE)
_RETURN = pattern(r"\breturn\s+([^;]+);")


def check(series: Series) -> Iterator[Hit]:
    for patch in series.mentioning(*META.words):
        for file in patch.change.touching(*META.also, where=_GONE):
            if is_core(file.path) and file.path.endswith((".c", ".h")):
                for function in file.before.functions:
                    yield from _function(series, patch, file, function)


def _function(series: Series, patch: Patch, file: FileChange, old: Function) -> Iterator[Hit]:
    line = _name_line(old)
    test = _test(old) if line is not None and _is_predicate(old) else None
    if line is None or test is None or _lives_on(series, patch, file, old, line):
        return
    written = _written_out(patch, test)
    if written is None:
        return
    yield Hit(
        patch,
        file,
        line,
        f"Could {old.name}() stay, with a comment on what it means when true is returned? The name "
        f"says more than {written} in its place.",
        symbol=old.name,
        facts={"predicate": old.name, "test": written},
    )


def _is_predicate(function: Function) -> bool:
    return _PREDICATE.match(function.name) is not None and "bool" in function.returns.split()


def _name_line(function: Function) -> Line | None:
    """The removed line that has the name; None where the definition stays."""
    for row in range(function.start, min(function.end, function.start + 3) + 1):
        line = function.fragment.shown(row)
        if line is not None and re.search(rf"\b{function.name}\s*\(", line.text):
            return line if line.sign == "-" else None
    return None


def _test(function: Function) -> re.Pattern[str] | None:
    """What its only statement tests: the members that it follows from its parameter."""
    found = _RETURN.search(function.text)
    if not function.complete or found is None or len(function.parameters) != 1:
        return None
    if function.text.count(";") != 1:
        return None  # more than a name for a test
    start = re.escape(function.parameters[0].name)
    chains = re.findall(rf"\b{start}\s*->\s*(\w+(?:\s*->\s*\w+)*)\b(?!\s*\()", found.group(1))
    if not chains:
        return None
    chain = re.sub(r"\s*->\s*", r"\\s*->\\s*", max(chains, key=len))
    return re.compile(rf"\b\w+(?:\s*->\s*\w+)*?\s*->\s*{chain}\b(?!\s*(?:->|\.|\(|=[^=]))")


def _lives_on(series: Series, patch: Patch, file: FileChange, old: Function, line: Line) -> bool:
    """Whether it only moves, is written anew, or gets another name."""
    if file.was_renamed(line) or any(
        place.patch.number >= patch.number and place.function.named
        for place in series.program.places(old.name)
    ):
        return True
    test = _body(old)
    return any(
        _body(new) == test and "bool" in new.returns.split()
        for other in patch.change.touching("bool")
        if is_core(other.path)
        for new in other.after.functions
    )


def _body(function: Function) -> str:
    """What it returns, its parameter called `_`."""
    found = _RETURN.search(function.text)
    if found is None or len(function.parameters) != 1:
        return function.text
    name = re.escape(function.parameters[0].name)
    return " ".join(re.sub(rf"\b{name}\b", "_", found.group(1)).split())


def _written_out(patch: Patch, test: re.Pattern[str]) -> str | None:
    """The test as new code of the patch writes it out; None where nothing does."""
    for file in patch.change.touching("->"):
        if not file.path.endswith((".c", ".h")):
            continue
        for line in file.added:
            found = test.search(mask_comments(line.text)) if "->" in line.text else None
            if found and file.is_new(line):
                return found.group()
    return None


_WRAPPER = """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -837,12 +837,6 @@ static void frob_table(struct sg_table *sg_table)
 
 }
 
-static inline bool
-dma_buf_attachment_is_dynamic(struct dma_buf_attachment *attach)
-{
-	return !!attach->importer_ops;
-}
-
 static bool
 dma_buf_frob(struct dma_buf_attachment *attach)
 {
@@ -1124,5 +1118,5 @@ struct sg_table *dma_buf_map_attachment(struct dma_buf_attachment *attach,
 
-	if (!dma_buf_attachment_is_dynamic(attach)) {
+	if (%s) {
 		frob_wait(attach);
 	}
 
"""
_HEADER = """\
diff --git a/include/linux/dma-buf.h b/include/linux/dma-buf.h
--- a/include/linux/dma-buf.h
+++ b/include/linux/dma-buf.h
@@ -578,8 +578,3 @@
  */
-static inline bool dma_buf_is_dynamic(struct dma_buf *dmabuf)
-{
-	return !!dmabuf->ops->pin;
-}
-
 int frob_first(void);
 
diff --git a/drivers/frob/frob_dmabuf.c b/drivers/frob/frob_dmabuf.c
--- a/drivers/frob/frob_dmabuf.c
+++ b/drivers/frob/frob_dmabuf.c
@@ -10,4 +10,4 @@ static int frob_import(struct dma_buf *dmabuf)
 
-	if (dma_buf_is_dynamic(dmabuf))
+	if (%s)
 		return frob_attach(dmabuf);
 
"""
_RENAMED = """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -837,12 +837,12 @@ static void frob_table(struct sg_table *sg_table)
 
 }
 
-static inline bool
-dma_buf_attachment_is_dynamic(struct dma_buf_attachment *attach)
+static bool
+dma_buf_attach_is_dynamic(struct dma_buf_attachment *a)
 {
-	return !!attach->importer_ops;
+	return !!a->importer_ops;
 }
 
 static bool
 dma_buf_frob(struct dma_buf_attachment *attach)
 {
"""
_MOVED = """\
# next patch
diff --git a/include/linux/dma-buf.h b/include/linux/dma-buf.h
--- a/include/linux/dma-buf.h
+++ b/include/linux/dma-buf.h
@@ -578,3 +578,8 @@
 int frob_first(void);
 
+static inline bool dma_buf_attachment_is_dynamic(struct dma_buf_attachment *attach)
+{
+	return attach->importer_ops != NULL;
+}
+
 int frob_second(void);
"""

BAD = [
    Bad(
        _WRAPPER % "!attach->importer_ops",
        at=("dma_buf_attachment_is_dynamic(struct dma_buf_attachment *attach)",),
    ),
    Bad(
        _HEADER % "dmabuf->ops->pin != NULL",
        at=("static inline bool dma_buf_is_dynamic(struct dma_buf *dmabuf)",),
    ),
]

GOOD = [
    Good(_WRAPPER % "!frob_is_ready(attach)", why="what it tests is written out nowhere"),
    Good(
        _WRAPPER % "attach->importer_ops->allow_peer2peer",
        why="another question, not the one that the wrapper answers",
    ),
    Good(_WRAPPER % "!attach->importer_ops" + _MOVED, why="it comes back in the header"),
    Good(_RENAMED, why="it has another name and tests the same"),
    Good(_HEADER % "frob_can_attach(dmabuf)", why="the driver asks something else"),
]
