# SPDX-License-Identifier: GPL-2.0-or-later
"""Do not take the reservation lock where a fence signals

The holder of a reservation lock may wait for a fence.  So a fence's signalling
critical section must not wait for such a lock: not between
dma_fence_begin_signalling() and dma_fence_end_signalling(), and not in a
callback of the fence.  Map, unmap, pin and unpin need the lock, attach and
detach take it; an unmap that follows a fence belongs in a worker.

Helper functions that the series shows are followed.  resv-lock is silent about
these calls, since its advice, to take the lock there, would be wrong.
"""

import re
from collections.abc import Iterator

from checks.api import Bad, Confidence, Good, Hit, Meta, Patch, Series, Severity
from checks.source.change import FileChange
from checks.source.example import added
from checks.source.pattern import pattern
from checks.source.sections import FENCE_WORDS, signalling_steps
from checks.source.vocabulary import is_core, is_exempt

META = Meta(
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    sources=(
        "ZZv2lZTKlcIUvh-v@phenom.ffwll.local",
        "ZZxKvR9gjH8D5qxj@phenom.ffwll.local",
        "drivers/dma-buf/dma-fence.c",
    ),
    words=FENCE_WORDS,
    also=("dma_buf", "dmabuf"),
)

_DOES = pattern(
    r"^\+.*(?:\b(?:dma_buf_\w+|dma_resv_lock\w*|dma_fence_(?:begin_signalling|add_callback))\s*\("
    r"|\.(?:enable_signaling|signaled|release)\s*=)",
    re.MULTILINE,
)
"""A patch that adds none of these brings no lock, and no section, that was not there."""


def check(series: Series) -> Iterator[Hit]:
    for patch in series.mentioning(*META.words):
        for file in patch.change.touching(*META.words, where=_DOES):
            exempt = is_exempt(file.path) or is_core(file.path)
            if not exempt and file.path.endswith((".c", ".h")):
                yield from _signalling(series, patch, file)


def _signalling(series: Series, patch: Patch, file: FileChange) -> Iterator[Hit]:
    """Calls that wait for the lock in a signalling section."""
    for found in signalling_steps(file, series.program):
        message = (
            f"Please move {found.step.name}() to a worker: it needs the reservation lock, which must "
            f"not be taken {found.where}, since its holder may be waiting for the fence."
        )
        step, line = found.step, found.step.line
        if line is not None and line in file.lines and file.is_new(line):
            facts: dict[str, object] = {"call": step.name}
            yield Hit(patch, file, line, message, symbol=step.function.name, facts=facts)


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
    Bad(added(_DONE % _UNMAP_CALL), at=(_UNMAP_CALL,)),
    Bad(
        added(_DONE % "dma_resv_lock(frob->dmabuf->resv, NULL);"),
        at=("dma_resv_lock(frob->dmabuf->resv, NULL);",),
    ),
    Bad(
        added(
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
        added(
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
    Good(
        added(_DONE % "queue_work(frob->wq, &frob->unmap_work);"),
        why="the unmap is left to a worker",
    ),
    Good(
        added(
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
        added(_DONE % "if (dma_resv_trylock(frob->dmabuf->resv))\n		frob_finish(frob);"),
        why="a trylock does not wait",
    ),
]
