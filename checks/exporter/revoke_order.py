# SPDX-License-Identifier: GPL-2.0-or-later
"""Set the flag first, tell importers next, and arm the count before letting them in again

The flag that makes map_dma_buf fail is set under the reservation lock before
importers are told; the other way round one of them maps again in between and is
never told.  When access is restored, the count and the completion that the next
revoke waits for are armed before the flag is cleared, and the flag is cleared
under the lock: else a map takes a reference on a count that is zero.
"""

from collections.abc import Iterator
from typing import NamedTuple

from checks.api import Bad, Confidence, Good, Hit, Meta, Patch, Series, Severity
from checks.source.c import Function
from checks.source.change import FileChange
from checks.source.pattern import pattern
from checks.source.revoke import is_revoke_flag
from checks.source.steps import Step, follow
from checks.source.vocabulary import NOTIFY, is_core, is_exempt

META = Meta(
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    sources=(
        "20260130-dmabuf-revoke-v6-0-06278f9b7bf0@nvidia.com",
        "20260131-dmabuf-revoke-v7-4-463d956bd527@nvidia.com",
    ),
    words=tuple(f"{name}(" for name in NOTIFY),
)

_ARMS = pattern(r"^(?:kref_init|refcount_set|atomic\w*_set|reinit_completion|percpu_ref_reinit)$")
_LOCK = pattern(r"(?:^|_)resv(?:_\w+)?_lock(?:_interruptible|_slow\w*)?$")
_UNLOCK = pattern(r"(?:^|_)resv(?:_\w+)?_unlock$")
_BATCHED = ("drivers/gpu/", "drivers/accel/")


def check(series: Series) -> Iterator[Hit]:
    for patch in series.mentioning(*META.words):
        for file in patch.change.files:
            if file.path.endswith(".c") and not _left_out(file.path):
                yield from _file(series, patch, file)


def _left_out(path: str) -> bool:
    return is_exempt(path) or is_core(path) or path.startswith(_BATCHED)


def _file(series: Series, patch: Patch, file: FileChange) -> Iterator[Hit]:
    for function in file.after.functions:
        names = {call.name for call in function.calls}
        if not _stores_flag(function) or not (names & {*NOTIFY} or any(map(_ARMS.match, names))):
            continue
        order = _Order()
        follow(function, order, _State(), series.program.resolver(file))
        for row, (kind, step) in sorted(order.wrong.items()):
            line = step.line
            if line is not None and file.is_new(line) and step.depth == 0:
                yield Hit(
                    patch,
                    file,
                    line,
                    _WHAT[kind].format(name=step.name),
                    symbol=function.name,
                    facts={"kind": kind, "row": row},
                )
                break


def _stores_flag(function: Function) -> bool:
    """Whether the function stores to a flag that says revoked."""
    return any(is_revoke_flag(found.group()) for found in _MEMBER.finditer(function.text))


_MEMBER = pattern(r"(?:->|\.)\w+(?=\s*=[^=])")

_WHAT = {
    "late": "Please set {name} before importers are told; in between, one of them can map again and "
    "is never told.",
    "unlocked": "Please set {name} under the reservation lock: map_dma_buf tests it there.",
    "rearm": "Importers are let in again before {name}() arms what the next revoke waits for; please "
    "arm it first, and clear the flag under the reservation lock after that.",
}


class _State(NamedTuple):
    told: bool = False
    locked: bool | None = None
    """None: as at the entry of the function."""
    stored: Step | None = None
    """The last store of the flag while the entry state held."""
    flag: str = ""
    """What the flag was last set to."""
    row: int = 0
    """Where."""


class _Order:
    """Notes the steps that are in the wrong place, by their row."""

    def __init__(self) -> None:
        self.wrong: dict[int, tuple[str, Step]] = {}

    def step(self, step: Step, state: _State) -> Iterator[_State]:
        if step.kind == "store" and is_revoke_flag(step.name):
            yield self._store(step, state)
        elif step.kind != "call" or step.through:
            yield state
        elif step.name in NOTIFY:
            yield state._replace(told=True)
        elif _LOCK.search(step.name):
            if state.locked is None and state.stored is not None:
                self.wrong[state.stored.row] = ("unlocked", state.stored)
            yield state._replace(locked=True)
        elif _UNLOCK.search(step.name):
            yield state._replace(locked=False)
        else:
            late = step.row > state.row  # or else it is a loop, and the next buffer's
            if _ARMS.match(step.name) and state.flag in ("false", "0") and late:
                self.wrong.setdefault(step.row, ("rearm", step))
            yield state

    def _store(self, step: Step, state: _State) -> _State:
        clears = step.value in ("false", "0")
        if state.told and not clears and not state.flag:
            self.wrong[step.row] = ("late", step)
        elif state.locked is False and state.told and not state.flag and not clears:
            self.wrong[step.row] = ("unlocked", step)
        stored = step if state.locked is None and not clears else None
        return state._replace(flag=step.value, stored=stored, row=step.row)

    def test(self, condition: str, truth: bool, state: _State) -> _State | None:
        if state.flag and condition == state.flag:
            return state._replace(flag="true" if truth else "false")
        return state


_DRIVER = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -10,3 +10,20 @@
 
 #include "frob.h"
 
+static void frob_move(struct frob *frob, bool revoked)
+{
+	%s
+	dma_resv_lock(frob->dmabuf->resv, NULL);
+	%s
+	dma_buf_invalidate_mappings(frob->dmabuf);
+	%s
+	dma_resv_unlock(frob->dmabuf->resv);
+	if (revoked) {
+		kref_put(&frob->kref, frob_done);
+		wait_for_completion(&frob->done);
+	} else {
+		%s
+		%s
+	}
+}
+
"""
_SET = "frob->revoked = true;"
_ARM = "kref_init(&frob->kref);"
_CLEAR = (
    "dma_resv_lock(frob->dmabuf->resv, NULL); frob->revoked = false; "
    "dma_resv_unlock(frob->dmabuf->resv);"
)

BAD = [
    Bad(_DRIVER % ("", "", _SET, "", ""), at=(_SET,)),
    Bad(_DRIVER % (_SET, "", "", "", ""), at=(_SET,)),
    Bad(_DRIVER % ("", "frob->revoked = revoked;", "", "", _ARM), at=(_ARM,)),
    Bad(_DRIVER % ("", f"if (revoked) {_SET}", "", _CLEAR, _ARM), at=(_ARM,)),
]

GOOD = [
    Good(
        _DRIVER % ("", f"if (revoked) {_SET}", "", _ARM, _CLEAR),
        why="set before, armed before, cleared last",
    ),
    Good(
        _DRIVER % ("", "frob->revoked = revoked;", "", "", ""),
        why="told on restore as well, so that importers can map again",
    ),
    Good(
        _DRIVER % (f"if (!revoked) {_ARM}", "frob->revoked = revoked;", "", "", ""),
        why="armed before the flag is cleared under the lock",
    ),
]
