# SPDX-License-Identifier: GPL-2.0-or-later
"""Ask the importer, not the exporter, what the importer can do

A helper about the importer of an attachment looks at the attachment's
importer_ops.  dma_buf_is_dynamic(attach->dmabuf) and attach->dmabuf->ops tell
what the exporter can do, which the exporter that calls the helper knows.
"""

from collections.abc import Iterator

from checks.api import Bad, Confidence, Good, Hit, Meta, Series, Severity
from checks.source.contract import WORDS, predicates
from checks.source.pattern import pattern

META = Meta(
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    sources=("9eba2527-a06e-4f74-a7d6-93f6f91e00e9@amd.com",),
    words=WORDS,
)

_EXPORTER = pattern(r"dma_buf_is_dynamic\s*\(\s*\w+->dmabuf\s*\)|->dmabuf->ops\b")


def check(series: Series) -> Iterator[Hit]:
    for predicate in predicates(series):
        function = predicate.function
        found = _EXPORTER.search(function.text)
        if found is None:
            continue
        line = function.line_at(found.start())
        if line is not None and predicate.file.is_new(line):
            yield Hit(
                predicate.patch,
                predicate.file,
                line,
                "This tells what the exporter can do, not the importer; please drop it.",
                symbol=function.name,
                facts={"test": found.group()},
            )


_PREDICATE = """\
diff --git a/include/linux/dma-buf.h b/include/linux/dma-buf.h
--- a/include/linux/dma-buf.h
+++ b/include/linux/dma-buf.h
@@ -579,3 +579,9 @@ static inline bool dma_buf_is_dynamic(struct dma_buf *dmabuf)
 	return !!dmabuf->ops->pin;
 }
 
+static inline bool dma_buf_attach_can_revoke(struct dma_buf_attachment *attach)
+{
+	return %(test)s &&
+	       attach->importer_ops && attach->importer_ops->invalidate_mappings;
+}
+
"""

BAD = [
    Bad(
        _PREDICATE % {"test": "dma_buf_is_dynamic(attach->dmabuf)"},
        at=("return dma_buf_is_dynamic(attach->dmabuf) &&",),
    ),
    Bad(
        _PREDICATE % {"test": "attach->dmabuf->ops->pin"},
        at=("return attach->dmabuf->ops->pin &&",),
    ),
]

GOOD = [
    Good(
        _PREDICATE % {"test": "!WARN_ON(!attach)"}, why="looks at the attachment's importer alone"
    ),
]
