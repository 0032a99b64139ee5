# SPDX-License-Identifier: GPL-2.0-or-later
"""Say no to new mappings before telling the importers, and yes only when all is ready

A revoke sets the exporter's flag first and tells the importers then, both under
dmabuf->resv: an importer that maps again in between would keep a mapping that
nobody revokes.  To let importers in again is the other way round: the count and
the completion are armed first, and the flag is cleared last, under the lock; a
map that comes between the two takes a reference on a count that is zero.

Telling importers when they are let in again is right, so that they can map
again, and so is any order of this and the zapping of mmaps.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from checks.api import Bad, Confidence, Good, Hit, Meta, Patch, Series, Severity
from checks.source.c import Function
from checks.source.change import FileChange
from checks.source.pattern import pattern
from checks.source.revoke import (
    CALLS,
    LOCKS,
    REARMS,
    UNLOCKS,
    admits,
    base_of,
    exporters,
    flag_store,
    is_of,
    resolver,
    roots,
)
from checks.source.steps import Step, follow
from checks.source.vocabulary import NOTIFY

META = Meta(
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    sources=(
        "20260124-dmabuf-revoke-v5-0-f98fca917e96@nvidia.com",
        "20260130-dmabuf-revoke-v6-0-06278f9b7bf0@nvidia.com",
        "20260131-dmabuf-revoke-v7-4-463d956bd527@nvidia.com",
    ),
    words=CALLS,
    whole=True,
)

_MAY_MARK = pattern(r"revok|mark|invalid|block|stop|disable", re.IGNORECASE)
_ARMS = pattern(r"\b(?:kref_init|refcount_set|reinit_completion|percpu_ref_re\w+)\s*\(")
_STORES = pattern(r"(?:revok\w*|state|status)\s*=[^=]", re.IGNORECASE)
_STORED = pattern(r"(?:->|\.)\w+\s*=\s*([A-Za-z_]\w*)\s*;")


class _State(NamedTuple):
    told: int = 0
    """1 + index of the call that told importers before the flag was set; 0 for none."""
    flag: str = ""
    """What was stored in the flag last."""
    base: str = ""
    """The object that has it."""
    bare: int = 0
    """1 + index of that store where nothing shows that the lock is held; 0 for none."""
    unlocked: bool = False
    """Whether the lock was dropped since the flag was cleared."""
    locked: bool | None = None
    """Whether the lock is held; None when nothing has shown it."""
    known: frozenset[tuple[str, bool]] = frozenset()
    """Variables that some flag is set to, and that were tested."""


class _Fault(NamedTuple):
    at: Step
    other: Step | None
    message: str
    confidence: Confidence
    severity: Severity | None = None


def check(series: Series) -> Iterator[Hit]:
    for patch, file in exporters(series):
        seen: set[tuple[str, str]] = set()
        for near, root in (*roots(series, file), *_restores(file)):
            order = _Order(root)
            if follow(root, order, _State(), resolver(series, near)) is None:
                continue
            for kind, fault in order.faults.items():
                key = (kind, fault.at.function.name)
                if key not in seen:
                    hits = list(_hit(patch, file, fault))
                    seen |= {key} if hits else set()
                    yield from hits


def _restores(file: FileChange) -> Iterator[tuple[FileChange, Function]]:
    """The functions that arm a count and store a flag."""
    for function in file.after.functions_with(_ARMS):
        if _STORES.search(function.text):
            yield file, function


def _hit(patch: Patch, file: FileChange, fault: _Fault) -> Iterator[Hit]:
    for step in (fault.at, fault.other):
        own = step is not None and any(step.function.fragment is f for f in file.after.fragments)
        if step is None or not own or step.line is None or not file.is_new(step.line):
            continue
        name = step.function.name
        yield Hit(patch, file, step.line, fault.message, symbol=name, confidence=fault.confidence)
        return


class _Order:
    """The machine that looks at the order of flag, lock, count and the call."""

    def __init__(self, root: Function) -> None:
        self.root = root
        self.values = frozenset(_STORED.findall(root.text))
        self.tells: list[Step] = []
        self.bare: list[Step] = []
        self.faults: dict[str, _Fault] = {}

    def step(self, step: Step, state: _State) -> Iterator[_State]:
        if state.base and state.base in (step.assigned, step.name):
            state = _State()  # another object from here on
        stored = flag_store(step)
        if stored is not None:
            yield self._store(step, *stored, state)
        elif step.kind == "call":
            yield self._call(step, state)
        else:
            yield state

    def _call(self, step: Step, state: _State) -> _State:
        if step.name in NOTIFY and step.arguments:
            if state.flag:
                return state._replace(locked=True)
            if step not in self.tells:
                self.tells.append(step)
            return state._replace(told=self.tells.index(step) + 1, locked=True)
        if LOCKS.search(step.name):
            return self._locks(step, state)
        if UNLOCKS.search(step.name):
            return state._replace(locked=False, unlocked=bool(state.flag))
        if REARMS.match(step.name) and step.arguments:
            self._rearms(step, state)
        elif not state.flag and not step.followed and _MAY_MARK.search(step.name):
            return state._replace(flag="?", told=0)
        return state

    def _locks(self, step: Step, state: _State) -> _State:
        """The lock is taken: what was stored without it, and is tested under it?"""
        buffers = [argument.removesuffix("->resv") for argument in step.arguments]
        own = any(is_of(self.root, buffer, state.base) for buffer in buffers)
        if state.bare and own and state.locked is not True:
            store = self.bare[state.bare - 1]
            message = f"Please set {store.name} under dmabuf->resv, where map_dma_buf tests it."
            fault = _Fault(store, None, message, Confidence.MEDIUM, Severity.WARNING)
            self.faults.setdefault("early", fault)
        return state._replace(locked=True, bare=0)

    def _rearms(self, step: Step, state: _State) -> None:
        cleared = admits(state.flag) or (state.flag, False) in state.known
        if cleared and state.unlocked and base_of(step.arguments[0]) == state.base:
            message = (
                f"Please call {step.name}() before the flag is cleared, and clear it under "
                "dmabuf->resv: as soon as the lock is dropped an importer can map again."
            )
            self.faults.setdefault("rearm", _Fault(step, None, message, Confidence.HIGH))

    def _store(self, step: Step, name: str, value: str, state: _State) -> _State:
        cleared = admits(value) or (value, False) in state.known
        told = self.tells[state.told - 1] if state.told else None
        if not cleared and told is not None and is_of(self.root, told.arguments[0], base_of(name)):
            message = (
                f"Please set {name} before importers are told, both under dmabuf->resv: in "
                "between, one of them can map again and is never told."
            )
            self.faults.setdefault("late", _Fault(step, told, message, Confidence.HIGH))
        if cleared and state.locked is False and step.kind == "store":
            message = f"Please clear {name} under dmabuf->resv, where map_dma_buf looks at it."
            fault = _Fault(step, None, message, Confidence.MEDIUM, Severity.WARNING)
            self.faults.setdefault("bare", fault)
        bare = 0
        if not cleared and state.locked is not True and step.kind == "store":
            self.bare.append(step)
            bare = len(self.bare)
        return _State(0, value, base_of(name), bare, False, state.locked, state.known)

    def test(self, condition: str, truth: bool, state: _State) -> _State | None:
        if "," in condition and "(" not in condition:
            return _State(locked=False)  # the next object of a list, whose lock nobody took
        if condition in self.values:
            return state._replace(known=state.known | {(condition, truth)})
        return state


_HEAD = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -10,3 +10,%d @@
 
 #include "frob.h"
 
"""
_LOCK = "dma_resv_lock(frob->dmabuf->resv, NULL);"
_TELL = "dma_buf_invalidate_mappings(frob->dmabuf);"
_UNLOCK = "dma_resv_unlock(frob->dmabuf->resv);"
_WAIT = "wait_for_completion(&frob->comp);"


def _diff(*body: str, header: str = "void frob_revoke(struct frob *frob, bool revoked)") -> str:
    lines = (header, "{", *(f"\t{line}" for line in body), "}")
    return _HEAD % (3 + len(lines)) + "".join(f"+{line}\n" for line in lines)


BAD = [
    Bad(
        _diff(_LOCK, _TELL, "frob->revoked = true;", _UNLOCK, _WAIT), at=("frob->revoked = true;",)
    ),
    Bad(
        _diff(_LOCK, _TELL, _UNLOCK, "frob->status = FROB_REVOKED;"),
        at=("frob->status = FROB_REVOKED;",),
    ),
    Bad(_diff("frob->revoked = true;", _LOCK, _TELL, _UNLOCK), at=("frob->revoked = true;",)),
    Bad(
        _diff(
            _LOCK,
            "frob->revoked = revoked;",
            _TELL,
            _UNLOCK,
            "if (revoked) {",
            "\tkref_put(&frob->maps, frob_unmapped);",
            f"\t{_WAIT}",
            "} else {",
            "\tkref_init(&frob->maps);",
            "\treinit_completion(&frob->comp);",
            "}",
        ),
        at=("kref_init(&frob->maps);",),
    ),
    Bad(
        _diff(
            "kref_init(&frob->maps);",
            _LOCK,
            _TELL,
            _UNLOCK,
            "frob->revoked = false;",
            header="void frob_restore(struct frob *frob)",
        ),
        at=("frob->revoked = false;",),
    ),
    Bad(
        """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -20,6 +20,7 @@ static void frob_revoke(struct frob *frob)
 {
 	dma_resv_lock(frob->dmabuf->resv, NULL);
 	dma_buf_invalidate_mappings(frob->dmabuf);
+	frob->revoked = true;
 	frob_wait_fences(frob);
 	dma_resv_unlock(frob->dmabuf->resv);
 }
""",
        at=("frob->revoked = true;",),
    ),
]

BAD += [
    Bad(
        _diff(
            "struct dma_buf *dmabuf = frob->dmabuf;",
            "",
            "dma_resv_lock(dmabuf->resv, NULL);",
            "dma_buf_invalidate_mappings(dmabuf);",
            "frob->revoked = true;",
            "dma_resv_unlock(dmabuf->resv);",
        ),
        at=("frob->revoked = true;",),
    ),
]

GOOD = [
    Good(
        _diff("dma_resv_assert_held(frob->dmabuf->resv);", "frob->revoked = true;", _TELL),
        why="the caller holds the lock",
    ),
    Good(
        _diff("entry->revoked = true;", _LOCK, "frob->revoked = true;", _TELL, _UNLOCK),
        why="what is set without the lock belongs to another object",
    ),
    Good(_diff(_LOCK, "frob->revoked = true;", _TELL, _UNLOCK, _WAIT), why="flag, then call"),
    Good(
        _diff(
            "list_for_each_entry(frob, &dev->frobs, elm) {",
            f"\t{_LOCK}",
            "\tif (revoked)",
            "\t\tfrob->revoked = true;",
            f"\t{_TELL}",
            f"\t{_UNLOCK}",
            "\tif (revoked) {",
            f"\t\t{_WAIT}",
            "\t} else {",
            "\t\tkref_init(&frob->maps);",
            "\t\treinit_completion(&frob->comp);",
            f"\t\t{_LOCK}",
            "\t\tfrob->revoked = false;",
            f"\t\t{_UNLOCK}",
            "\t}",
            "}",
        ),
        why="armed before the flag is cleared under the lock, for one buffer after the other",
    ),
    Good(
        _diff(_LOCK, "frob->revoked = false;", _TELL, _UNLOCK),
        why="importers may be told when they are let in again",
    ),
    Good(
        _diff(
            "unmap_mapping_range(frob->mapping, 0, 0, 1);",
            _LOCK,
            "frob->revoked = true;",
            _TELL,
            _UNLOCK,
        ),
        why="mmaps may be zapped before or after",
    ),
    Good(
        _diff("frob_mark_revoked(frob);", _LOCK, _TELL, _UNLOCK, "frob->revoked = true;"),
        why="a helper that nobody shows may have set it",
    ),
    Good(
        _diff(_LOCK, _TELL, _UNLOCK, "other->revoked = true;"),
        why="the flag of another object",
    ),
]
