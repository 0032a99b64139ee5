# SPDX-License-Identifier: GPL-2.0-or-later
"""Write the namespace as the tree at hand has it: quoted since v6.13-rc2

Commit cdd30ebb1b9f made the namespace a string: MODULE_IMPORT_NS("DMA_BUF")
and EXPORT_SYMBOL_NS_GPL(symbol, "DMA_BUF").  Before it, in stable trees, it is
a bare word that the macros quote themselves.  The wrong form does not build
there, or names a namespace that nobody exports.  The tree's own macro decides,
else the other lines of the file, else the age of the series.
"""

from collections.abc import Iterator

from checks.api import Bad, Confidence, Good, Hit, Meta, Patch, Series, Severity
from checks.source.age import at_least
from checks.source.change import FileChange
from checks.source.exports import Export
from checks.source.image import Image
from checks.source.pattern import pattern
from checks.source.suggest import replace_rows

META = Meta(
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    sources=("include/linux/module.h", "include/linux/export.h"),
    words=("NS(DMA_BUF", 'NS("DMA_BUF', ", DMA_BUF", ', "DMA_BUF'),
    also=("MODULE_IMPORT_NS", "EXPORT_SYMBOL_NS"),
)

_NAMES = pattern(r'"?(DMA_BUF(?:_HEAP)?)"?')
_MACRO = pattern(rb"#define\s+MODULE_IMPORT_NS\(ns\)\s+(.*)")


def check(series: Series) -> Iterator[Hit]:
    for patch in series.mentioning(*META.words):
        for file in patch.change.touching(*META.also):
            if file.path.endswith((".c", ".h")):
                yield from _file(series, patch, file)


def _file(series: Series, patch: Patch, file: FileChange) -> Iterator[Hit]:
    for export in file.after.exports:
        line, name = export.fragment.shown(export.row), _name(export)
        if name is None or line is None or not file.is_new(line):
            continue
        quoted = export.arguments[-1].startswith('"')
        wanted, confidence = _wanted(series, patch, file)
        if quoted is wanted or _converts(file, quoted):
            continue
        right_name = f'"{name}"' if wanted else name
        right = f"{export.macro}({', '.join((*export.arguments[:-1], right_name))});"
        since = "takes a string since v6.13-rc2" if wanted else "takes a bare word before v6.13-rc2"
        one_line = ")" in line.text
        yield Hit(
            patch,
            file,
            line,
            f"{export.macro}() {since}: {right}",
            symbol=export.symbol if export.is_export else None,
            suggestion=replace_rows(file.path, export.fragment, export.row, export.row, (right,))
            if one_line
            else "",
            confidence=confidence,
            facts={"right": right, "quoted": wanted},
        )


def _name(export: Export) -> str | None:
    """The namespace of a namespace macro, without quotes; None for other macros and namespaces."""
    if export.macro == "MODULE_IMPORT_NS":
        arguments = export.arguments[:1]
    else:
        is_one = export.macro in ("EXPORT_SYMBOL_NS", "EXPORT_SYMBOL_NS_GPL")
        arguments = export.arguments[1:2] if is_one and len(export.arguments) == 2 else ()
    found = _NAMES.fullmatch(arguments[0]) if arguments else None
    return found.group(1) if found else None


def _wanted(series: Series, patch: Patch, file: FileChange) -> tuple[bool, Confidence]:
    """Whether the tree has quotes, and how sure that is."""
    header = patch.blobs.file("include/linux/module.h") if patch.blobs is not None else None
    macro = _MACRO.search(header) if header else None
    if macro:
        return b"__stringify" not in macro.group(1), Confidence.HIGH
    shown = _shown(file.before)
    if shown is not None:
        return shown, Confidence.HIGH
    return at_least(series, (6, 13)), Confidence.MEDIUM


def _shown(image: Image) -> bool | None:
    """Whether the lines that were there before are quoted; None when there are none, or both."""
    forms = {
        export.arguments[-1].startswith('"')
        for export in image.exports
        if ("_NS" in export.macro and export.is_export and len(export.arguments) == 2)
        or (export.macro == "MODULE_IMPORT_NS" and export.arguments)
    }
    return forms.pop() if len(forms) == 1 else None


def _converts(file: FileChange, quoted: bool) -> bool:
    """Whether the patch takes away the other form: it is about the quotes, and knows why."""
    for export in file.before.exports:
        line = export.fragment.shown(export.row)
        removed = line is not None and line.sign == "-" and _name(export) is not None
        if removed and export.arguments[-1].startswith('"') is not quoted:
            return True
    return False


_IMPORT = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -90,3 +90,%d @@ static struct platform_driver frob_driver = {
 module_platform_driver(frob_driver);
%s
 MODULE_LICENSE("GPL");
+%s
"""
_EXPORT = """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -1252,3 +1252,9 @@ void frob(struct dma_buf_attachment *attach)
 }
 EXPORT_SYMBOL_%s;
 
+int dma_buf_frob(struct dma_buf *dmabuf)
+{
+	return 0;
+}
+EXPORT_SYMBOL_%s;
+
"""

BAD = [
    Bad(
        _IMPORT % (4, ' MODULE_DESCRIPTION("frob");', "MODULE_IMPORT_NS(DMA_BUF);"),
        at=("MODULE_IMPORT_NS(DMA_BUF);",),
    ),
    Bad(
        _IMPORT % (4, " MODULE_IMPORT_NS(FROB);", 'MODULE_IMPORT_NS("DMA_BUF");'),
        at=('MODULE_IMPORT_NS("DMA_BUF");',),
    ),
    Bad(
        _EXPORT % ('NS_GPL(frob, "DMA_BUF")', "NS_GPL(dma_buf_frob, DMA_BUF)"),
        at=("EXPORT_SYMBOL_NS_GPL(dma_buf_frob, DMA_BUF);",),
    ),
    Bad(
        _EXPORT % ("NS_GPL(frob, DMA_BUF)", 'NS_GPL(dma_buf_frob, "DMA_BUF")'),
        at=('EXPORT_SYMBOL_NS_GPL(dma_buf_frob, "DMA_BUF");',),
    ),
]

GOOD = [
    Good(
        _IMPORT % (4, ' MODULE_DESCRIPTION("frob");', 'MODULE_IMPORT_NS("DMA_BUF");'),
        why="quoted, on today's tree",
    ),
    Good(
        _IMPORT % (4, " MODULE_IMPORT_NS(FROB);", "MODULE_IMPORT_NS(DMA_BUF);"),
        why="the line above shows an older tree",
    ),
    Good(
        _EXPORT % ("NS_GPL(frob, DMA_BUF)", "NS_GPL(dma_buf_frob, DMA_BUF)"),
        why="the other exports show an older tree",
    ),
    Good(
        _IMPORT % (3, "-MODULE_IMPORT_NS(DMA_BUF);", 'MODULE_IMPORT_NS("DMA_BUF");'),
        why="a patch about the quotes",
    ),
    Good(
        _EXPORT % ("GPL(frob)", "GPL(dma_buf_frob)"),
        why="no namespace at all",
    ),
]
