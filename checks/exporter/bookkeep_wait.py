# SPDX-License-Identifier: GPL-2.0-or-later
"""Wait for all fences with DMA_RESV_USAGE_BOOKKEEP after telling the importers

Once importers are told, the exporter waits until nothing accesses the memory
any more.  Preemption and TLB invalidation fences are added with
DMA_RESV_USAGE_BOOKKEEP, and a wait with KERNEL, WRITE or READ does not see
them.

Waits elsewhere are left alone: an importer that maps waits for KERNEL rightly.
"""

from collections.abc import Iterator

from checks.api import Bad, Confidence, Good, Hit, Meta, Patch, Series, Severity
from checks.source.change import FileChange
from checks.source.diff import Line
from checks.source.pattern import pattern
from checks.source.revoke import CALLS
from checks.source.steps import Step
from checks.source.suggest import replace_rows
from checks.source.told import Site, Told, Wait, line_with, told

META = Meta(
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    sources=(
        "015b25e6-cfe1-4110-963f-5f8dc4720d1b@amd.com",
        "20260131-dmabuf-revoke-v7-4-463d956bd527@nvidia.com",
        "drivers/dma-buf/dma-buf.c",
    ),
    words=CALLS,
    also=("dma_resv_wait_timeout(",),
)

ALL = "DMA_RESV_USAGE_BOOKKEEP"
_LESS = pattern(r"^(?:DMA_RESV_USAGE_(?:KERNEL|WRITE|READ)|dma_resv_usage_rw\s*\(.*\))$")


def check(series: Series) -> Iterator[Hit]:
    for patch, file, found in told(series):
        seen: set[int] = set()
        for site, wait in found.fence_waits:
            if _waits_for_all(found, site):
                continue
            hit = _wait(patch, file, wait)
            if hit is not None and hit.line.at not in seen:
                seen.add(hit.line.at)
                yield hit


def _wait(patch: Patch, file: FileChange, wait: Wait) -> Hit | None:
    step = wait.step
    usage = step.arguments[1] if len(step.arguments) > 1 else ""
    if not _LESS.match(usage):
        return None
    line = line_with(step, usage.split("(")[0])
    if line is None or not file.is_new(line):
        return None
    return Hit(
        patch,
        file,
        line,
        f"Please wait with {ALL} here: after the importers were told, {usage} misses their "
        "preemption and TLB invalidation fences.",
        symbol=step.function.name,
        suggestion=_suggestion(file, step, line, usage),
        facts={"usage": usage, "buffer": wait.buffer},
    )


def _waits_for_all(found: Told, site: Site) -> bool:
    """Whether another wait after the same call asks for all of them."""
    return any(other == site and ALL in wait.step.arguments for other, wait in found.fence_waits)


def _suggestion(file: FileChange, step: Step, line: Line, usage: str) -> str:
    if usage not in line.text:
        return ""
    fragment = step.function.fragment
    row = next(r for r, shown in enumerate(fragment.lines) if shown is line)
    return replace_rows(file.path, fragment, row, row, (line.text.replace(usage, ALL, 1),))


_REVOKE = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -10,3 +10,13 @@
 
 #include "frob.h"
 
+static void frob_revoke(struct frob *frob)
+{
+	dma_resv_lock(frob->dmabuf->resv, NULL);
+	frob->revoked = true;
+	dma_buf_invalidate_mappings(frob->dmabuf);
+	dma_resv_wait_timeout(frob->dmabuf->resv, %(usage)s,
+			      false, MAX_SCHEDULE_TIMEOUT);
+	dma_resv_unlock(frob->dmabuf->resv);
+	frob_wait_unmapped(frob);
+}
"""
_WAIT = "dma_resv_wait_timeout(frob->dmabuf->resv, %s,"

BAD = [
    Bad(
        _REVOKE % {"usage": "DMA_RESV_USAGE_KERNEL"},
        at=(_WAIT % "DMA_RESV_USAGE_KERNEL",),
    ),
    Bad(
        _REVOKE % {"usage": "dma_resv_usage_rw(true)"},
        at=(_WAIT % "dma_resv_usage_rw(true)",),
    ),
    Bad(
        """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -120,5 +120,8 @@ void frob_move(struct frob *frob, bool revoked)
 		dma_resv_lock(frob->dmabuf->resv, NULL);
 		frob->revoked = revoked;
 		dma_buf_move_notify(frob->dmabuf);
+		dma_resv_wait_timeout(frob->dmabuf->resv,
+				      DMA_RESV_USAGE_READ, false,
+				      MAX_SCHEDULE_TIMEOUT);
 		dma_resv_unlock(frob->dmabuf->resv);
 	}
""",
        at=("DMA_RESV_USAGE_READ, false,",),
    ),
    Bad(
        """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -10,3 +10,17 @@
 
 #include "frob.h"
 
+static void frob_wait(struct dma_buf *dmabuf)
+{
+	dma_resv_wait_timeout(dmabuf->resv, DMA_RESV_USAGE_WRITE, false, FOREVER);
+}
+
+static void frob_revoke(struct frob *frob)
+{
+	dma_resv_lock(frob->dmabuf->resv, NULL);
+	frob->revoked = true;
+	dma_buf_invalidate_mappings(frob->dmabuf);
+	frob_wait(frob->dmabuf);
+	dma_resv_unlock(frob->dmabuf->resv);
+	wait_for_completion(&frob->unmapped);
+}
""",
        at=("dma_resv_wait_timeout(dmabuf->resv, DMA_RESV_USAGE_WRITE, false, FOREVER);",),
    ),
]

GOOD = [
    Good(_REVOKE % {"usage": ALL}, why="waits for all of them"),
    Good(_REVOKE % {"usage": "usage"}, why="nothing shows what the variable is"),
    Good(
        """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -40,6 +40,8 @@ static int frob_map(struct frob *frob)
 	dma_resv_assert_held(frob->attach->dmabuf->resv);
 
 	frob->sgt = dma_buf_map_attachment(frob->attach, DMA_BIDIRECTIONAL);
+	ret = dma_resv_wait_timeout(frob->attach->dmabuf->resv, DMA_RESV_USAGE_KERNEL,
+				    false, MAX_SCHEDULE_TIMEOUT);
 	if (IS_ERR(frob->sgt))
 		return PTR_ERR(frob->sgt);
 	return 0;
@@ -80,4 +82,5 @@ static void frob_revoke(struct frob *frob)
 	dma_resv_lock(frob->dmabuf->resv, NULL);
+	frob->revoked = true;
 	dma_buf_invalidate_mappings(frob->dmabuf);
 	dma_resv_wait_timeout(frob->dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP, false,
 			      MAX_SCHEDULE_TIMEOUT);
""",
        why="an importer that maps waits for KERNEL",
    ),
    Good(
        _REVOKE.replace("b/drivers/misc/", "b/drivers/gpu/drm/frob/").replace(
            "a/drivers/misc/", "a/drivers/gpu/drm/frob/"
        )
        % {"usage": "DMA_RESV_USAGE_KERNEL"},
        why="DRM drivers wait elsewhere, for many at once",
    ),
    Good(
        _REVOKE.replace("revoke(struct", "restore(struct").replace("true", "false")
        % {"usage": "DMA_RESV_USAGE_KERNEL"},
        why="lets importers in again, so no access has to end",
    ),
]
