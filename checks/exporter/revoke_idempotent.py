# SPDX-License-Identifier: GPL-2.0-or-later
"""Revoke a buffer once, however often it is asked for

A reset can have revoked a buffer before its device is closed.  Who drops the
exporter's own count and waits for the mappings a second time lets the count
underflow and waits for a completion that nobody will give again.  So the drop
and the wait depend on a test that the buffer was not revoked before, or the
count and the completion are armed again right after the wait, or the buffer is
taken off the list on which the next one would find it.

Told of where two ways lead to the drop, one of them leaves the count at zero,
and nothing is tested on the other.  Where the diff does not show what stands
before the drop it is a question.
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
    DROPS,
    REARMS,
    UNMAP_WAITS,
    base_of,
    exporters,
    resolver,
    roots,
)
from checks.source.steps import Step, follow
from checks.source.vocabulary import NOTIFY

META = Meta(
    severity=Severity.ERROR,
    confidence=Confidence.MEDIUM,
    sources=("20260416131815.2729131-2-mattev@meta.com", "20260501131236.278ac431@shazbot.org"),
    words=CALLS,
    whole=True,
)

_UNLISTS = pattern(
    r"^(?:list_(?:del|move|splice)|hlist_del|xa_erase|__xa_erase|idr_remove|rb_erase)"
)
_TESTED = pattern(
    r"revok|invalid|defunct|unplug|dead|gone|alive|live\b|active\b(?!\s*\()|stat(?:e|us)\b|closed|"
    r"list_empty|test_and_|xchg|_empty\(",
    re.IGNORECASE,
)
"""A condition that may tell whether the buffer was revoked before."""
_NO_TEST = pattern(r"get_file_active\s*\(")


class _Drop(NamedTuple):
    """One drop of the exporter's own count, and the function that has it."""

    function: str
    row: int
    member: str
    """The count, without the object that has it."""


class _State(NamedTuple):
    told: bool = False
    tested: bool = False
    """Whether a condition on the way may have told that this is the first time."""
    unlisted: bool = False
    drop: _Drop | None = None
    waited: bool = False


class _Ways:
    """What the ways to each drop have in common, over all functions that lead there."""

    def __init__(self) -> None:
        self.steps: dict[_Drop, tuple[Patch, FileChange, Step]] = {}
        self.entries: dict[str, set[str]] = {}
        """By count: the functions from which a drop of it is reached."""
        self.untested: set[_Drop] = set()
        self.left: set[str] = set()
        """Counts that some way leaves at zero, with the buffer where it was."""


def check(series: Series) -> Iterator[Hit]:
    ways = _Ways()
    for patch, file in exporters(series):
        outermost = _outermost(list(roots(series, file)))
        for near, root in outermost:
            twice = _Twice(patch, file, root, ways)
            if follow(root, twice, _State(), resolver(series, near)) is None:
                return  # what such a function does before its drops is not known
    for drop in sorted(ways.untested, key=lambda drop: (drop.function, drop.row)):
        if drop.member in ways.left and len(ways.entries[drop.member]) > 1:
            yield from _hit(*ways.steps[drop])


def _outermost(
    found: list[tuple[FileChange, Function]],
) -> Iterator[tuple[FileChange, Function]]:
    """Those that none of the others calls."""
    called = {call.name for _, root in found for call in root.calls if call.name != root.name}
    return ((near, root) for near, root in found if root.name not in called)


def _hit(patch: Patch, file: FileChange, step: Step) -> Iterator[Hit]:
    line, function = step.line, step.function
    cut = not function.complete and function.start == 0
    if line is None or not file.is_new(line):
        return
    if cut and any(REARMS.match(call.name) for call in function.calls):
        return  # it knows of both ways, and is sure to look which one it is asked for
    text = (
        f"If the buffer was revoked before, {step.name}() drops the count a second time and the wait "
        "never ends"
    )
    yield Hit(
        patch,
        file,
        line,
        f"{text}; is that tested above?" if cut else f"{text}; please test the flag first.",
        symbol=function.name,
        severity=Severity.NOTE if cut else None,
        facts={"drop": step.name, "asks": cut},
    )


class _Twice:
    """The machine that follows one function to its drops, and from there to its exits."""

    def __init__(self, patch: Patch, file: FileChange, root: Function, ways: _Ways) -> None:
        self.patch = patch
        self.file = file
        self.root = root
        self.ways = ways
        self.answers: set[str] = set()
        """Variables that were set to what may tell."""

    def step(self, step: Step, state: _State) -> Iterator[_State]:
        if step.kind == "store":
            if _TESTED.search(step.value):
                self.answers.add(step.name)
            yield state
        elif step.kind != "call":
            if step.depth == 0:
                self._leaves(state)
            yield state
        elif step.name in NOTIFY:
            yield state._replace(told=True)
        elif step.assigned and _TESTED.search(step.name):
            self.answers.add(step.assigned)
            yield state
        elif _UNLISTS.match(step.name):
            yield state._replace(unlisted=True)
        elif REARMS.match(step.name):
            yield state._replace(drop=None, waited=False)
        elif DROPS.match(step.name) and state.told and step.arguments:
            yield self._drops(step, state)
        elif UNMAP_WAITS.match(step.name) and state.drop is not None:
            self._waits(state, state.drop)
            yield state._replace(waited=True)
        else:
            yield state

    def _drops(self, step: Step, state: _State) -> _State:
        first = step.arguments[0]
        member = first.removeprefix("&").removeprefix(base_of(first))
        drop = _Drop(step.function.name, step.function.fragment.first + step.row, member)
        if any(step.function.fragment is own for own in self.file.after.fragments):
            self.ways.steps[drop] = (self.patch, self.file, step)
        return state._replace(drop=drop)

    def _waits(self, state: _State, drop: _Drop) -> None:
        self.ways.entries.setdefault(drop.member, set()).add(self.root.name)
        if not state.tested and drop in self.ways.steps:
            self.ways.untested.add(drop)

    def _leaves(self, state: _State) -> None:
        if state.drop is not None and state.waited and not state.unlisted:
            self.ways.left.add(state.drop.member)

    def test(self, condition: str, truth: bool, state: _State) -> _State | None:
        if "," in condition and "(" not in condition:
            self._leaves(state)
            return _State()  # the next buffer of a list
        if _NO_TEST.search(condition):
            return state
        tells = condition in self.answers or _TESTED.search(condition) is not None
        return state._replace(tested=True) if tells else state


_DRIVER = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -10,3 +10,25 @@
 
 #include "frob.h"
 
+static void frob_revoke(struct frob *frob)
+{
+	%s
+	dma_resv_lock(frob->dmabuf->resv, NULL);
+	frob->revoked = true;
+	dma_buf_invalidate_mappings(frob->dmabuf);
+	dma_resv_unlock(frob->dmabuf->resv);
+	kref_put(&frob->kref, frob_done);
+	wait_for_completion(&frob->done);
+	%s
+}
+
+static void frob_reset(struct frob *frob)
+{
+	frob_revoke(frob);
+}
+
+static void frob_remove(struct frob *frob)
+{
+	%s
+}
+
"""
_PUT = "kref_put(&frob->kref, frob_done);"
_NOTHING, _CALL = "frob->n++;", "frob_revoke(frob);"

_TWO = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -120,8 +120,12 @@ void frob_move(struct frob_dev *dev, bool revoked)
 		if (frob->revoked != revoked) {
 			dma_resv_lock(frob->dmabuf->resv, NULL);
 			frob->revoked = revoked;
 			dma_buf_invalidate_mappings(frob->dmabuf);
 			dma_resv_unlock(frob->dmabuf->resv);
+			if (revoked) {
+				kref_put(&frob->kref, frob_done);
+				wait_for_completion(&frob->done);
+			}
 		}
 	}
 }
@@ -150,6 +154,8 @@ void frob_cleanup(struct frob_dev *dev)
 		frob->revoked = true;
 		dma_buf_invalidate_mappings(frob->dmabuf);
 		dma_resv_unlock(frob->dmabuf->resv);
+		kref_put(&frob->kref, frob_closed);
+		wait_for_completion(&frob->done);
 		frob_put(frob);
 	}
 }
"""

BAD = [
    Bad(_DRIVER % ("frob_stop(frob);", _NOTHING, _CALL), at=(_PUT,)),
    Bad(_TWO, at=("kref_put(&frob->kref, frob_closed);",)),
]

GOOD = [
    Good(
        _DRIVER % ("if (frob->revoked) return;", _NOTHING, _CALL),
        why="only the first one drops and waits",
    ),
    Good(
        _DRIVER % ("if (test_and_set_bit(FROB_REVOKED, &frob->flags)) return;", _NOTHING, _CALL),
        why="the same with a bit",
    ),
    Good(
        _DRIVER % ("bool was = frob->revoked; if (was) return;", _NOTHING, _CALL),
        why="the same with a local variable",
    ),
    Good(
        (_DRIVER % ("frob_stop(frob);", _NOTHING, f"if (!frob->revoked) {_CALL}")).replace(
            "+	frob_revoke(frob);", "+	if (frob_is_alive(frob)) frob_revoke(frob);"
        ),
        why="its callers look before",
    ),
    Good(
        _DRIVER
        % ("frob_stop(frob);", "kref_init(&frob->kref); reinit_completion(&frob->done);", _CALL),
        why="armed again for the next one",
    ),
    Good(
        _DRIVER % ("list_move(&frob->node, &dead);", _NOTHING, _CALL),
        why="the next one does not find it on the list",
    ),
    Good(_DRIVER % ("frob_stop(frob);", _NOTHING, "frob_free(frob);"), why="called once"),
]
