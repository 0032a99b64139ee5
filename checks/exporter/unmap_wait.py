# SPDX-License-Identifier: GPL-2.0-or-later
"""Wait until importers have unmapped before taking away what they mapped

Fences are only half of it: until dma_buf_unmap_attachment() an importer may
still read speculatively, and it still holds the DMA address.  An exporter that
stops access for good counts its maps and, once the lock is dropped, waits for
the last unmap with no timeout.  To warn and go on after a second was rejected:
either the importers are gone, or everybody waits for them.

Taken away means: something is released after the importers were told, or the
function is one that removes, resets or closes.  Before the merged contract
this is a note.  What a helper does that nobody shows is not guessed.
"""

from collections.abc import Iterator

from checks.api import Bad, Confidence, Edition, Good, Hit, Meta, Patch, Series, Severity
from checks.source.change import FileChange
from checks.source.diff import Line
from checks.source.pattern import pattern
from checks.source.revoke import CALLS, waits_later
from checks.source.steps import Step
from checks.source.told import Site, Told, told

META = Meta(
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    sources=(
        "31872c87-5cba-4081-8196-72cc839c6122@amd.com",
        "8689345b-241a-47f4-8e9a-61cde285bf8b@amd.com",
        "20260131-dmabuf-revoke-v7-4-463d956bd527@nvidia.com",
    ),
    words=CALLS,
    whole=True,
)

_ENDS = pattern(
    r"(?:^|_)(?:cleanup|remove|destroy|release|close|teardown|unbind|shutdown|reset|disable|free|"
    r"unregister|suspend|detach|exit|fini)(?:_|$)"
)

_EARLY = pattern(r"_(?:timeout|interruptible|killable|freezable)")


def check(series: Series) -> Iterator[Hit]:
    files = list(told(series))
    waits = {(file.path, site.function) for _, file, found in files for site in found.waited}
    for patch, file, found in files:
        yield from _timeouts(patch, file, found)
        for site in sorted(found.unwaited, key=lambda site: site.line):
            if (file.path, site.function) in waits or site not in found.revokes:
                continue
            if not waits_later(series, patch, site.function):
                yield from _missing(series, patch, file, found, site)


def _timeouts(patch: Patch, file: FileChange, found: Told) -> Iterator[Hit]:
    """Waits that end although mappings are left, and waits that no unmap can end."""
    seen: set[int] = set()
    for step in found.locked.values():
        message = (
            f"unmap_dma_buf needs dmabuf->resv, which is held here: please drop it before "
            f"{step.name}()."
        )
        yield from _once(seen, patch, file, step, message, Confidence.MEDIUM, "locked")
    for step in found.timeouts.values():
        sure = _EARLY.sub("", step.name)
        how = "a timeout" if "_timeout" in step.name else "a signal"
        message = (
            f"Please wait without a way out, e.g. with {sure}(): after {how} this goes on "
            "although importers still have the buffer mapped."
        )
        yield from _once(seen, patch, file, step, message, Confidence.HIGH, "bounded")


def _once(
    seen: set[int],
    patch: Patch,
    file: FileChange,
    step: Step,
    message: str,
    confidence: Confidence,
    kind: str,
) -> Iterator[Hit]:
    line = step.line
    if line is not None and file.is_new(line) and line.at not in seen:
        seen.add(line.at)
        name = step.function.name
        facts = {"kind": kind}
        yield Hit(patch, file, line, message, symbol=name, confidence=confidence, facts=facts)


def _missing(
    series: Series, patch: Patch, file: FileChange, found: Told, site: Site
) -> Iterator[Hit]:
    function, _ = found.sites[site]
    line = _new_line(file, found, site)
    last = found.unwaited[site]
    ends = last.kind == "call" or _ENDS.search(function.name) is not None
    if line is None or not (ends or site in found.flagged):
        return
    merged = series.edition(patch) is Edition.MERGED
    before = f"{last.name}()" if last.kind == "call" else f"{function.name}() returns"
    yield Hit(
        patch,
        file,
        line,
        "Importers may still have the buffer mapped; please count map_dma_buf against "
        f"unmap_dma_buf and wait for the last unmap, with resv dropped, before {before}.",
        symbol=function.name,
        severity=Severity.WARNING if merged and ends else Severity.NOTE,
        confidence=Confidence.MEDIUM,
        facts={"kind": "missing", "before": before},
    )


def _new_line(file: FileChange, found: Told, site: Site) -> Line | None:
    """The new line that tells the importers, or that waits for their fences only."""
    _, told_at = found.sites[site]
    waits = [wait.step for other, wait in found.fence_waits if other == site]
    for step in (told_at, *waits):
        if step.line is not None and file.is_new(step.line):
            return step.line
    return None


_REVOKE = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -10,3 +10,%(count)d @@
 
 #include "frob.h"
 
+void frob_cleanup(struct frob *frob)
+{
+	dma_resv_lock(frob->dmabuf->resv, NULL);
+	frob->revoked = true;
+	dma_buf_invalidate_mappings(frob->dmabuf);
+	dma_resv_wait_timeout(frob->dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP, false,
+			      MAX_SCHEDULE_TIMEOUT);
%(then)s+	frob_free_pages(frob);
+}
"""
_TELLS = "dma_buf_invalidate_mappings(frob->dmabuf);"


def _then(*lines: str) -> str:
    return _REVOKE % {"count": 12 + len(lines), "then": "".join(f"+\t{x}\n" for x in lines)}


_UNLOCK = "dma_resv_unlock(frob->dmabuf->resv);"
_PUT = "kref_put(&frob->maps, frob_unmapped);"

BAD = [
    Bad(_then(_UNLOCK), at=(_TELLS,), edition=Edition.MERGED),
    Bad(_then(_UNLOCK), at=(_TELLS,), edition=Edition.MOVE_NOTIFY),
    Bad(
        _then(
            _UNLOCK, _PUT, "left = wait_for_completion_timeout(&frob->comp, HZ);", "WARN_ON(!left);"
        ),
        at=("left = wait_for_completion_timeout(&frob->comp, HZ);",),
    ),
    Bad(
        _then(
            _UNLOCK,
            "if (!wait_event_timeout(frob->wq, !atomic_read(&frob->maps), HZ))",
            '\tdev_warn(frob->dev, "still mapped\\n");',
        ),
        at=("if (!wait_event_timeout(frob->wq, !atomic_read(&frob->maps), HZ))",),
    ),
    Bad(
        _then(_UNLOCK, _PUT, "wait_for_completion_interruptible(&frob->comp);"),
        at=("wait_for_completion_interruptible(&frob->comp);",),
    ),
    Bad(
        _then("wait_event(frob->wq, !atomic_read(&frob->maps));", _UNLOCK),
        at=("wait_event(frob->wq, !atomic_read(&frob->maps));",),
    ),
    Bad(
        _then(_PUT, "wait_for_completion(&frob->comp);", _UNLOCK),
        at=("wait_for_completion(&frob->comp);",),
    ),
    Bad(
        """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -90,6 +90,9 @@ void frob_cleanup(struct frob *frob)
 		frob->dev = NULL;
 		frob->revoked = true;
 		dma_buf_invalidate_mappings(frob->dmabuf);
+		dma_resv_wait_timeout(frob->dmabuf->resv,
+				      DMA_RESV_USAGE_BOOKKEEP, false,
+				      MAX_SCHEDULE_TIMEOUT);
 		dma_resv_unlock(frob->dmabuf->resv);
 		frob_put_registration(frob);
 		fput(frob->dmabuf->file);
""",
        at=("dma_resv_wait_timeout(frob->dmabuf->resv,",),
        edition=Edition.MERGED,
    ),
]

GOOD = [
    Good(
        _then(_UNLOCK, _PUT, "wait_for_completion(&frob->comp);"),
        why="waits for the last unmap, with no timeout and the lock dropped",
        edition=Edition.MERGED,
    ),
    Good(
        _then(_UNLOCK, "wait_event(frob->wq, !atomic_read(&frob->maps));"),
        why="the same with a wait queue",
        edition=Edition.MERGED,
    ),
    Good(
        _then(
            _UNLOCK,
            _PUT,
            "while (!wait_for_completion_timeout(&frob->comp, 10 * HZ))",
            '\tdev_warn(frob->dev, "still mapped\\n");',
        ),
        why="tells the log, and keeps waiting",
        edition=Edition.MERGED,
    ),
    Good(
        _then(
            _UNLOCK,
            _PUT,
            "ret = wait_for_completion_killable(&frob->comp);",
            "if (ret)",
            "\treturn ret;",
        ),
        why="a signal is handed on as an error, and nothing is taken away",
        edition=Edition.MERGED,
    ),
    Good(
        _then(
            _UNLOCK,
            _PUT,
            "again:",
            "if (!wait_for_completion_timeout(&frob->comp, HZ)) {",
            '\tdev_warn(frob->dev, "still mapped\\n");',
            "\tgoto again;",
            "}",
        ),
        why="the same with a label",
        edition=Edition.MERGED,
    ),
    Good(
        _then(_UNLOCK, "while (atomic_read(&frob->maps))", "\tmsleep(20);"),
        why="polls until the last one is gone",
        edition=Edition.MERGED,
    ),
    Good(
        """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -10,3 +10,20 @@
 
 #include "frob.h"
 
+void frob_shutdown(struct frob_dev *dev)
+{
+	struct frob *frob;
+
+	list_for_each_entry(frob, &dev->frobs, node) {
+		dma_resv_lock(frob->dmabuf->resv, NULL);
+		frob->revoked = true;
+		dma_buf_invalidate_mappings(frob->dmabuf);
+		dma_resv_unlock(frob->dmabuf->resv);
+	}
+	list_for_each_entry(frob, &dev->frobs, node) {
+		dma_resv_wait_timeout(frob->dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP, false,
+				      MAX_SCHEDULE_TIMEOUT);
+		wait_for_completion(&frob->unmapped);
+	}
+	frob_free_pages(dev);
+}
""",
        why="tells all of them first, and waits for all of them then",
        edition=Edition.MERGED,
    ),
    Good(
        _then(_UNLOCK, "frob_drain(frob);"),
        why="a helper that nobody shows may wait",
        edition=Edition.MERGED,
    ),
    Good(
        _then(_UNLOCK).replace("/misc/", "/gpu/drm/frob/"),
        why="DRM drivers keep the memory until it is idle",
        edition=Edition.MERGED,
    ),
    Good(
        _then(_UNLOCK).replace("= true", "= false"),
        why="lets importers in again",
        edition=Edition.MERGED,
    ),
    Good(
        """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -90,5 +90,8 @@ void frob_move(struct frob *frob)
 	dma_resv_lock(frob->dmabuf->resv, NULL);
 	frob->revoked = true;
 	dma_buf_invalidate_mappings(frob->dmabuf);
+	dma_resv_wait_timeout(frob->dmabuf->resv,
+			      DMA_RESV_USAGE_BOOKKEEP, false,
+			      MAX_SCHEDULE_TIMEOUT);
 	dma_resv_unlock(frob->dmabuf->resv);
 	kref_put(&frob->maps, frob_unmapped);
""",
        why="what follows is not shown",
        edition=Edition.MERGED,
    ),
    Good(
        """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -10,3 +10,12 @@
 
 #include "frob.h"
 
+static void frob_migrate(struct frob *frob)
+{
+	dma_resv_lock(frob->dmabuf->resv, NULL);
+	dma_buf_invalidate_mappings(frob->dmabuf);
+	dma_resv_wait_timeout(frob->dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP,
+			      false, MAX_SCHEDULE_TIMEOUT);
+	frob_copy(frob);
+	dma_resv_unlock(frob->dmabuf->resv);
+}
""",
        why="moves the buffer: importers map it again, and fences are enough",
        edition=Edition.MERGED,
    ),
]
