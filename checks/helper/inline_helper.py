# SPDX-License-Identifier: GPL-2.0-or-later
"""Move a helper out of line that refers to a restricted export

What EXPORT_SYMBOL_FOR_MODULES() gives to a few modules can be linked by those
alone.  A static inline function of a public header is compiled into whoever
calls it, so that one which refers to such a symbol breaks the build of every
other module.  The helper belongs next to the symbol, with an export of its own.

Nobody said so on the lists; it follows from how the export works.
"""

import re
from collections.abc import Iterator

from checks.api import Bad, Confidence, Edition, Good, Hit, Meta, Patch, Series, Severity
from checks.source.change import FileChange
from checks.source.pattern import pattern
from checks.source.vocabulary import SENTINEL

META = Meta(
    severity=Severity.NOTE,
    confidence=Confidence.MEDIUM,
    sources=("include/linux/export.h", "20260119164421.GF961572@ziepe.ca"),
    # Those of the export that it starts from, maybe in another patch: `inline` stands everywhere.
    words=("_FOR_MODULES", SENTINEL),
)

_PUBLIC = ("include/linux/", "include/drm/", "include/rdma/", "include/net/", "include/media/")

_RESTRICTED = pattern(
    r"^\s*EXPORT_SYMBOL(?:_GPL)?_FOR_MODULES\s*\(\s*(\w+)\s*,\s*\"([^\"]*)\"", re.MULTILINE
)


def check(series: Series) -> Iterator[Hit]:
    exported = dict(_restricted(series))
    sentinel = any(SENTINEL in patch.diff for patch in series.patches)
    if not exported and not sentinel:
        return
    for patch in series.mentioning("inline"):
        names = dict(exported)
        if series.edition(patch) is Edition.SEED:
            names.setdefault(SENTINEL, "")
        for file in patch.change.touching(*names) if names else ():
            if file.path.startswith(_PUBLIC) and file.path.endswith(".h"):
                yield from _inlines(patch, file, names)


def _restricted(series: Series) -> Iterator[tuple[str, str]]:
    """The symbols that the series exports to some modules only, with the list of those."""
    for patch in series.mentioning("_FOR_MODULES"):
        for file in patch.change.touching("_FOR_MODULES"):
            text = "\n".join(line.text for line in file.lines if line.sign != "-")
            yield from _RESTRICTED.findall(text)


def _inlines(patch: Patch, file: FileChange, names: dict[str, str]) -> Iterator[Hit]:
    """One hit a function, where it refers to a restricted symbol."""
    use = re.compile(rf"(?<![\w.>])({'|'.join(map(re.escape, sorted(names)))})\b")
    for function in file.after.functions:
        if "inline" not in function.returns.split() or function.name in names:
            continue
        for found in use.finditer(function.text):
            line = function.line_at(found.start())
            if line is None or not file.is_new(line):
                continue
            modules = names[found.group(1)] or "the modules named there"
            yield Hit(
                patch,
                file,
                line,
                f"{found.group(1)} is exported to {modules} only, so no other module links with this "
                f"inline; would {function.name}() be better out of line, with an export of its own?",
                symbol=function.name,
                facts={"symbol": found.group(1), "function": function.name, "modules": modules},
            )
            break


_EXPORT = """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -1252,3 +1252,8 @@ void frob(struct dma_buf_attachment *attach)
 }
 EXPORT_SYMBOL_NS_GPL(frob, "DMA_BUF");
 
+void dma_buf_frob_unsupported(struct dma_buf_attachment *attach)
+{
+}
+%s;
+
"""
_INLINE = """\
# next patch
diff --git a/include/linux/dma-buf.h b/include/linux/dma-buf.h
--- a/include/linux/dma-buf.h
+++ b/include/linux/dma-buf.h
@@ -579,3 +579,9 @@
 int frob_first(void);
 
+%sbool dma_buf_attach_can_frob(struct dma_buf_attachment *attach)
+{
+	return attach->importer_ops &&
+	       attach->importer_ops->frob != %s;
+}
+
 int frob_second(void);
"""
_PRIVATE = """\
# next patch
diff --git a/drivers/frob/frob.h b/drivers/frob/frob.h
--- a/drivers/frob/frob.h
+++ b/drivers/frob/frob.h
@@ -579,3 +579,8 @@
 int frob_first(void);
 
+static inline bool frob_can(struct dma_buf_attachment *attach)
+{
+	return attach->importer_ops->frob != dma_buf_frob_unsupported;
+}
+
 int frob_second(void);
"""
_FOR_RDMA = 'EXPORT_SYMBOL_FOR_MODULES(dma_buf_frob_unsupported, "ib_uverbs")'
_AT = "attach->importer_ops->frob != %s;"

BAD = [
    Bad(
        _EXPORT % _FOR_RDMA + _INLINE % ("static inline ", "dma_buf_frob_unsupported"),
        at=(_AT % "dma_buf_frob_unsupported",),
    ),
    Bad(
        _INLINE.removeprefix("# next patch\n") % ("static inline ", SENTINEL),
        at=(_AT % SENTINEL,),
        edition=Edition.SEED,
    ),
]

GOOD = [
    Good(
        _EXPORT % 'EXPORT_SYMBOL_NS_GPL(dma_buf_frob_unsupported, "DMA_BUF")'
        + _INLINE % ("static inline ", "dma_buf_frob_unsupported"),
        why="any module can link with it",
    ),
    Good(
        _EXPORT % _FOR_RDMA + _INLINE % ("static inline ", "NULL"),
        why="the inline does not refer to it",
    ),
    Good(_EXPORT % _FOR_RDMA + _PRIVATE, why="the header of the one driver that has the symbol"),
    Good(
        _INLINE.removeprefix("# next patch\n") % ("static inline ", "dma_buf_frob_unsupported"),
        why="how that one is exported is not shown",
    ),
]
