# SPDX-License-Identifier: GPL-2.0-or-later
"""Reserve a slot and allocate before the callback publishes a fence

A callback that stops the hardware asynchronously puts a fence into dmabuf->resv,
and the exporter waits for it.  dma_resv_add_fence() needs a slot, which
dma_resv_reserve_fences() has to make under the same lock: a slot that was made
before the lock was dropped is gone.  And once the fence is published nothing
may allocate with GFP_KERNEL, since reclaim may wait for that very fence.

Helper functions that the series shows are followed.  A call that may reserve,
by its name, counts as if it did; of a callback that is shown in part nothing
is said.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from checks.api import Bad, Confidence, Good, Hit, Meta, Series, Severity
from checks.source.importer import Callback, callbacks
from checks.source.pattern import pattern
from checks.source.steps import Step, follow
from checks.source.vocabulary import ATTACH_OPS, CALLBACKS

META = Meta(
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    sources=(
        "53be1078-4d67-470f-b1af-1d9ac985fbe2@amd.com",
        "0d0d2a6a-a90c-409c-8d60-b17bad32af94@amd.com",
        "drivers/dma-buf/dma-resv.c",
        "drivers/dma-buf/dma-fence.c",
    ),
    words=(ATTACH_OPS, *CALLBACKS),
    also=("dma_resv_add_", *CALLBACKS),
    whole=True,
)

_PUBLISHES = frozenset({"dma_resv_add_fence", "dma_resv_add_shared_fence"})
_RESERVES = pattern(r"reserve|prepare|exec|lock_reservations")
_ALLOCATES = pattern(r"^k[vmz]?[mzc]?alloc_(?:objs?|flex)$")
"""Allocators whose last argument, GFP_KERNEL where it is left out, says how."""
_SLEEPS = ("GFP_KERNEL", "GFP_HIGHUSER", "GFP_USER", "GFP_NOFS", "GFP_NOIO")


class _State(NamedTuple):
    reserved: bool
    published: bool


class _Fence:
    """Collects fences without a slot, and what allocates after one is published."""

    def __init__(self) -> None:
        self.found: dict[tuple[int, int], tuple[Step, str]] = {}

    def step(self, step: Step, state: _State) -> Iterable[_State]:
        if step.kind != "call" or step.through or step.followed:
            return (state,)
        if step.name in _PUBLISHES:
            if not state.reserved:
                self._tell(step, "slot")
            return (_State(state.reserved, True),)
        if state.published and _may_sleep(step):
            self._tell(step, "allocation")
        return (state._replace(reserved=True),) if _RESERVES.search(step.name) else (state,)

    def _tell(self, step: Step, kind: str) -> None:
        self.found.setdefault((id(step.function.fragment), step.row), (step, kind))

    def test(self, condition: str, truth: bool, state: _State) -> _State:
        return state


def _may_sleep(step: Step) -> bool:
    if any(flag in argument for argument in step.arguments for flag in _SLEEPS):
        return True
    given = " ".join(step.arguments[1:]).lower()
    return _ALLOCATES.match(step.name) is not None and "gfp" not in given


def check(series: Series) -> Iterator[Hit]:
    for callback in callbacks(series):
        fence = _Fence()
        place = callback.place
        ends = follow(
            place.function, fence, _State(False, False), series.program.resolver(place.file)
        )
        if ends is not None:
            for step, kind in fence.found.values():
                yield from _hit(callback, step, kind)


def _hit(callback: Callback, step: Step, kind: str) -> Iterator[Hit]:
    patch, file, function = callback.place
    line = step.line
    if line is None or line not in file.lines or not file.is_new(line):
        return
    if kind == "slot":
        message = (
            f"Please call dma_resv_reserve_fences() in {function.name}() before {step.name}(): a slot "
            "that was reserved before the callback is gone with the lock."
        )
    else:
        message = (
            f"Please allocate before the fence is published: the memory reclaim that {step.name}() "
            "may start can wait for that fence."
        )
    facts: dict[str, object] = {"call": step.name, "kind": kind, "callback": callback.member.name}
    yield Hit(patch, file, line, message, symbol=step.function.name, facts=facts)


_CODE = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -10,3 +10,%d @@
 
 #include "frob.h"
 
%s"""


def _example(*body: str, ops: str = "dma_buf_attach_ops") -> str:
    rows = (
        "static struct dma_fence *frob_stop(struct frob *frob)",
        "{",
        "	struct frob_fence *fence = frob->next_fence;",
        "",
        "	frob_fence_init(fence);",
        "	return &fence->base;",
        "}",
        "",
        "static void frob_invalidate(struct dma_buf_attachment *attach)",
        "{",
        "	struct frob *frob = attach->importer_priv;",
        "",
        *("\t" + row for row in body),
        "}",
        "",
        f"static const struct {ops} frob_attach_ops = {{",
        "	.invalidate_mappings = frob_invalidate,",
        "};",
    )
    return _CODE % (3 + len(rows), "".join(f"+{row}\n" for row in rows))


_ADD = "dma_resv_add_fence(attach->dmabuf->resv, frob_stop(frob), DMA_RESV_USAGE_BOOKKEEP);"
_RESERVE = "if (dma_resv_reserve_fences(attach->dmabuf->resv, 1))"

BAD = [
    Bad(_example(_ADD), at=(_ADD,)),
    Bad(
        _example(
            _RESERVE, "	return;", _ADD, "frob->job = kzalloc(sizeof(*frob->job), GFP_KERNEL);"
        ),
        at=("frob->job = kzalloc(sizeof(*frob->job), GFP_KERNEL);",),
    ),
    Bad(
        _example(_RESERVE, "	return;", _ADD, "frob->job = kzalloc_obj(*frob->job);"),
        at=("frob->job = kzalloc_obj(*frob->job);",),
    ),
]

GOOD = [
    Good(_example(_RESERVE, "	return;", _ADD), why="a slot is reserved"),
    Good(
        _example("if (frob_prepare_fence(frob, attach->dmabuf->resv))", "	return;", _ADD),
        why="what is called may reserve it",
    ),
    Good(
        _example(
            "frob->job = kzalloc(sizeof(*frob->job), GFP_KERNEL);", _RESERVE, "	return;", _ADD
        ),
        why="allocates before the fence is published",
    ),
    Good(
        _example(_RESERVE, "	return;", _ADD, "frob->n = kzalloc(8, GFP_NOWAIT);"),
        why="does not wait for reclaim",
    ),
    Good(_example(_ADD, ops="frob_ops"), why="not a callback of a dma-buf importer"),
    Good(_example("frob_stop(frob);"), why="it stops the hardware without a fence"),
]
