# SPDX-License-Identifier: GPL-2.0-or-later
"""Revoke a buffer once, however often it is asked for

A reset can have revoked a buffer before its device is closed.  Who drops the
exporter's own count and waits for the mappings a second time lets the count
underflow and waits for a completion that nobody will give again.  So the drop
and the wait depend on a test that the flag was not set before, or the count and
the completion are armed again right after the wait.
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
    confidence=Confidence.MEDIUM,
    sources=("20260416131815.2729131-2-mattev@meta.com", "20260501131236.278ac431@shazbot.org"),
    words=tuple(f"{name}(" for name in NOTIFY),
)

_DROPS = pattern(r"^(?:kref_put|refcount_dec_and_test|refcount_dec|atomic\w*_dec_and_test)$")
_WAITS = pattern(r"^wait_for_completion|^wait_event|^wait_var_event")
_ARMS = pattern(r"^(?:kref_init|refcount_set|atomic\w*_set|reinit_completion|init_completion)$")
_FLAG = pattern(r"(?:->|\.)(\w+)")
_BATCHED = ("drivers/gpu/", "drivers/accel/")


def check(series: Series) -> Iterator[Hit]:
    found = []
    for patch in series.mentioning(*META.words):
        for file in patch.change.touching(*META.words):
            if file.path.endswith(".c") and not _left_out(file.path):
                found += [(patch, file, f, _walk(series, file, f)) for f in _tellers(file)]
    for patch, file, function, twice in found:
        others = [f for _, _, f, other in found if f.name != function.name and other.drops]
        if all(_unlists(f) for f in (function, *others)):
            continue  # what is revoked is on no list any more, and is not met again
        for step in list(twice.open.values())[:1]:
            if others or _calls(series, function.name) > 1:
                yield from _hit(patch, file, function, step)


def _unlists(function: Function) -> bool:
    return any(
        call.name.startswith(("list_del", "xa_erase", "hlist_del")) for call in function.calls
    )


def _left_out(path: str) -> bool:
    return is_exempt(path) or is_core(path) or path.startswith(_BATCHED)


def _tellers(file: FileChange) -> Iterator[Function]:
    for function in file.after.functions:
        if any(call.name in NOTIFY for call in function.calls):
            yield function


def _calls(series: Series, name: str, depth: int = 2) -> int:
    """From how many functions of the series one is called; for only one, its own callers."""
    callers = set()
    for patch in series.mentioning(f"{name}("):
        for file in patch.change.touching(f"{name}("):
            for function in file.after.functions:
                if any(call.name == name for call in function.calls):
                    callers.add(function.name)
    if len(callers) == 1 and depth:
        return _calls(series, callers.pop(), depth - 1)
    return len(callers)


def _walk(series: Series, file: FileChange, function: Function) -> "_Twice":
    twice = _Twice()
    follow(function, twice, _State(), series.program.resolver(file))
    return twice


def _hit(patch: Patch, file: FileChange, function: Function, step: Step) -> Iterator[Hit]:
    line = step.line
    if line is None or not file.is_new(line) or step.depth:
        return
    cut = not function.complete and function.start == 0
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


class _State(NamedTuple):
    told: bool = False
    guarded: bool = False
    """Whether the flag was tested on the way."""
    dropped: Step | None = None
    waited: bool = False


class _Twice:
    """Notes drops of the count that no test of the flag stands before."""

    def __init__(self) -> None:
        self.open: dict[int, Step] = {}
        self.drops: set[int] = set()
        self.armed: set[int] = set()

    def step(self, step: Step, state: _State) -> Iterator[_State]:
        if step.kind in ("return", "end") and step.depth == 0:
            if state.dropped is not None and state.waited:
                self.open[state.dropped.row] = state.dropped
            yield state
        elif step.kind != "call" or step.through:
            yield state
        elif step.name in NOTIFY:
            yield state._replace(told=True, dropped=None, waited=False)
        elif _DROPS.match(step.name) and state.told:
            self.drops.add(step.row)
            yield state if state.guarded else state._replace(dropped=step)
        elif _WAITS.match(step.name) and state.dropped is not None:
            # The loop or the function may end out of sight; what counts is that it waits.
            self.open.setdefault(state.dropped.row, state.dropped)
            yield state._replace(waited=True)
        elif _ARMS.match(step.name) and state.dropped is not None:
            self.open.pop(state.dropped.row, None)
            yield state._replace(dropped=None, waited=False)
        else:
            yield state

    def test(self, condition: str, truth: bool, state: _State) -> _State | None:
        if any(is_revoke_flag("->" + m.group(1)) for m in _FLAG.finditer(condition)):
            return state._replace(guarded=True)
        return state


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

BAD = [
    Bad(_DRIVER % ("frob_stop(frob);", "frob->n++;", "frob_revoke(frob);"), at=(_PUT,)),
]

GOOD = [
    Good(
        _DRIVER % ("if (frob->revoked) return;", "frob->n++;", "frob_revoke(frob);"),
        why="only the first one drops and waits",
    ),
    Good(
        _DRIVER
        % (
            "frob_stop(frob);",
            "kref_init(&frob->kref); reinit_completion(&frob->done);",
            "frob_revoke(frob);",
        ),
        why="armed again for the next one",
    ),
    Good(_DRIVER % ("frob_stop(frob);", "frob->n++;", "frob_free(frob);"), why="called once"),
]
