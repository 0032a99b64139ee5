# SPDX-License-Identifier: GPL-2.0-or-later
"""Refuse importers that can't be revoked in the exporter's attach callback

An exporter that user space can make revoke its buffers waits until everybody
has unmapped.  An importer without the notify callback may keep its mapping for
good, so such an exporter does not let it in: attach is called for every importer
and asks dma_buf_attach_revocable().  Trees without that helper keep the pinned
importers out with a pin that always fails, and that stays right.  Asking in pin is
not enough, since not every importer pins.

Drivers that only tell importers when the device is lost (RAS, hot unplug) must
not ask, and DRM drivers need not: it would break the importers that they have.
"""

from collections.abc import Iterator

from checks.api import Bad, Confidence, Edition, Good, Hit, Meta, Patch, Series, Severity
from checks.source.c import Function
from checks.source.change import FileChange
from checks.source.diff import Line
from checks.source.exporter import (
    Exporter,
    Owed,
    Revoke,
    exporters,
    mentions,
    owed_at,
)
from checks.source.pattern import pattern
from checks.source.program import Ops, Place
from checks.source.suggest import replace_rows
from checks.source.vocabulary import EXPORTER_OPS, HELPER, NOTIFY, is_no_exporter

_NOTIFIES = tuple(f"{name}(" for name in NOTIFY)

META = Meta(
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    sources=(
        "20260131-dmabuf-revoke-v7-7-463d956bd527@nvidia.com",
        "20260121134712.GZ961572@ziepe.ca",
        "bd37adf0-afd0-49c4-b608-7f9aa5994f7b@amd.com",
    ),
    words=(*_NOTIFIES, EXPORTER_OPS, HELPER),
    whole=True,
)

_ASKS = pattern(r"\bdma_buf_attach\w*revo[ck]\w*\s*\(")
"""The helper, also by the names that it had while it was discussed."""
_GATES = ("revocable", "_is_revoke(", "importer_ops", "attachment_is_dynamic")
"""What an attach callback tells importers apart by; any of it is taken for the test."""
_RETURN = pattern(r"\breturn\b\s*([^;]*);")
_FAILS = pattern(r"-E[A-Z0-9]+$")
_LOST = pattern(
    r"(?:^|_)(?:ras|unplug\w*|hot_?remove|surprise\w*|poison\w*|offline|pci_error)(?:_|$)"
)


def check(series: Series) -> Iterator[Hit]:
    told = set()
    for hit in _weakened(series):
        told.add(hit.file.path)
        yield hit
    yield from _asked_in_pin(series)
    if any(series.mentioning(*_NOTIFIES)):
        for exporter in exporters(series):
            if exporter.ops.file.path not in told:
                yield from _exporter(series, exporter)


def _asked_in_pin(series: Series) -> Iterator[Hit]:
    """The right question in the wrong callback."""
    for patch in series.mentioning("revo"):
        for file in patch.change.touching("revo"):
            if is_no_exporter(file.path) or not file.path.endswith(".c"):
                continue
            pins = {ops.initialiser.member("pin") for ops in _ops_of(series, file)}
            names = {member.value for member in pins if member is not None}
            for function in file.after.functions if names else ():
                found = _ASKS.search(function.text) if function.name in names else None
                line = function.line_at(found.start()) if found else None
                if line is not None and file.is_new(line):
                    yield Hit(
                        patch,
                        file,
                        line,
                        "This is better asked in the attach callback: pin is not called for every "
                        "importer, and attach is.",
                        symbol=function.name,
                        severity=Severity.NOTE,
                        confidence=Confidence.HIGH,
                        facts={"kind": "pin"},
                    )


def _ops_of(series: Series, file: FileChange) -> Iterator[Ops]:
    return (ops for ops in series.program.ops(EXPORTER_OPS) if ops.file.path == file.path)


def _exporter(series: Series, exporter: Exporter) -> Iterator[Hit]:
    """What lets everybody in, as far as the series shows all that decides it."""
    if not exporter.ops.initialiser.complete or all(map(_is_loss, exporter.revokes)):
        return
    places = [exporter.callback(series, name) for name in ("attach", "pin")]
    attach, pin = places
    for name, place in zip(("attach", "pin"), places, strict=True):
        if place is None and exporter.member(name) is None:
            continue
        if place is None or not place.function.complete or _refuses(series, place):
            return
    yield from _hit(series, exporter, attach, manages=pin is not None and not _is_stub(pin))


def _refuses(series: Series, place: Place) -> bool:
    """Whether a callback keeps some importers out by what they can do, or fails for all."""
    return _always_fails(place.function) or mentions(series, place, _GATES)


def _is_loss(revoke: Revoke) -> bool:
    """Whether importers are told there because the device is lost."""
    return _LOST.search(revoke.function.name) is not None


def _always_fails(function: Function) -> bool:
    values = [found.group(1).strip() for found in _RETURN.finditer(function.text)]
    return function.complete and bool(values) and all(map(_FAILS.match, values))


def _is_stub(place: Place) -> bool:
    """Whether a pin does nothing but say yes."""
    values = [found.group(1).strip() for found in _RETURN.finditer(place.function.text)]
    calls = {call.name for call in place.function.calls}
    return values == ["0"] and calls <= {"dma_resv_assert_held"}


def _hit(
    series: Series, exporter: Exporter, attach: Place | None, *, manages: bool
) -> Iterator[Hit]:
    owed = _owed(series, exporter, attach)
    if owed is None:
        return
    helper, revoke = _has_helper(series, owed.patch), exporter.revokes[0].function.name
    here = attach if attach is not None and (owed.patch, owed.file) == attach[:2] else None
    yield Hit(
        owed.patch,
        owed.file,
        owed.line,
        f"{revoke}() revokes, and an importer that can't be revoked may keep its mapping: please "
        f"{_how(helper)}.",
        symbol=owed.symbol,
        severity=Severity.NOTE if manages else None,
        suggestion=_suggestion(here) if here is not None and helper else "",
        facts={"kind": "missing", "ops": exporter.ops.initialiser.name, "helper": helper},
    )


def _owed(series: Series, exporter: Exporter, attach: Place | None) -> Owed | None:
    """The attach callback, if the series adds it; else the ops, else the revoke that needs it."""
    if attach is not None:
        return owed_at(series, attach, exporter.revokes)
    ops = exporter.ops
    line = ops.initialiser.fragment.shown(ops.initialiser.start)
    if line is not None and ops.file.is_new(line):
        return Owed(ops.patch, ops.file, line, ops.initialiser.name)
    for revoke in exporter.revokes:
        if revoke.line is not None and revoke.file.is_new(revoke.line):
            return Owed(revoke.patch, revoke.file, revoke.line, revoke.function.name)
    return None


def _has_helper(series: Series, patch: Patch) -> bool:
    return series.edition(patch) is Edition.MERGED or any(series.mentioning(HELPER))


def _how(helper: bool) -> str:
    if helper:
        return f"refuse those for which {HELPER}() is false, with -EOPNOTSUPP from attach"
    return "keep pinned importers out, with a pin that always fails and an empty unpin"


def _suggestion(attach: Place) -> str:
    """The test before the last `return 0` of the attach callback."""
    function = attach.function
    rows = [
        row
        for row in range(function.start, function.end + 1)
        if function.fragment.texts[row] == "\treturn 0;"
    ]
    names = [p.name for p in function.parameters if "struct dma_buf_attachment" in p.type]
    if not rows or not names:
        return ""
    above = function.fragment.texts[rows[-1] - 1].strip()
    blank = () if above in ("", "{") else ("",)
    new = (*blank, f"\tif (!{HELPER}({names[0]}))", "\t\treturn -EOPNOTSUPP;", "")
    return replace_rows(attach.file.path, function.fragment, rows[-1], rows[-1] - 1, new)


def _weakened(series: Series) -> Iterator[Hit]:
    """Lines that take the test, or the pin that always fails, away from an exporter."""
    for patch in series.mentioning(HELPER, ".pin"):
        for file in patch.change.touching(HELPER, ".pin"):
            if file.path.endswith(".c") and not is_no_exporter(file.path) and _stays(series, file):
                yield from _gone(series, patch, file)


def _stays(series: Series, file: FileChange) -> bool:
    """Whether the series leaves the exporter without a test, and does not stop it from revoking."""
    for patch in series.patches:
        for other in patch.change.touching(HELPER, ".pin", *_NOTIFIES):
            for line in other.lines:
                gained = line.sign == "+" and (HELPER in line.text or ".pin" in line.text)
                lost = line.sign == "-" and any(name in line.text for name in _NOTIFIES)
                kept = line.sign == " " and HELPER in line.text and other.path == file.path
                if gained or kept or (lost and not other.was_renamed(line)):
                    return False
    return True


def _gone(series: Series, patch: Patch, file: FileChange) -> Iterator[Hit]:
    refusing = {f.name for f in file.before.functions if _always_fails(f)}
    for initialiser in file.before.initialisers:
        member = initialiser.member("pin") if initialiser.struct == EXPORTER_OPS else None
        line = initialiser.fragment.shown(member.row) if member else None
        if (
            member is not None
            and line is not None
            and line.sign == "-"
            and member.value in refusing
        ):
            yield _weaker(series, patch, file, line, initialiser.name)
    for function in file.before.functions:
        row = function.row_of(f"{HELPER}(")
        line = function.fragment.shown(row) if row is not None else None
        if line is not None and line.sign == "-":
            yield _weaker(series, patch, file, line, function.name)


def _weaker(series: Series, patch: Patch, file: FileChange, line: Line, symbol: str) -> Hit:
    return Hit(
        patch,
        file,
        line,
        "With this gone, importers that can't be revoked are let in, and a revoke waits for them; "
        f"please {_how(_has_helper(series, patch))}.",
        symbol=symbol,
        facts={"kind": "weakened", "ops": symbol},
    )


_DRIVER = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -10,3 +10,%(count)s @@
 
 #include "frob.h"
 
+static int frob_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
+{
+	if (!attach->peer2peer)
+		return -EOPNOTSUPP;
+
%(test)s+	return 0;
+}
+
%(pin)s+static const struct dma_buf_ops frob_ops = {
+	.attach = frob_attach,
%(set)s+	.map_dma_buf = frob_map,
+	.unmap_dma_buf = frob_unmap,
+};
+
+static void frob_revoke(struct frob *frob)
+{
+	dma_resv_lock(frob->dmabuf->resv, NULL);
+	frob->revoked = true;
+	%(notify)s(frob->dmabuf);
+	dma_resv_wait_timeout(frob->dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP,
+			      false, MAX_SCHEDULE_TIMEOUT);
+	dma_resv_unlock(frob->dmabuf->resv);
+	wait_for_completion(&frob->unmapped);
+}
"""
_WEAKER = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -13,11 +13,8 @@ static int frob_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach
 	if (!attach->peer2peer)
 		return -EOPNOTSUPP;
 
-	if (!dma_buf_attach_revocable(attach))
-		return -EOPNOTSUPP;
-
 	return 0;
 }
 
 static struct sg_table *frob_map(struct dma_buf_attachment *attach,
 				 enum dma_data_direction dir)
"""
_NO_PIN = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -30,12 +30,3 @@ static int frob_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach
 }
 
-static int frob_pin(struct dma_buf_attachment *attach)
-{
-	return -EOPNOTSUPP;
-}
-
-static void frob_unpin(struct dma_buf_attachment *attach)
-{
-}
-
 static struct sg_table *frob_map(struct dma_buf_attachment *attach,
@@ -60,6 +51,4 @@ static const struct dma_buf_ops frob_ops = {
 	.attach = frob_attach,
-	.pin = frob_pin,
-	.unpin = frob_unpin,
 	.map_dma_buf = frob_map,
 	.unmap_dma_buf = frob_unmap,
 };
"""
_ATTACH = "static int frob_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)"
_TEST = "if (!dma_buf_attach_revocable(attach))"


def _example(
    *test: str, pin: tuple[str, ...] = (), notify: str = "dma_buf_invalidate_mappings"
) -> str:
    body = "".join(f"+\t{row}\n" for row in pin)
    whole = f"+static int frob_pin(struct dma_buf_attachment *attach)\n+{{\n{body}+}}\n+\n"
    values = {
        "test": "".join(f"+\t{row}\n" for row in test),
        "pin": whole if pin else "",
        "set": "+\t.pin = frob_pin,\n+\t.unpin = frob_unpin,\n" if pin else "",
        "notify": notify,
    }
    added = (_DRIVER % {**values, "count": ""}).count("\n+") - 1
    return _DRIVER % {**values, "count": str(3 + added)}


BAD = [
    Bad(_example(), at=(_ATTACH,), edition=Edition.MERGED),
    Bad(_example(notify="dma_buf_move_notify"), at=(_ATTACH,), edition=Edition.MOVE_NOTIFY),
    Bad(_example("if (frob->revoked)", "\treturn -ENODEV;"), at=(_ATTACH,), edition=Edition.MERGED),
    Bad(_example(pin=("return 0;",)), at=(_ATTACH,), edition=Edition.MERGED),
    Bad(
        _example(pin=("return dma_buf_attach_revocable(attach) ? 0 : -EOPNOTSUPP;",)),
        at=("return dma_buf_attach_revocable(attach) ? 0 : -EOPNOTSUPP;",),
        edition=Edition.MERGED,
    ),
    Bad(
        _example().replace("\t.attach = frob_attach,\n", "\t.cache_sgt_mapping = true,\n"),
        at=("static const struct dma_buf_ops frob_ops = {",),
        edition=Edition.MERGED,
    ),
    Bad(_WEAKER, at=(_TEST,), edition=Edition.MERGED),
    Bad(_NO_PIN, at=(".pin = frob_pin,",), edition=Edition.MERGED),
]

GOOD = [
    Good(_example(_TEST, "\treturn -EOPNOTSUPP;", ""), why="asked in attach"),
    Good(_example(pin=("return -EOPNOTSUPP;",)), why="pinned importers are kept out"),
    Good(
        _example(pin=("return -EOPNOTSUPP;",), notify="dma_buf_move_notify"),
        why="and that is how it is done without the helper",
        edition=Edition.MOVE_NOTIFY,
    ),
    Good(
        _example().replace("frob_attach,", "frob_generic_attach,"),
        why="nothing shows what attach does",
    ),
    Good(_example().replace("frob_revoke(", "frob_ras_fatal("), why="the device is lost"),
    Good(
        _example().replace("->revoked = true", "->moving = true"), why="buffers move, and come back"
    ),
    Good(_example().replace("/misc/", "/gpu/drm/frob/"), why="DRM drivers need not"),
    Good(_example().replace("misc/frob.c", "misc/frob_kunit.c"), why="a test's exporter"),
    Good(
        _NO_PIN.replace("struct dma_buf_ops frob_ops", "struct drm_gem_object_funcs frob_ops"),
        why="another struct, with members of the same names",
    ),
    Good(
        _WEAKER.replace(
            " \treturn 0;",
            "+\tif (!dma_buf_attach_revocable(attach))\n+\t\treturn -EINVAL;\n \treturn 0;",
        ).replace("+13,8", "+13,10"),
        why="only the error code changes",
    ),
]
