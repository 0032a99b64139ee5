# SPDX-License-Identifier: GPL-2.0-or-later
"""Wait for the fences after telling the importers

The call that tells importers only starts the invalidation: they may go on to
access the memory until the fences in dmabuf->resv have signalled.  An exporter
that stops access waits for them with dma_resv_wait_timeout() before it drops
the lock, resets the device or uses the memory again.

DRM drivers wait elsewhere, for many buffers at once, and are left out; so is a
call that lets importers in again, and one of which the diff does not show what
follows.
"""

from collections.abc import Iterator

from checks.api import Bad, Confidence, Good, Hit, Meta, Patch, Series, Severity
from checks.source.change import FileChange
from checks.source.pattern import pattern
from checks.source.revoke import CALLS, waits_later
from checks.source.steps import Step
from checks.source.suggest import replace_rows
from checks.source.told import Site, Told, told

META = Meta(
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    sources=(
        "20260119164421.GF961572@ziepe.ca",
        "20260131-dmabuf-revoke-v7-4-463d956bd527@nvidia.com",
        "drivers/dma-buf/dma-buf.c",
    ),
    words=CALLS,
    whole=True,
)

_OPENS = pattern(r"restor|resum|unrevok|unblock|enable|init|probe|start|add|thaw")
_ENDS = pattern(
    r"revok|invalid|cleanup|remov|destroy|releas|close|teardown|unbind|shutdown|reset|disable|free|"
    r"unregister|suspend|take|exit|fini|stop|kill|zap|evict|reclaim|unplug|hot"
)


def check(series: Series) -> Iterator[Hit]:
    files = list(told(series))
    waits = {(file.path, site.function) for _, file, found in files for site in found.fenced}
    for patch, file, found in files:
        for site in sorted(found.unfenced, key=lambda site: site.line):
            if (file.path, site.function) in waits or site not in found.revokes:
                continue
            if not waits_later(series, patch, site.function):
                yield from _site(patch, file, found, site)
        for step in found.late.values():
            yield from _late(patch, file, step)


def _late(patch: Patch, file: FileChange, step: Step) -> Iterator[Hit]:
    """A wait that comes after something was released."""
    line = step.line
    if line is not None and file.is_new(line):
        yield Hit(
            patch,
            file,
            line,
            "Please wait for the fences before anything is released: until then importers have "
            "full access.",
            symbol=step.function.name,
            confidence=Confidence.MEDIUM,
        )


def _site(patch: Patch, file: FileChange, found: Told, site: Site) -> Iterator[Hit]:
    function, step = found.sites[site]
    line = step.line
    if line is None or not file.is_new(line):
        return
    buffer = step.arguments[0]
    flagged = site in found.flagged
    if not flagged and _OPENS.search(function.name):
        return
    yield Hit(
        patch,
        file,
        line,
        f"{step.name}() only starts the invalidation; please wait for the fences of "
        f"{buffer}->resv with dma_resv_wait_timeout() before going on.",
        symbol=function.name,
        suggestion=_suggestion(file, found, site, buffer),
        severity=None if flagged or _ENDS.search(function.name) else Severity.NOTE,
        confidence=Confidence.HIGH if flagged else Confidence.MEDIUM,
        facts={"notify": step.name, "buffer": buffer},
    )


def _suggestion(file: FileChange, found: Told, site: Site, buffer: str) -> str:
    """The wait as the merged code has it, behind the call."""
    _, step = found.sites[site]
    fragment = step.function.fragment
    text = fragment.texts[step.row]
    if not text.rstrip().endswith(");") or step.depth:
        return ""
    indent = text[: len(text) - len(text.lstrip())]
    more = indent + "\t" * (len("dma_resv_wait_timeout(") // 8) + " " * 6
    new = (
        f"{indent}dma_resv_wait_timeout({buffer}->resv,",
        f"{more}DMA_RESV_USAGE_BOOKKEEP, false,",
        f"{more}MAX_SCHEDULE_TIMEOUT);",
    )
    return replace_rows(file.path, fragment, step.row + 1, step.row, new)


_REVOKE = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -10,3 +10,11 @@
 
 #include "frob.h"
 
+void frob_revoke(struct frob *frob%(more)s)
+{
+	dma_resv_lock(frob->dmabuf->resv, NULL);
+	frob->revoked = %(flag)s;
+	dma_buf_invalidate_mappings(frob->dmabuf);
+	%(then)s;
+	dma_resv_unlock(frob->dmabuf->resv);
+}
"""
_TELLS = "dma_buf_invalidate_mappings(frob->dmabuf);"

BAD = [
    Bad(_REVOKE % {"more": "", "flag": "true", "then": "frob->epoch++"}, at=(_TELLS,)),
    Bad(
        _REVOKE % {"more": ", bool revoked", "flag": "revoked", "then": "frob->epoch++"},
        at=(_TELLS,),
    ),
    Bad(
        """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -60,7 +60,13 @@ void frob_remove(struct frob_entry *entry)
 	mutex_lock(&entry->lock);
 	entry->removed = true;
 
+	list_for_each_entry_safe(frob, tmp, &entry->bufs, elm) {
+		dma_resv_lock(frob->dmabuf->resv, NULL);
+		list_del(&frob->elm);
+		dma_buf_move_notify(frob->dmabuf);
+		dma_resv_unlock(frob->dmabuf->resv);
+	}
 	mutex_unlock(&entry->lock);
 
 	frob_put(entry);
 }
""",
        at=("dma_buf_move_notify(frob->dmabuf);",),
    ),
]

BAD += [
    Bad(
        """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -10,3 +10,13 @@
 
 #include "frob.h"
 
+void frob_remove(struct frob *frob)
+{
+	struct dma_buf *dmabuf = frob->dmabuf;
+
+	dma_resv_lock(dmabuf->resv, NULL);
+	dma_buf_invalidate_mappings(dmabuf);
+	dma_resv_unlock(dmabuf->resv);
+	frob_free_pages(frob);
+	dma_resv_wait_timeout(dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP, false, MAX_SCHEDULE_TIMEOUT);
+}
""",
        at=(
            (
                "dma_resv_wait_timeout(dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP, false, "
                "MAX_SCHEDULE_TIMEOUT);"
            ),
        ),
    ),
]

GOOD = [
    Good(
        _REVOKE
        % {
            "more": "",
            "flag": "true",
            "then": "dma_resv_wait_timeout(frob->dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP, false, MAX)",
        },
        why="waits under the lock",
    ),
    Good(
        _REVOKE % {"more": "", "flag": "true", "then": "frob_wait_fences(frob)"},
        why="a helper that nobody shows may wait",
    ),
    Good(
        _REVOKE % {"more": "", "flag": "false", "then": "frob->epoch++"},
        why="lets importers in again",
    ),
    Good(
        (_REVOKE % {"more": "", "flag": "x", "then": "frob->epoch++"}).replace(
            "frob->revoked = x", "clear_bit(FROB_REVOKED, &frob->flags)"
        ),
        why="lets importers in again, by a bit",
    ),
    Good(
        (_REVOKE % {"more": "", "flag": "false", "then": "frob->epoch++"})
        .replace("->revoked", "->offline")
        .replace("frob_revoke", "frob_resume"),
        why="lets importers in again, by its name",
    ),
    Good(
        (_REVOKE % {"more": "", "flag": "FROB_OK", "then": "frob->epoch++"}).replace(
            "->revoked", "->state"
        ),
        why="lets importers in again, by a state",
    ),
    Good(
        (_REVOKE % {"more": "", "flag": "true", "then": "frob->epoch++"}).replace(
            "/misc/", "/gpu/drm/frob/"
        ),
        why="DRM drivers wait elsewhere, for many at once",
    ),
    Good(
        """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -10,3 +10,19 @@
 
 #include "frob.h"
 
+static void frob_tell(struct frob *frob)
+{
+	dma_resv_assert_held(frob->dmabuf->resv);
+	frob->revoked = true;
+	dma_buf_invalidate_mappings(frob->dmabuf);
+}
+
+void frob_remove(struct frob *frob)
+{
+	dma_resv_lock(frob->dmabuf->resv, NULL);
+	frob_tell(frob);
+	dma_resv_wait_timeout(frob->dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP,
+			      false, MAX_SCHEDULE_TIMEOUT);
+	dma_resv_unlock(frob->dmabuf->resv);
+	wait_for_completion(&frob->unmapped);
+}
""",
        why="its caller waits",
    ),
    Good(
        """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -60,7 +60,7 @@ void frob_revoke(struct frob *frob)
 {
 	dma_resv_lock(frob->dmabuf->resv, NULL);
 	frob->revoked = true;
-	dma_buf_move_notify(frob->dmabuf);
+	dma_buf_invalidate_mappings(frob->dmabuf);
 	dma_resv_unlock(frob->dmabuf->resv);
 }
 
""",
        why="a call that was renamed",
    ),
    Good(
        """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -60,5 +60,6 @@ void frob_revoke(struct frob *frob)
 {
 	dma_resv_lock(frob->dmabuf->resv, NULL);
 	frob->revoked = true;
+	dma_buf_invalidate_mappings(frob->dmabuf);
 	frob->epoch++;
 	list_del_init(&frob->elm);
""",
        why="the diff does not show what follows",
    ),
    Good(
        (_REVOKE % {"more": "", "flag": "true", "then": "frob->a = 1;\n+	frob->b = 2"}).replace(
            "+10,11", "+10,12"
        )
        + """\
# next patch
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -18,4 +18,6 @@ void frob_revoke(struct frob *frob)
 	frob->a = 1;
 	frob->b = 2;
+	dma_resv_wait_timeout(frob->dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP,
+			      false, MAX_SCHEDULE_TIMEOUT);
 	dma_resv_unlock(frob->dmabuf->resv);
 }
""",
        why="a later patch of the series adds the wait, and does not show the call",
    ),
    Good(
        """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -10,3 +10,10 @@
 
 #include "frob.h"
 
+void frob_revoke(struct frob *frob)
+{
+	dma_resv_lock(frob->dmabuf->resv, NULL);
+	frob->revoked = true;
+	dma_buf_invalidate_mappings(frob->dmabuf);
+	dma_resv_unlock(frob->dmabuf->resv);
+}
# next patch
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -15,5 +15,7 @@ void frob_revoke(struct frob *frob)
 	dma_resv_lock(frob->dmabuf->resv, NULL);
 	frob->revoked = true;
 	dma_buf_invalidate_mappings(frob->dmabuf);
+	dma_resv_wait_timeout(frob->dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP,
+			      false, MAX_SCHEDULE_TIMEOUT);
 	dma_resv_unlock(frob->dmabuf->resv);
 }
""",
        why="a later patch of the series adds the wait",
    ),
]
