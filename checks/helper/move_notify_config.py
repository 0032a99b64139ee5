# SPDX-License-Identifier: GPL-2.0-or-later
"""Don't test CONFIG_DMABUF_MOVE_NOTIFY

The option is gone together with the old names: move notify is always built.
On a renamed tree IS_ENABLED(CONFIG_DMABUF_MOVE_NOTIFY) is silently false and
`depends on DMABUF_MOVE_NOTIFY` never met.  On an older tree it is about to go.
"""

from collections.abc import Iterator

from checks.api import Bad, Confidence, Edition, Good, Hit, Meta, Patch, Series, Severity
from checks.source.change import FileChange
from checks.source.diff import Line
from checks.source.pattern import pattern

META = Meta(
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    sources=(
        "9eba2527-a06e-4f74-a7d6-93f6f91e00e9@amd.com",
        "871628d8-14b6-4d38-b05e-a33822f8d71b@amd.com",
        "20260131-dmabuf-revoke-v7-3-463d956bd527@nvidia.com",
    ),
    words=("DMABUF_MOVE_NOTIFY",),
    once=True,
)

_CODE = pattern(r"\bCONFIG_DMABUF_MOVE_NOTIFY\b")
_KCONFIG = pattern(r"^\s*(?:select|depends\s+on|imply|default|if)\b.*\bDMABUF_MOVE_NOTIFY\b")


_INTRODUCED = "+config DMABUF_MOVE_NOTIFY"


def check(series: Series) -> Iterator[Hit]:
    if any(series.mentioning(_INTRODUCED)):
        return
    for patch in series.mentioning(*META.words):
        for file in patch.change.touching(*META.words):
            pattern = _KCONFIG if "Kconfig" in file.path else _CODE
            for line in file.added:
                if pattern.search(line.text) and file.is_new(line) and not _is_text(file, line):
                    yield _hit(series, patch, file, line)


def _is_text(file: FileChange, line: Line) -> bool:
    return not file.path.endswith((".c", ".h")) and "Kconfig" not in file.path


def _hit(series: Series, patch: Patch, file: FileChange, line: Line) -> Hit:
    edition = series.edition(patch)
    known = series.edition_known() and edition is not Edition.MOVE_NOTIFY
    if known and edition is Edition.MERGED:
        fate = "is gone, so this is never true"
    else:
        fate = "goes away with the old names: move notify gets built always"
    function = next(
        (
            f
            for f in file.after.functions
            if any(f.fragment.shown(r) is line for r in range(f.start, f.end + 1))
        ),
        None,
    )
    return Hit(
        patch,
        file,
        line,
        f"CONFIG_DMABUF_MOVE_NOTIFY {fate}; please drop the test.",
        symbol=function.name if function else None,
        severity=None if known else Severity.NOTE,
    )


_TEST = """\
diff --git a/include/linux/dma-buf.h b/include/linux/dma-buf.h
--- a/include/linux/dma-buf.h
+++ b/include/linux/dma-buf.h
@@ -579,3 +579,9 @@ static inline bool dma_buf_is_dynamic(struct dma_buf *dmabuf)
 	return !!dmabuf->ops->pin;
 }
 
+static inline bool dma_buf_attach_frob(struct dma_buf_attachment *attach)
+{
+	return IS_ENABLED(CONFIG_DMABUF_MOVE_NOTIFY) &&
+	       attach->importer_ops && attach->importer_ops->invalidate_mappings;
+}
+
"""

BAD = [
    Bad(_TEST, at=("return IS_ENABLED(CONFIG_DMABUF_MOVE_NOTIFY) &&",), edition=Edition.RENAMED),
    Bad(
        """\
diff --git a/drivers/gpu/drm/frob/Kconfig b/drivers/gpu/drm/frob/Kconfig
--- a/drivers/gpu/drm/frob/Kconfig
+++ b/drivers/gpu/drm/frob/Kconfig
@@ -1,3 +1,4 @@
 config DRM_FROB
 	tristate "Frob"
+	select DMABUF_MOVE_NOTIFY
 	depends on DRM
""",
        at=("select DMABUF_MOVE_NOTIFY",),
        edition=Edition.MERGED,
    ),
]

GOOD = [
    Good(
        """\
diff --git a/drivers/gpu/drm/frob/Kconfig b/drivers/gpu/drm/frob/Kconfig
--- a/drivers/gpu/drm/frob/Kconfig
+++ b/drivers/gpu/drm/frob/Kconfig
@@ -1,4 +1,4 @@
 config DRM_FROB
 	tristate "Frob"
-	depends on DRM && DMABUF_MOVE_NOTIFY
+	depends on DRM
 
""",
        why="it goes away here",
    ),
]
