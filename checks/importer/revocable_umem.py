# SPDX-License-Identifier: GPL-2.0-or-later
"""Set the revoke callback of a revocable umem before unlocking it

ib_umem_dmabuf_get_pinned_revocable_and_lock() returns with the reservation lock
held, so that nobody revokes before the driver is ready.  The driver tells how
its hardware is stopped with ib_umem_dmabuf_set_revoke_locked(), and then drops
the lock with ib_umem_dmabuf_revoke_unlock(), on every path.  Without the callback
a revoke takes the pages away under a running device.  ib_umem_release() takes
the lock itself, so the error path unlocks first.
"""

from collections.abc import Iterator

from checks.api import Bad, Confidence, Good, Hit, Meta, Patch, Series, Severity
from checks.source.c import Function
from checks.source.change import FileChange
from checks.source.pattern import pattern
from checks.source.steps import Step, follow
from checks.source.vocabulary import is_exempt

GETTER = "ib_umem_dmabuf_get_pinned_revocable_and_lock"
SET = "ib_umem_dmabuf_set_revoke_locked"
UNLOCK = "ib_umem_dmabuf_revoke_unlock"

META = Meta(
    severity=Severity.ERROR,
    confidence=Confidence.MEDIUM,
    sources=("drivers/infiniband/core/umem_dmabuf.c", "include/rdma/ib_umem.h"),
    words=(f"{GETTER}(",),
    whole=True,
)

_GETS = pattern(rf"\b{GETTER}\s*\(")
_UNLOCKS = (UNLOCK, "dma_resv_unlock")
_RELEASES = ("ib_umem_release", "ib_umem_dmabuf_release", "ib_umem_dmabuf_revoke")
_LOCKED = pattern(r"lock(?:ed)?$")
"""A function called so hands the lock on to its caller."""

State = tuple[str, bool, bool]
"""The variable with the umem (empty: none, or not known any more), locked, callback set."""
NONE: State = ("", False, False)


def check(series: Series) -> Iterator[Hit]:
    for patch in series.mentioning(*META.words):
        for file in patch.change.touching(*META.words):
            core = file.path.startswith("drivers/infiniband/core/umem")
            if file.path.endswith(".c") and not core and not is_exempt(file.path):
                for function in file.after.functions_with(_GETS):
                    yield from _function(series, patch, file, function)


def _function(series: Series, patch: Patch, file: FileChange, function: Function) -> Iterator[Hit]:
    watch = _Watch(function)
    if follow(function, watch, NONE, series.program.resolver(file)) is None:
        return
    for kind, step in watch.wrong.items():
        line = step.line
        if line is None or not file.is_new(line):
            line = watch.got.line if watch.got is not None else None
        if line is not None and file.is_new(line):
            yield Hit(
                patch,
                file,
                line,
                _MESSAGES[kind],
                symbol=function.name,
                facts={"kind": kind, "getter": GETTER},
            )


_MESSAGES = {
    "unset": f"Please call {SET}() before the lock is dropped: without it a revoke takes the pages "
    "away and the hardware goes on.",
    "locked": f"{GETTER}() returned with the reservation lock held, and this path keeps it; please "
    f"call {UNLOCK}().",
    "release": f"This takes the reservation lock, which is still held here: please call {UNLOCK}() "
    "first.",
}


class _Watch:
    """Notes the first wrong step of each kind."""

    def __init__(self, function: Function) -> None:
        self.hands_on = _LOCKED.search(function.name) is not None
        self.whole = function.complete
        self.wrong: dict[str, Step] = {}
        self.got: Step | None = None

    def step(self, step: Step, state: State) -> Iterator[State]:
        name, locked, is_set = state
        if step.kind == "call" and not step.through:
            yield self._call(step, state)
            return
        if step.kind in ("return", "end") and step.depth == 0 and name:
            ends = step.kind == "return" or self.whole
            if ends and locked and not self.hands_on and step.value != name:
                self.wrong.setdefault("locked", step)
            elif ends and not locked and not is_set and step.value != name:
                self.wrong.setdefault("unset", step)
        yield state

    def _call(self, step: Step, state: State) -> State:
        name, locked, is_set = state
        if step.name == GETTER:
            self.got = step
            return (step.assigned, True, False) if step.assigned else NONE
        if not name:
            return state
        if step.name == SET:
            return name, locked, True
        if step.name in _UNLOCKS:
            return name, False, is_set
        if step.name in _RELEASES:
            if locked:
                self.wrong.setdefault("release", step)
            return NONE
        handed = name in step.arguments and not step.followed
        return NONE if handed and step.name not in ("IS_ERR", "PTR_ERR", "ERR_CAST") else state

    def test(self, condition: str, truth: bool, state: State) -> State:
        failed = truth and condition in (f"IS_ERR({state[0]})", f"IS_ERR_OR_NULL({state[0]})")
        return NONE if state[0] and failed else state


_DRIVER = """\
diff --git a/drivers/infiniband/hw/frob/mr.c b/drivers/infiniband/hw/frob/mr.c
--- a/drivers/infiniband/hw/frob/mr.c
+++ b/drivers/infiniband/hw/frob/mr.c
@@ -10,3 +10,25 @@
 
 #include "frob.h"
 
+struct ib_mr *frob_reg_dmabuf(struct ib_pd *pd, u64 start, u64 length, int fd)
+{
+	struct ib_umem_dmabuf *umem;
+	struct frob_mr *mr;
+
+	umem = ib_umem_dmabuf_get_pinned_revocable_and_lock(pd->device, start,
+							    length, fd, 0);
+	if (IS_ERR(umem))
+		return ERR_CAST(umem);
+
+	mr = frob_reg(pd, &umem->umem);
+	if (IS_ERR(mr))
+		goto err_release;
+
+	%s
+	return &mr->ibmr;
+
+err_release:
+	%s
+	ib_umem_release(&umem->umem);
+	return ERR_CAST(mr);
+}
"""
_SET = "ib_umem_dmabuf_set_revoke_locked(umem, frob_revoke, mr);"
_UNLOCK = "ib_umem_dmabuf_revoke_unlock(umem);"
_RELEASE = "ib_umem_release(&umem->umem);"

BAD = [
    Bad(_DRIVER % (_UNLOCK, _UNLOCK), at=("return &mr->ibmr;",)),
    Bad(_DRIVER % (_SET, _UNLOCK), at=("return &mr->ibmr;",)),
    Bad(_DRIVER % (f"{_SET} {_UNLOCK}", "frob_trace(pd);"), at=(_RELEASE,)),
]

GOOD = [
    Good(_DRIVER % (f"{_SET} {_UNLOCK}", _UNLOCK), why="set, then unlocked, and unlocked first"),
    Good(
        _DRIVER % ("frob_arm(umem, mr);", _UNLOCK),
        why="given to a function that nobody shows",
    ),
    Good(
        (_DRIVER % (_SET, _UNLOCK)).replace("frob_reg_dmabuf(", "frob_reg_dmabuf_and_lock("),
        why="hands the lock on to its caller",
    ),
    Good(
        (_DRIVER % (_UNLOCK, _UNLOCK)).replace("_revocable_and_lock", ""),
        why="the getter whose memory is not revoked",
    ),
    Good(
        _DRIVER % (f"{_SET} dma_resv_unlock(umem->attach->dmabuf->resv);", _UNLOCK),
        why="unlocked by hand",
    ),
]
