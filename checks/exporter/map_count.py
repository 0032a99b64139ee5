# SPDX-License-Identifier: GPL-2.0-or-later
"""Count mappings from map to unmap

An exporter that revokes waits until every mapping is gone, so it has to know
how many there are: one more for each successful map_dma_buf, one less in
unmap_dma_buf once the scatter-gather table is freed, both under the reservation
lock.  A map that failed is not counted, for nobody will unmap it.
"""

import re
from collections.abc import Iterator

from checks.api import Bad, Confidence, Edition, Good, Hit, Meta, Series, Severity
from checks.source.counts import (
    DROPS,
    NO_COUNT,
    TAKES,
    UNCOUNTS,
    Use,
    dropped_early,
    member_of,
    new_counts,
    taken_early,
)
from checks.source.exporter import (
    Exporter,
    exporters,
    matches,
    mentions,
    near,
    owed_at,
    reached,
    revokes,
)
from checks.source.pattern import pattern
from checks.source.program import Place
from checks.source.vocabulary import NOTIFY

META = Meta(
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    sources=(
        "20260125143143.GF13967@unreal",
        "20260131-dmabuf-revoke-v7-4-463d956bd527@nvidia.com",
    ),
    words=tuple(f"{name}(" for name in NOTIFY),
    whole=True,
)

_OTHER = pattern(
    r"\b(?:percpu_ref_|list_(?:add|del|move)|xa_(?:store|insert|alloc|erase)|hash_(?:add|del)|idr_|ida_)\w*\s*\("
    r"|(?:->|\.)\w+\s*(?:\+\+|--|[+-]=)|(?:\+\+|--)\s*\w+(?:->|\.)"
)
"""Other ways to keep count, or to keep the mappings themselves."""
_COUNTS = pattern(
    r"(?:^|_)(?:get|ref|grab|hold|inc|count|track|add|acquire|register|begin|start)(?:_|$)"
)
_WAITS = pattern(r"\b(?:wait_for_completion|wait_event|wait_var_event)\w*\s*\(")


def check(series: Series) -> Iterator[Hit]:
    if not any(series.mentioning(*META.words)):
        return
    judged = False
    for exporter in exporters(series):
        ends = [exporter.callback(series, name) for name in ("map_dma_buf", "unmap_dma_buf")]
        judged |= all(place is not None and place.function.complete for place in ends)
        yield from _exporter(series, exporter)
    if not judged:
        yield from _gained(series)


def _gained(series: Series) -> Iterator[Hit]:
    """Where not all of the callbacks is shown: a count that the series brings says enough."""
    found = tuple(revokes(series))
    own = frozenset(revoke.function.name for revoke in found)
    for count in new_counts(list(near(series, found))) if found else ():
        takes = [u for u in count.of("take", without=own) if _is_map(u)]
        drops = [u for u in count.of("drop", without=own) if "unmap" in u.function.name]
        if takes and not count.of("drop", without=own):
            yield from _one_sided(takes[0], "drop")
        elif drops and not count.of("take"):
            yield from _one_sided(drops[0], "count")


def _is_map(use: Use) -> bool:
    return "map" in use.function.name and "unmap" not in use.function.name


_ONE_SIDED = {
    "drop": "counts a mapping, and nothing but the revoke drops that again; please drop it in "
    "unmap_dma_buf, or the revoke waits for ever.",
    "count": "drops a count that map_dma_buf never took; please take it there for each mapping that "
    "succeeds.",
}


def _one_sided(use: Use, kind: str) -> Iterator[Hit]:
    line, name = use.function.fragment.shown(use.call.row), use.function.name
    if line is not None and use.file.is_new(line):
        facts = {"kind": kind, "function": name}
        message = f"{name}() {_ONE_SIDED[kind]}"
        yield Hit(use.patch, use.file, line, message, symbol=name, facts=facts)


def _exporter(series: Series, exporter: Exporter) -> Iterator[Hit]:
    mapped = exporter.callback(series, "map_dma_buf")
    unmapped = exporter.callback(series, "unmap_dma_buf")
    if mapped is None or unmapped is None:
        return
    if matches(series, mapped, _OTHER) or matches(series, unmapped, _OTHER):
        return
    ups, downs = _counts(series, mapped, TAKES), _counts(series, unmapped, DROPS)
    complete = mapped.function.complete and unmapped.function.complete
    if complete and not ups:
        if not _hides(series, mapped, _COUNTS):
            loud = bool(downs) or _waits(series, exporter)
            yield from _missing(series, exporter, mapped, "count", None if loud else Severity.NOTE)
    elif complete and not downs:
        if not _hides(series, unmapped, UNCOUNTS) and not _drops_in_detach(series, exporter):
            yield from _missing(series, exporter, unmapped, "drop", None)
    else:
        wanted = ups & downs if complete else ups | downs
        yield from _order(series, mapped, "take", wanted)
        yield from _order(series, unmapped, "drop", wanted)


def _counts(series: Series, place: Place, names: tuple[str, ...]) -> frozenset[str]:
    """The members that a function, or what it calls, counts with calls of `names`."""
    return frozenset(
        member_of(call.arguments)
        for at in reached(series, place)
        for call in at.function.calls
        if call.name.startswith(names) and not call.through
    )


def _hides(series: Series, place: Place, names: re.Pattern[str]) -> bool:
    """Whether a function calls something, shown nowhere, that by its name may do the counting."""
    for at in reached(series, place):
        for call in at.function.calls:
            if names.search(call.name) and not NO_COUNT.search(call.name):
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
    return mentions(series, detach, DROPS)


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


def _order(series: Series, place: Place, kind: str, members: frozenset[str]) -> Iterator[Hit]:
    early = taken_early if kind == "take" else dropped_early
    wrong = early(place.function, members, series.program.resolver(place.file))
    for step in wrong[:1]:
        added = series.program.origin(place, step.row) if step.depth == 0 else None
        if added is not None:
            name = place.function.name
            facts = {"kind": "order", "function": name}
            yield Hit(*added, f"{name}() {_ORDER[kind]}", symbol=name, facts=facts)


_ORDER = {
    "take": "counts a mapping that may have failed; please count it once it is known to be good, "
    "since nobody unmaps an error.",
    "drop": "drops the count before the mapping is gone, so the revoke may go on too early; please "
    "free the table first.",
}


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
_GAINED = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -33,3 +33,4 @@ static struct sg_table *frob_map(struct dma_buf_attachment *attach,
 	if (IS_ERR(sgt))
 		return sgt;
+	%s
 	return sgt;
@@ -43,3 +44,4 @@ static void frob_unmap(struct dma_buf_attachment *attach,
 	struct frob *frob = attach->dmabuf->priv;
 
 	frob_free_sgt(frob, sgt);
+	%s
@@ -63,2 +65,3 @@ static int frob_export(struct frob *frob)
 	frob->dmabuf = dmabuf;
+	kref_init(&frob->maps);
 	return 0;
@@ -80,4 +83,6 @@ static void frob_revoke(struct frob *frob)
 	frob->revoked = true;
 	dma_buf_invalidate_mappings(frob->dmabuf);
 	dma_resv_unlock(frob->dmabuf->resv);
+	kref_put(&frob->maps, frob_done);
+	wait_for_completion(&frob->unmapped);
 }
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
    Bad(_GAINED % (_GET, "frob_trace(frob);"), at=(_GET,)),
    Bad(_GAINED % ("frob_trace(frob);", _PUT), at=(_PUT,)),
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
    Good(_GAINED % (_GET, _PUT), why="an exporter learns to count"),
    Good(
        _GAINED % (_GET, "frob_unmapped(&frob->maps);"),
        why="the count is given to a function that nobody shows",
    ),
    Good(
        (_GAINED % (_GET, "frob_trace(frob);")).replace("+\tkref_init(&frob->maps)", "+\tfrob_x()"),
        why="the count was there before, and so may be what drops it",
    ),
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
