# SPDX-License-Identifier: GPL-2.0-or-later
"""Say who calls the helper, and what a true answer promises

A predicate about revocation is asked by the exporter, and its kernel-doc says
so.  True promises that the importer unmaps within bounded time after the
callback.  What is asked is an ability: "revocable", not "is revoke".
"""

import re
from collections.abc import Iterator

from checks.api import Bad, Confidence, Edition, Good, Hit, Meta, Series, Severity
from checks.source.contract import WORDS, Predicate, predicates
from checks.source.pattern import pattern
from checks.source.vocabulary import HELPER

META = Meta(
    severity=Severity.NOTE,
    confidence=Confidence.HIGH,
    sources=(
        "d41d08e3-6a86-40a4-925c-6a3172670079@nvidia.com",
        "3380a80a-7574-4dbf-87cb-0735fb20cd15@nvidia.com",
        "20260119164619.GG961572@ziepe.ca",
    ),
    words=WORDS,
    editions=(Edition.MOVE_NOTIFY, Edition.RENAMED),
    once=True,
    whole=True,
)

_NAME = pattern(r"_is_revoke(?:d)?$")
_WHO = pattern(
    r"\bcalled\b.{0,40}\bexporter|exporters?\b.{0,60}\b(?:call|use|determine|check|ask|tell)",
    re.IGNORECASE,
)
_PROMISE = pattern(r"bounded|\bunmap", re.IGNORECASE)


def check(series: Series) -> Iterator[Hit]:
    for predicate in predicates(series):
        wishes = list(_wishes(predicate))
        name = predicate.function.name
        row = predicate.function.row_of(name)
        line = predicate.function.fragment.shown(predicate.function.start if row is None else row)
        if wishes and line is not None and line.added:
            yield Hit(
                predicate.patch,
                predicate.file,
                line,
                "Please " + "; ".join(wishes) + ".",
                symbol=name,
                facts={"name": name, "wishes": wishes},
            )


def _wishes(predicate: Predicate) -> Iterator[str]:
    name, prose = predicate.function.name, predicate.doc.prose if predicate.doc else ""
    if _NAME.search(name):
        yield f"name the ability that this asks for, as in {HELPER}()"
    if prose and not _WHO.search(prose):
        yield "say in the kernel-doc that exporters call this"
    if prose and not _PROMISE.search(prose):
        yield "say what true promises: that the importer unmaps within bounded time"


_PREDICATE = """\
diff --git a/include/linux/dma-buf.h b/include/linux/dma-buf.h
--- a/include/linux/dma-buf.h
+++ b/include/linux/dma-buf.h
@@ -579,3 +579,15 @@ static inline bool dma_buf_is_dynamic(struct dma_buf *dmabuf)
 	return !!dmabuf->ops->pin;
 }
 
+/**
+ * %(name)s - tell whether an importer gives up its mappings
+ * @attach: the attachment to look at
+ *
+ * %(text)s
+ */
+static inline bool %(name)s(struct dma_buf_attachment *attach)
+{
+	return attach->importer_ops &&
+	       attach->importer_ops->invalidate_mappings;
+}
+
"""

BAD = [
    Bad(
        _PREDICATE
        % {"name": "dma_buf_attach_is_revoke", "text": "Returns true for revoke semantics."},
        at=("static inline bool dma_buf_attach_is_revoke(struct dma_buf_attachment *attach)",),
        edition=Edition.RENAMED,
    ),
]

GOOD = [
    Good(
        _PREDICATE
        % {
            "name": "dma_buf_attach_can_revoke",
            "text": "Exporters call this. True when the importer unmaps in bounded time.",
        },
        why="names the caller and the promise",
        edition=Edition.RENAMED,
    ),
]
