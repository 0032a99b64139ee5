# SPDX-License-Identifier: GPL-2.0-or-later
"""Don't test CONFIG_DMABUF_MOVE_NOTIFY

The option is gone together with the old names: move notify is always built.
On a renamed tree IS_ENABLED(CONFIG_DMABUF_MOVE_NOTIFY) is silently false and
`depends on DMABUF_MOVE_NOTIFY` never met.  On an older tree it is about to go.
"""

import re
from collections.abc import Iterator

from checks.api import Bad, Confidence, Edition, Good, Hit, Meta, Patch, Series, Severity
from checks.source.change import FileChange
from checks.source.diff import Line
from checks.source.pattern import pattern
from checks.source.vocabulary import is_exempt

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
    whole=True,
)

_CODE = pattern(r"\bCONFIG_DMABUF_MOVE_NOTIFY\b")
_KCONFIG = pattern(r"^\s*(?:select|depends\s+on|imply|default|if)\b.*\bDMABUF_MOVE_NOTIFY\b")
_INTRODUCED = "+config DMABUF_MOVE_NOTIFY"


def check(series: Series) -> Iterator[Hit]:
    if any(series.mentioning(_INTRODUCED)):
        return
    for patch in series.mentioning(*META.words):
        for file in patch.change.touching(*META.words):
            test = _test(file.path)
            if test is None or is_exempt(file.path):
                continue
            for line in file.added:
                if test.search(line.text) and file.is_new(line):
                    yield _hit(series, patch, file, line)


def _test(path: str) -> re.Pattern[str] | None:
    """What a test of the option looks like in a file; None where there can be none."""
    if "Kconfig" in path:
        return _KCONFIG
    return _CODE if path.endswith((".c", ".h")) else None


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
