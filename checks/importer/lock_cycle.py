# SPDX-License-Identifier: GPL-2.0-or-later
"""Do not wait for who needs the reservation lock, nor for the lock where a fence signals

Unmap needs dmabuf->resv.  An exporter that waits for its importers to unmap has
to drop the lock after the notify call: none of them can unmap before.

The holder of a reservation lock may wait for a fence.  So a fence's signalling
critical section must not take one: not between dma_fence_begin_signalling() and
dma_fence_end_signalling(), and not in a fence's callback.  An unmap that follows
a fence belongs in a worker.

Helper functions that the series shows are followed.  A wait after the notify
call is certain where what it waits for is completed by the unmap callback or by
the last reference to the mapping; elsewhere it is a question.
"""

import re
from collections.abc import Iterator

from checks.api import Bad, Confidence, Good, Hit, Meta, Patch, Series, Severity
from checks.source.change import FileChange
from checks.source.diff import Line
from checks.source.pattern import pattern
from checks.source.revoke import told
from checks.source.sections import FENCE_WORDS, signalling_steps, waits_after_notify
from checks.source.steps import Step
from checks.source.vocabulary import NOTIFY, is_core, is_exempt

META = Meta(
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    sources=(
        "ZZv2lZTKlcIUvh-v@phenom.ffwll.local",
        "ZZxKvR9gjH8D5qxj@phenom.ffwll.local",
        "20260131-dmabuf-revoke-v7-4-463d956bd527@nvidia.com",
        "drivers/dma-buf/dma-fence.c",
    ),
    words=(*NOTIFY, *FENCE_WORDS),
    also=("dma_buf", "dmabuf"),
)

_COMPLETE = pattern(r"\bcomplete(?:_all)?\s*\(\s*&?\s*[\w>.-]*?(\w+)\s*\)")
_UNLOCK_CALL = pattern(r"resv\w*_unlock\s*\(|dma_fence_end_signalling\s*\(")
_DOES = pattern(
    r"^\+.*\b(?:dma_buf_\w+|dma_resv_lock\w*|dma_fence_(?:begin_signalling|add_callback)"
    r"|s?wait_(?:for_completion|event)\w*)\s*\(|^-.*(?:resv\w*_unlock|end_signalling)\s*\(|^\+.*\.(?:enable_signaling|signaled|release)\s*=",
    re.MULTILINE,
)
"""A patch that adds none of these brings no wait, and no section, that was not there."""


def check(series: Series) -> Iterator[Hit]:
    for patch in series.mentioning(*META.words):
        for file in patch.change.touching(*META.words, where=_DOES):
            exempt = is_exempt(file.path) or is_core(file.path)
            if not exempt and file.path.endswith((".c", ".h")):
                yield from _signalling(series, patch, file)
                if file.mentions(*NOTIFY):
                    yield from _waits(series, patch, file)


def _signalling(series: Series, patch: Patch, file: FileChange) -> Iterator[Hit]:
    """Calls that wait for the lock in a signalling section."""
    for found in signalling_steps(file, series.program):
        message = (
            f"Please move {found.step.name}() to a worker: it needs the reservation lock, which must "
            f"not be taken {found.where}, since its holder may be waiting for the fence."
        )
        yield from _hit(patch, file, found.step, message, Confidence.HIGH)


def _waits(series: Series, patch: Patch, file: FileChange) -> Iterator[Hit]:
    """Waits for an unmap with the lock held that it needs."""
    steps = list(waits_after_notify(file, series.program))
    found = told(series) if steps else ()
    elsewhere = [step.line for _, _, facts in found for step in facts.locked.values()]
    for step in steps:
        if step.line in elsewhere and step.line is not None and file.is_new(step.line):
            continue  # unmap-wait says it there, and knows more of the exporter's count
        message = (
            f"Please drop dmabuf->resv before {step.name}(): importers need it for the unmap that this "
            "waits for."
        )
        sure = Confidence.HIGH if _is_for_unmap(file, step) else Confidence.MEDIUM
        yield from _hit(patch, file, step, message, sure)


def _hit(
    patch: Patch, file: FileChange, step: Step, message: str, confidence: Confidence
) -> Iterator[Hit]:
    line = step.line
    if line is not None and line in file.lines and not file.is_new(line):
        # the unlock may have moved below a wait that was there before
        line = next((x for x in _around(file, line) if _UNLOCK_CALL.search(x.text)), line)
    if line is not None and line in file.lines and (line.sign == "-" or file.is_new(line)):
        facts: dict[str, object] = {"call": step.name}
        symbol = step.function.name
        yield Hit(patch, file, line, message, symbol, confidence=confidence, facts=facts)


def _around(file: FileChange, line: Line) -> Iterator[Line]:
    """The removed lines above `line` in its hunk."""
    hunk = next(hunk for hunk in file.hunks if line in hunk.lines)
    return (x for x in hunk.lines if x.sign == "-" and x.at < line.at)


def _is_for_unmap(file: FileChange, step: Step) -> bool:
    """Whether what a step waits for is completed where a mapping goes away."""
    awaited = re.split(r"->|\.|&", step.arguments[0])[-1] if step.arguments else ""
    return any(
        found.group(1) == awaited
        for function in file.after.functions_with(_COMPLETE)
        if "unmap" in function.name or any("struct kref" in p.type for p in function.parameters)
        for found in _COMPLETE.finditer(function.text)
    )


_HEAD = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -10,3 +10,%d @@
 
 #include "frob.h"
 
"""


def _added(code: str) -> str:
    """A diff that adds `code`."""
    rows = code.strip("\n").split("\n")
    return _HEAD % (3 + len(rows)) + "".join(f"+{row}\n" for row in rows)


_REVOKE = """
static void frob_revoke(struct frob *frob)
{
	dma_resv_lock(frob->dmabuf->resv, NULL);
	frob->revoked = true;
	dma_buf_invalidate_mappings(frob->dmabuf);
	dma_resv_wait_timeout(frob->dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP, false,
			      MAX_SCHEDULE_TIMEOUT);
"""
_UNMAP = """
static void frob_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
		       enum dma_data_direction dir)
{
	struct frob *frob = attach->dmabuf->priv;

	if (!--frob->maps)
		complete(&frob->unmapped);
}
"""
_WAIT = "	wait_for_completion(&frob->unmapped);\n"
_UNLOCK = "	dma_resv_unlock(frob->dmabuf->resv);\n"
_DONE = """
static void frob_done(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct frob *frob = container_of(cb, struct frob, cb);

	%s
}

static int frob_start(struct frob *frob, struct dma_fence *fence)
{
	return dma_fence_add_callback(fence, &frob->cb, frob_done);
}
"""
_UNMAP_CALL = "dma_buf_unmap_attachment_unlocked(frob->attach, frob->sgt, DMA_TO_DEVICE);"

BAD = [
    Bad(
        _added(_UNMAP + _REVOKE + _WAIT + _UNLOCK + "}"),
        at=("wait_for_completion(&frob->unmapped);",),
    ),
    Bad(
        _added(
            "static void frob_wait(struct frob *frob)\n{\n"
            "	wait_event(frob->wq, !atomic_read(&frob->maps));\n}\n"
            + _REVOKE
            + "	frob_wait(frob);\n"
            + _UNLOCK
            + "}"
        ),
        at=("wait_event(frob->wq, !atomic_read(&frob->maps));",),
    ),
    Bad(
        """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -50,9 +50,9 @@ static void frob_revoke(struct frob *frob)
 	dma_resv_lock(frob->dmabuf->resv, NULL);
 	frob->revoked = true;
 	dma_buf_invalidate_mappings(frob->dmabuf);
 	frob_wait_fences(frob);
-	dma_resv_unlock(frob->dmabuf->resv);
 	wait_for_completion(&frob->unmapped);
 	frob_reset(frob);
+	dma_resv_unlock(frob->dmabuf->resv);
 }
 
""",
        at=("dma_resv_unlock(frob->dmabuf->resv);",),
    ),
    Bad(_added(_DONE % _UNMAP_CALL), at=(_UNMAP_CALL,)),
    Bad(
        _added(_DONE % "dma_resv_lock(frob->dmabuf->resv, NULL);"),
        at=("dma_resv_lock(frob->dmabuf->resv, NULL);",),
    ),
    Bad(
        _added(
            f"""
static void frob_irq_done(struct frob *frob)
{{
	bool cookie = dma_fence_begin_signalling();

	if (frob->sgt)
		{_UNMAP_CALL}
	dma_fence_signal(frob->fence);
	dma_fence_end_signalling(cookie);
}}
"""
        ),
        at=(_UNMAP_CALL,),
    ),
    Bad(
        _added(
            f"""
static void frob_fence_release(struct dma_fence *fence)
{{
	struct frob *frob = container_of(fence, struct frob, base);

	{_UNMAP_CALL}
	kfree_rcu(frob, base.rcu);
}}

static const struct dma_fence_ops frob_fence_ops = {{
	.get_driver_name = frob_driver_name,
	.get_timeline_name = frob_timeline_name,
	.release = frob_fence_release,
}};
"""
        ),
        at=(_UNMAP_CALL,),
    ),
]

GOOD = [
    Good(_added(_UNMAP + _REVOKE + _UNLOCK + _WAIT + "}"), why="waits after the lock is dropped"),
    Good(
        _added(
            _REVOKE
            + "	if (!frob->maps)\n		goto out;\n	msleep(1);\nout:\n"
            + _UNLOCK
            + "}"
        ),
        why="waits for fences only, which is what the lock is held for",
    ),
    Good(
        _added(_DONE % "queue_work(frob->wq, &frob->unmap_work);"),
        why="the unmap is left to a worker",
    ),
    Good(
        _added(
            f"""
static void frob_irq_done(struct frob *frob)
{{
	bool cookie = dma_fence_begin_signalling();

	dma_fence_signal(frob->fence);
	dma_fence_end_signalling(cookie);
	{_UNMAP_CALL}
}}
"""
        ),
        why="the section has ended",
    ),
    Good(
        _added(_DONE % "if (dma_resv_trylock(frob->dmabuf->resv))\n		frob_finish(frob);"),
        why="a trylock does not wait",
    ),
    Good(
        _added(
            "static void frob_fault(struct frob *frob)\n{\n"
            + _WAIT
            + "}\n"
            + _REVOKE
            + _UNLOCK
            + "}"
        ),
        why="the wait is in another function",
    ),
]
