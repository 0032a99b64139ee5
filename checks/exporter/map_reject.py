# SPDX-License-Identifier: GPL-2.0-or-later
"""Map no buffer that is revoked

The flag that an exporter sets before it tells importers is there for its
map_dma_buf callback: tested under the reservation lock, it answers -ENODEV, and
nobody maps again behind the revoke.  The same holds for a private way to hand
out the addresses.  Whether attach tests it too is the exporter's choice.
"""

import re
from collections.abc import Iterator

from checks.api import Bad, Confidence, Good, Hit, Meta, Patch, Series, Severity
from checks.source.c import Function
from checks.source.change import FileChange
from checks.source.diff import Line
from checks.source.exporter import (
    Exporter,
    Revoke,
    exporters,
    mentions,
    near,
    owed_at,
    revokes,
)
from checks.source.pattern import pattern
from checks.source.program import Place
from checks.source.vocabulary import NOTIFY, is_no_exporter

_NOTIFIES = tuple(f"{name}(" for name in NOTIFY)

META = Meta(
    severity=Severity.ERROR,
    confidence=Confidence.MEDIUM,
    sources=(
        "20260121091423.GY961572@ziepe.ca",
        "20260131-dmabuf-revoke-v7-4-463d956bd527@nvidia.com",
    ),
    words=(*_NOTIFIES, "->revoked"),
    also=("dma_buf", "dmabuf"),
    whole=True,
)

_REFUSAL = pattern(
    r"\bif\s*\(([^;{}]*)\)\s*\{?\s*(?:(?:\w+\s*=\s*)?(?:return\s+)?(?:ERR_PTR\s*\()?-E[A-Z]+|goto\s+\w+|return\s+\w+\s*;)"
)
"""A test, with an error for its answer."""
_MEMBER = pattern(r"(?:->|\.)\s*(\w+)")
_STATEFUL = pattern(
    r"state|status|alive|dead|dying|gone|lost|valid|active|enabled|disabled|ready|clos|remov|moved"
    r"|shut|plug|access|suspend|reset|frozen|blocked|available|present|online|vdev|flags|gen",
    re.IGNORECASE,
)
"""Names of members and functions that can stand for the same thing as the flag."""
_CALLED = pattern(r"\b(\w+)\s*\(")
_TESTED = pattern(r"\bif\s*\(.*->revoked\b")
_MEMBER_NAME = pattern(r"[a-z]\w*$")
_HANDS_OUT = pattern(r"map|phys|pfn|addr")


def check(series: Series) -> Iterator[Hit]:
    yield from _taken_away(series)
    if not any(series.mentioning(*_NOTIFIES)):
        return
    judged = False
    for exporter in exporters(series):
        flags = tuple(sorted({revoke.flag for revoke in exporter.revokes}))
        place = exporter.callback(series, "map_dma_buf")
        places = [place] if place is not None and place.function.complete else []
        judged |= bool(places)
        for at in (*places, *_private(series, exporter)):
            if not mentions(series, at, flags) and not _refuses(at, exporter.revokes):
                yield from _hit(series, at, exporter.revokes)

    if not judged:
        yield from _untested(series)


def _taken_away(series: Series) -> Iterator[Hit]:
    """Removed lines that refused a revoked buffer, where nothing new does and revokes stay."""
    for patch in series.mentioning("->revoked"):
        for file in patch.change.touching("->revoked"):
            if (
                file.mentions(*META.also)
                and file.path.endswith(".c")
                and not is_no_exporter(file.path)
            ):
                for line, function in _lost(file):
                    if _stays(series):
                        yield Hit(
                            patch,
                            file,
                            line,
                            f"Without this, {function.name}() gives a revoked buffer to importers that "
                            "map again; please keep it, or say what refuses them now.",
                            symbol=function.name,
                            facts={"map": function.name, "flag": "revoked"},
                        )


def _lost(file: FileChange) -> Iterator[tuple[Line, Function]]:
    """The removed tests that answered with an error pointer, as a map callback does."""
    for function in file.before.functions_with(_TESTED):
        fragment = function.fragment
        if "map" not in function.name:
            continue
        for row in range(function.start, function.end):
            line, answer = fragment.shown(row), fragment.shown(row + 1)
            if line is None or line.sign != "-" or file.was_renamed(line) or answer is None:
                continue
            refused = "ERR_PTR(-E" in line.text + (answer.text if answer.sign == "-" else "")
            if _TESTED.search(line.text) and refused:
                yield line, function


def _stays(series: Series) -> bool:
    """Whether the series adds no other look or refusal, and takes no revoke away."""
    for patch in series.patches:
        for file in patch.change.touching("revok", *_NOTIFIES):
            for line in file.lines:
                tells = any(name in line.text for name in _NOTIFIES)
                if line.sign == "+" and ("revok" in line.text or "ERR_PTR(-E" in line.text):
                    return False
                if line.sign == "-" and tells and not file.was_renamed(line):
                    return False
    return True


def _untested(series: Series) -> Iterator[Hit]:
    """Where map_dma_buf is not shown: a flag that the series brings, and never looks at.

    Attach and mmap may do that for themselves.
    """
    found = tuple(revoke for revoke in revokes(series) if _MEMBER_NAME.match(revoke.flag))
    files = list(near(series, found)) if found else []
    for flag in sorted({revoke.flag for revoke in found}):
        setting = tuple(revoke for revoke in found if revoke.flag == flag)
        own = {revoke.function.name for revoke in setting}
        word = re.compile(rf"(?:->|\.){flag}\b(?!\s*=[^=])")
        looks = (f for _, file in files for f in file.after.functions_with(word))
        if _is_brought(flag, files) and all(f.name in own or _is_other(f) for f in looks):
            line = setting[0].line
            if line is not None and setting[0].file.is_new(line):
                yield Hit(
                    setting[0].patch,
                    setting[0].file,
                    line,
                    f"The map_dma_buf callback has to return -ENODEV once ->{flag} is set, under the "
                    "reservation lock; otherwise importers map again behind the revoke.",
                    symbol=setting[0].function.name,
                    facts={"map": "", "flag": flag},
                )


def _is_brought(flag: str, files: list[tuple[Patch, FileChange]]) -> bool:
    """Whether the series declares the member `flag`, and no line was there before that has it."""
    member = re.compile(rf"\s+(?:\w+\s+)+\*?{flag}\s*(?::\s*\d+)?;")
    word = re.compile(rf"(?:->|\.){flag}\b")
    declared = any(member.match(x.text) and file.is_new(x) for _, file in files for x in file.added)
    old = (x.text for _, file in files for x in file.lines if x.sign != "+")
    return declared and not any(map(word.search, old))


def _is_other(function: Function) -> bool:
    """Whether it is an attach, mmap or fault callback, by what it is given."""
    types = " ".join(p.type for p in function.parameters)
    attach = "struct dma_buf *" in types and "struct dma_buf_attachment *" in types
    return attach or "vm_area_struct" in types or "vm_fault" in types


def _refuses(place: Place, revokes: tuple[Revoke, ...]) -> bool:
    """Whether the function answers some test of the buffer's state with an error.

    The state is what has such a name, or what is written where the importers are told.
    """
    for found in _REFUSAL.finditer(place.function.text):
        condition = found.group(1)
        names = _MEMBER.findall(condition) + _CALLED.findall(condition)
        if any(_STATEFUL.search(name) for name in names):
            return True
        written = (rf"(?:->|\.){name}\s*=[^=]" for name in _MEMBER.findall(condition))
        for store in written:
            if any(re.search(store, revoke.function.text) for revoke in revokes):
                return True
    return False


def _private(series: Series, exporter: Exporter) -> Iterator[Place]:
    """Exported functions next to the ops that take a dma-buf and hand out its addresses."""
    file = exporter.ops.file
    exported = {export.symbol for export in file.after.exports if export.is_export}
    for name in sorted(exported):
        place = series.program.function(name, file)
        if place is None or not place.function.complete or not _HANDS_OUT.search(name):
            continue
        takes = any(
            p.type.endswith(("struct dma_buf *", "struct dma_buf_attachment *"))
            for p in place.function.parameters
        )
        if takes and "->priv" in place.function.text and place.file.path == file.path:
            yield place


def _hit(series: Series, place: Place, revokes: tuple[Revoke, ...]) -> Iterator[Hit]:
    owed = owed_at(series, place, revokes)
    if owed is not None:
        flag = revokes[0].flag
        yield Hit(
            owed.patch,
            owed.file,
            owed.line,
            f"{place.function.name}() has to return -ENODEV once ->{flag} is set, under the "
            "reservation lock; otherwise importers map again behind the revoke.",
            symbol=owed.symbol,
            facts={"map": place.function.name, "flag": flag},
        )


_DRIVER = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -10,3 +10,23 @@
 
 #include "frob.h"
 
+static struct sg_table *frob_map(struct dma_buf_attachment *attach, enum dma_data_direction dir)
+{
+	struct frob *frob = attach->dmabuf->priv;
+
+	%s
+	return frob_sgt(frob, dir);
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
_PHYS = """\
@@ -60,2 +90,10 @@ static void frob_other(struct frob *frob)
 }
+int frob_phys(struct dma_buf *dmabuf, u64 *addr)
+{
+	struct frob *frob = dmabuf->priv;
+
+	*addr = frob->addr;
+	return 0;
+}
+EXPORT_SYMBOL_FOR_MODULES(frob_phys, "frob_vdpa");
 
"""
_GAINED = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -20,4 +20,5 @@ struct frob {
 	struct device *dev;
 	struct dma_buf *dmabuf;
+	bool revoked;
 };
 
@@ -30,3 +31,6 @@ static struct sg_table *frob_map(struct dma_buf_attachment *attach,
 {
 	struct frob *frob = attach->dmabuf->priv;
 
+	if (frob->%s)
+		return ERR_PTR(-ENODEV);
+
@@ -90,3 +94,10 @@ static void frob_other(struct frob *frob)
 	frob_stop(frob);
 }
 
+static void frob_revoke(struct frob *frob)
+{
+	dma_resv_lock(frob->dmabuf->resv, NULL);
+	frob->revoked = true;
+	dma_buf_invalidate_mappings(frob->dmabuf);
+	dma_resv_unlock(frob->dmabuf->resv);
+}
"""
_LOST = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -33,7 +33,4 @@ static struct sg_table *frob_map(struct dma_buf_attachment *attach,
 
 	dma_resv_assert_held(attach->dmabuf->resv);
 
-	if (frob->revoked)
-		return ERR_PTR(-ENODEV);
-
 	return frob_sgt(frob, dir);
"""
_TEST = "if (frob->revoked) return ERR_PTR(-ENODEV);"
_MAP = "static struct sg_table *frob_map(struct dma_buf_attachment *attach, enum dma_data_direction dir)"

BAD = [
    Bad(_DRIVER % "frob->count++;", at=(_MAP,)),
    Bad(
        _DRIVER % "if (!attach->peer2peer) return ERR_PTR(-EOPNOTSUPP);",
        at=(_MAP,),
    ),
    Bad(
        (_DRIVER % "frob->count++;").replace("frob->revoked = true", "frob->state = FROB_REVOKED"),
        at=(_MAP,),
    ),
    Bad(
        (_DRIVER % "frob->count++;").replace(
            "frob->revoked = true", "WRITE_ONCE(frob->revoked, true)"
        ),
        at=(_MAP,),
    ),
    Bad(_LOST, at=("if (frob->revoked)",)),
    Bad(_GAINED % "count", at=("frob->revoked = true;",)),
    Bad(_DRIVER % _TEST + _PHYS, at=("int frob_phys(struct dma_buf *dmabuf, u64 *addr)",)),
]

GOOD = [
    Good(_DRIVER % _TEST, why="refused"),
    Good(
        _LOST.replace("33,4 @@", "33,7 @@").replace(
            " \treturn frob_sgt",
            "+\tif (frob_revoked(frob))\n+\t\treturn ERR_PTR(-EIO);\n+\n \treturn frob_sgt",
        ),
        why="asked in another way",
    ),
    Good(
        _LOST.replace("-\t\treturn ERR", " \t\treturn ERR")
        .replace("-\n", " \n")
        .replace("-\tif (frob->revoked)", "-\tif (frob->revoked)\n+\tif (frob->state != FROB_OK)")
        .replace("33,4 @@", "33,7 @@"),
        why="another state is looked at in its place",
    ),
    Good(_LOST.replace("ERR_PTR(-ENODEV)", "NULL"), why="what attach or mmap may leave out"),
    Good(_GAINED % "revoked", why="refused, though not all of the callback is shown"),
    Good(
        (_GAINED % "count").replace("+\tbool revoked;", "+\tbool other;"),
        why="the flag was there before, and so may be its test",
    ),
    Good(
        _DRIVER % "if (frob->state != FROB_OK) return ERR_PTR(-ENODEV);",
        why="the state has another name there",
    ),
    Good(
        (_DRIVER % "if (!frob->card) return ERR_PTR(-ENODEV);").replace(
            "frob->revoked = true", "frob->revoked = true; frob->card = NULL"
        ),
        why="what it tests is taken away with the revoke",
    ),
    Good(
        _DRIVER % "if (!frob_is_accessible(frob)) return ERR_PTR(-ENODEV);",
        why="a function that nobody shows asks for the state",
    ),
    Good(
        (_DRIVER % "if (test_bit(FROB_REVOKED, &frob->bits)) return ERR_PTR(-ENODEV);").replace(
            "frob->revoked = true", "set_bit(FROB_REVOKED, &frob->bits)"
        ),
        why="the flag is a bit",
    ),
    Good(
        (_DRIVER % "frob->count++;").replace("frob->revoked = true", "frob->moved = true"),
        why="no flag that says revoked",
    ),
]
