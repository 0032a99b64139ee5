# SPDX-License-Identifier: GPL-2.0-or-later
"""Count mappings from map to unmap

An exporter that revokes waits until every mapping is gone, so it has to know
how many there are: one more for each successful map_dma_buf, one less in
unmap_dma_buf once the scatter-gather table is freed, both under the reservation
lock.  A map that failed is not counted, for nobody will unmap it.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from checks.api import Bad, Confidence, Edition, Good, Hit, Meta, Series, Severity
from checks.source.exporter import Exporter, exporters, matches, mentions, owed_at, reached
from checks.source.pattern import pattern
from checks.source.program import Place
from checks.source.steps import Step, follow
from checks.source.vocabulary import NOTIFY

META = Meta(
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    sources=(
        "20260125143143.GF13967@unreal",
        "20260131-dmabuf-revoke-v7-4-463d956bd527@nvidia.com",
    ),
    words=tuple(f"{name}(" for name in NOTIFY),
)

_UP = ("kref_get", "refcount_inc", "refcount_add", "atomic_inc", "atomic64_inc", "atomic_long_inc")
_DOWN = (
    "kref_put",
    "refcount_dec",
    "refcount_sub",
    "atomic_dec",
    "atomic64_dec",
    "atomic_long_dec",
)
_OTHER = pattern(
    r"\b(?:percpu_ref_|list_(?:add|del|move)|xa_(?:store|insert|alloc|erase)|hash_(?:add|del)|idr_|ida_)\w*\s*\("
    r"|(?:->|\.)\w+\s*(?:\+\+|--|[+-]=)|(?:\+\+|--)\s*\w+(?:->|\.)"
)
"""Other ways to keep count, or to keep the mappings themselves."""
_COUNTS = pattern(
    r"(?:^|_)(?:get|ref|grab|hold|inc|count|track|add|acquire|register|begin|start)(?:_|$)"
)
_UNCOUNTS = pattern(
    r"(?:^|_)(?:put|unref|unhold|dec|uncount|untrack|remove|del|drop|release|unregister|done|end|idle)(?:_|$)"
)
"""What the functions are called that can do it where nobody shows it."""
_HARMLESS = pattern(r"^(?:kv?free|sg_free_table|trace_\w+|dev_\w+|pr_\w+|WARN\w*)$")
"""Takes no mapping away."""
_ELSE = pattern(
    r"^(?:dma|sg|pci|dev|ktime|trace|might|get_order)_|sgt|sg_table|pages|phys|addr|size|vec"
)
"""What is got or put by these is no count."""
_LAST = pattern(r"(\w+)\s*\)*$")
_WAITS = pattern(r"\b(?:wait_for_completion|wait_event|wait_var_event)\w*\s*\(")
_ALLOCATES = pattern(r"^(?:k|kv|v|devm_k)\w*alloc\w*$|^ERR_PTR$|^ERR_CAST$")


def check(series: Series) -> Iterator[Hit]:
    if not any(series.mentioning(*META.words)):
        return
    for exporter in exporters(series):
        yield from _exporter(series, exporter)


def _exporter(series: Series, exporter: Exporter) -> Iterator[Hit]:
    mapped = exporter.callback(series, "map_dma_buf")
    unmapped = exporter.callback(series, "unmap_dma_buf")
    if mapped is None or unmapped is None:
        return
    if matches(series, mapped, _OTHER) or matches(series, unmapped, _OTHER):
        return
    ups, downs = _counts(series, mapped, _UP), _counts(series, unmapped, _DOWN)
    complete = mapped.function.complete and unmapped.function.complete
    if complete and not ups:
        if not _hides(series, mapped, _COUNTS):
            loud = bool(downs) or _waits(series, exporter)
            yield from _missing(series, exporter, mapped, "count", None if loud else Severity.NOTE)
    elif complete and not downs:
        if not _hides(series, unmapped, _UNCOUNTS) and not _drops_in_detach(series, exporter):
            yield from _missing(series, exporter, unmapped, "drop", None)
    else:
        wanted = ups & downs if complete else ups | downs
        yield from _map(series, mapped, wanted)
        yield from _unmap(series, unmapped, wanted)


def _counts(series: Series, place: Place, names: tuple[str, ...]) -> frozenset[str]:
    """The members that a function, or what it calls, counts with calls of `names`."""
    return frozenset(
        _member(call.arguments)
        for at in reached(series, place)
        for call in at.function.calls
        if call.name.startswith(names) and not call.through
    )


def _member(arguments: tuple[str, ...]) -> str:
    """The last name of the first argument: `maps` for `&frob->maps`."""
    found = _LAST.search(arguments[0]) if arguments else None
    return found.group(1) if found else ""


def _hides(series: Series, place: Place, names: re.Pattern[str]) -> bool:
    """Whether a function calls something, shown nowhere, that by its name may do the counting."""
    for at in reached(series, place):
        for call in at.function.calls:
            if names.search(call.name) and not _ELSE.search(call.name):
                known = None if call.through else series.program.function(call.name, at.file)
                if known is None or not known.function.complete:
                    return True
    return False


def _waits(series: Series, exporter: Exporter) -> bool:
    """Whether mappings have to be counted: in today's contract, or since a revoke waits for them."""
    merged = series.edition(exporter.ops.patch) is Edition.MERGED
    return merged or any(_WAITS.search(revoke.function.text) for revoke in exporter.revokes)


def _drops_in_detach(series: Series, exporter: Exporter) -> bool:
    """Whether mappings are kept until detach, or may be."""
    detach = exporter.callback(series, "detach")
    if detach is None:
        return exporter.member("detach") is not None
    return mentions(series, detach, _DOWN)


_MISSING = {
    "count": "does not count its mappings; a revoke has to wait until all of them are gone, so please "
    "take a reference for each successful map and drop it in unmap_dma_buf.",
    "drop": "does not drop what map_dma_buf counted; the revoke would wait for ever.",
}


def _missing(
    series: Series, exporter: Exporter, place: Place, kind: str, severity: Severity | None
) -> Iterator[Hit]:
    owed = owed_at(series, place, exporter.revokes)
    if owed is not None:
        name = place.function.name
        yield Hit(
            owed.patch,
            owed.file,
            owed.line,
            f"{name}() {_MISSING[kind]}",
            symbol=owed.symbol,
            severity=severity,
            facts={"kind": kind, "function": name},
        )


class _State(NamedTuple):
    counted: Step | None = None
    mapping: str = ""
    """The variable with the result of the last call that can have failed."""
    failed: bool | None = None
    """Whether that is known."""


class _Map:
    """Notes each return of what may be an error after the count went up."""

    def __init__(self, members: frozenset[str]) -> None:
        self.members = members
        self.wrong: list[Step] = []

    def step(self, step: Step, state: _State) -> Iterator[_State]:
        if step.kind == "call" and step.name.startswith(_UP):
            counts = _member(step.arguments) in self.members
            yield state._replace(counted=step) if counts else state
        elif step.kind == "call" and (step.name.startswith(_DOWN) or _may_drop(step)):
            yield state._replace(counted=None)
        elif step.kind == "call" and step.assigned and step.depth == 0:
            can_fail = not _ALLOCATES.match(step.name)
            yield state._replace(mapping=step.assigned if can_fail else "", failed=None)
        else:
            if step.kind == "return" and step.depth == 0 and state.counted:
                error = step.value.startswith("ERR_")
                if error or (step.value == state.mapping != "" and state.failed is not False):
                    self.wrong.append(state.counted)
            yield state

    def test(self, condition: str, truth: bool, state: _State) -> _State | None:
        if condition in (f"IS_ERR({state.mapping})", f"IS_ERR_OR_NULL({state.mapping})"):
            return state._replace(failed=truth)
        if condition == state.mapping:
            return state._replace(mapping="")  # NULL is its error
        return state


def _may_drop(step: Step) -> bool:
    """Whether a call may take back what was counted, out of sight."""
    hidden = not step.followed and not step.assigned and not _ELSE.search(step.name)
    return hidden and _UNCOUNTS.search(step.name) is not None


def _map(series: Series, place: Place, members: frozenset[str]) -> Iterator[Hit]:
    machine = _Map(members)
    follow(place.function, machine, _State(), series.program.resolver(place.file))
    yield from _at(series, place, machine.wrong, "counts a mapping that may have failed; please count it once it "
                   "is known to be good, since nobody unmaps an error.")  # fmt: skip


class _Unmap:
    """Notes a count that goes down before the table is gone."""

    def __init__(self, table: str, members: frozenset[str]) -> None:
        self.table = table
        self.members = members
        self.wrong: list[Step] = []

    def step(self, step: Step, state: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
        if step.kind == "call" and step.name.startswith(_DOWN):
            yield (step,) if _member(step.arguments) in self.members else state
            return
        uses = step.kind == "call" and self.table in step.arguments
        if uses and not _HARMLESS.match(step.name):
            self.wrong += state
        yield state

    def test(self, condition: str, truth: bool, state: tuple[Step, ...]) -> tuple[Step, ...]:
        return state


def _unmap(series: Series, place: Place, members: frozenset[str]) -> Iterator[Hit]:
    tables = [p.name for p in place.function.parameters if "struct sg_table" in p.type]
    if tables:
        machine = _Unmap(tables[0], members)
        follow(place.function, machine, (), series.program.resolver(place.file))
        yield from _at(series, place, machine.wrong, "drops the count before the mapping is gone, so the revoke "
                       "may go on too early; please free the table first.")  # fmt: skip


def _at(series: Series, place: Place, steps: list[Step], what: str) -> Iterator[Hit]:
    for step in steps[:1]:
        added = series.program.origin(place, step.row) if step.depth == 0 else None
        if added is not None:
            name = place.function.name
            facts = {"kind": "order", "function": name}
            yield Hit(*added, f"{name}() {what}", symbol=name, facts=facts)


_DRIVER = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -10,3 +10,34 @@
 
 #include "frob.h"
 
+static struct sg_table *frob_map(struct dma_buf_attachment *attach, enum dma_data_direction dir)
+{
+	struct frob *frob = attach->dmabuf->priv;
+	struct sg_table *sgt;
+
+	if (frob->revoked)
+		return ERR_PTR(-ENODEV);
+	%s
+	return sgt;
+}
+
+static void frob_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
+		       enum dma_data_direction dir)
+{
+	struct frob *frob = attach->dmabuf->priv;
+
+	%s
+}
+
+static const struct dma_buf_ops frob_ops = {
+	.map_dma_buf = frob_map,
+	.unmap_dma_buf = frob_unmap,
+};
+
+static void frob_revoke(struct frob *frob)
+{
+	dma_resv_lock(frob->dmabuf->resv, NULL);
+	frob->revoked = true;
+	dma_buf_invalidate_mappings(frob->dmabuf);
+	dma_resv_unlock(frob->dmabuf->resv);
+}
"""
_SGT = "sgt = frob_sgt(frob, dir);"
_CHECK = "if (IS_ERR(sgt)) return sgt;"
_GET = "kref_get(&frob->maps);"
_FREE = "frob_free_sgt(frob, sgt);"
_PUT = "kref_put(&frob->maps, frob_done);"
_MAP_LINE = "static struct sg_table *frob_map(struct dma_buf_attachment *attach, enum dma_data_direction dir)"

BAD = [
    Bad(_DRIVER % (f"{_SGT}", _FREE), at=(_MAP_LINE,), edition=Edition.MERGED),
    Bad(
        _DRIVER % (f"for (i = 0; i < frob->n; i++) frob_one(frob, i); {_SGT}", _FREE),
        at=(_MAP_LINE,),
        edition=Edition.MERGED,
    ),
    Bad(_DRIVER % (f"{_SGT}", _FREE + _PUT), at=(_MAP_LINE,)),
    Bad(
        _DRIVER % (f"{_SGT} {_CHECK} {_GET}", _FREE),
        at=("static void frob_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,",),
    ),
    Bad(_DRIVER % (f"{_GET} {_SGT} {_CHECK}", _FREE + _PUT), at=(f"{_GET} {_SGT} {_CHECK}",)),
    Bad(_DRIVER % (f"{_SGT} {_GET}", _FREE + _PUT), at=(f"{_SGT} {_GET}",)),
    Bad(_DRIVER % (f"{_SGT} {_CHECK} {_GET}", _PUT + _FREE), at=(_PUT + _FREE,)),
]

GOOD = [
    Good(_DRIVER % (f"{_SGT} {_CHECK} {_GET}", _FREE + _PUT), why="counted from map to unmap"),
    Good(
        _DRIVER % (f"{_GET} {_SGT} if (IS_ERR(sgt)) frob_map_put(frob);", _FREE + _PUT),
        why="undone by a function that nobody shows",
    ),
    Good(
        _DRIVER % (f"{_SGT} {_CHECK} frob_mapping_get(frob);", _FREE + "frob_mapping_put(frob);"),
        why="counted by functions that nobody shows",
    ),
    Good(
        _DRIVER % (f"{_SGT} {_CHECK} frob->maps++;", _FREE + "frob->maps--;"),
        why="counted without any help, under the lock",
    ),
    Good(
        _DRIVER
        % (f"{_SGT} {_CHECK} {_GET}", f"dma_unmap_sgtable(dev, sgt, dir, 0); {_PUT} kfree(sgt);"),
        why="what comes after it is memory, not the mapping",
    ),
    Good(
        _DRIVER % (f"kref_get(&frob->life); {_SGT} {_CHECK} {_GET}", _FREE + _PUT),
        why="another count goes up first, which lives longer than the mapping",
    ),
    Good(
        (_DRIVER % (_SGT, _FREE)).replace("frob->revoked = true", "frob->moving = true"),
        why="nothing is revoked",
    ),
    Good(
        (_DRIVER % (_SGT, _FREE)).replace("/misc/", "/accel/frob/"),
        why="DRM drivers wait elsewhere",
    ),
    Good(
        _DRIVER % (f"{_SGT} if (!IS_ERR(sgt)) {_GET}", _FREE + _PUT),
        why="counted where it is good",
    ),
    Good(
        _DRIVER % (f"{_GET} {_SGT} if (IS_ERR(sgt)) {_PUT}", _FREE + _PUT),
        why="undone where it failed",
    ),
    Good(
        _DRIVER % (f"{_SGT} {_CHECK} list_add(&frob->node, &frob->maps);", _FREE),
        why="kept on a list instead",
    ),
]
