# SPDX-License-Identifier: GPL-2.0-or-later
"""Give struct dma_buf_ops both pin and unpin, or neither

dma_buf_export() warns and returns -EINVAL for ops that have only one of the
two, so the exporter never gets a buffer.  A pin that always fails, which keeps
pinned importers out, needs an unpin as well; an empty one will do.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from checks.api import Bad, Confidence, Good, Hit, Meta, Patch, Series, Severity
from checks.source.change import FileChange
from checks.source.diff import Line
from checks.source.ops import Initialiser
from checks.source.pattern import pattern
from checks.source.suggest import replace_rows
from checks.source.vocabulary import EXPORTER_OPS, is_exempt

META = Meta(
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    sources=("20191105102045.GC10326@phenom.ffwll.local", "drivers/dma-buf/dma-buf.c"),
    words=(EXPORTER_OPS,),
    also=(".pin", ".unpin"),
    whole=True,
)

PAIR = ("pin", "unpin")
_MACRO = pattern(r"^\s*[A-Za-z_]\w*\s*(?:\(.*\))?\s*,?\s*$")
"""A row of an initialiser that is no `.member = value`: it can set any member."""


class Last(NamedTuple):
    """The last change of a member in the series."""

    patch: Patch
    file: FileChange
    line: Line
    initialiser: Initialiser
    row: int | None
    """Row of the member in the after image; None where it was taken away."""


class Object:
    """What a series leaves of one ops object: which of the two it sets, as far as it is known."""

    def __init__(self) -> None:
        self.has: dict[str, bool] = {}
        self.last: dict[str, Last] = {}

    def set(self, member: str, present: bool, last: Last | None = None) -> None:
        """Note that the object has `member` now, or no longer; `last` where the patch did that."""
        if last is not None and not self.has and not self.last:
            # Before that it had both or none, since nobody could export with one.
            self.has = dict.fromkeys(PAIR, not present)
        self.has[member] = present
        if last is not None:
            self.last[member] = last


def check(series: Series) -> Iterator[Hit]:
    objects: dict[tuple[str, str], Object] = {}
    for patch in series.mentioning(EXPORTER_OPS):
        for file in patch.change.touching(EXPORTER_OPS):
            if file.path.endswith((".c", ".h")) and not is_exempt(file.path):
                _file(patch, file, objects)
    for (_, name), found in objects.items():
        if found.last and len(found.has) == 2 and found.has["pin"] != found.has["unpin"]:
            yield _hit(name, found)


def _file(patch: Patch, file: FileChange, objects: dict[tuple[str, str], Object]) -> None:
    """Note what `patch` does to the ops objects of `file`."""
    before = [i for i in file.before.initialisers if i.struct == EXPORTER_OPS]
    after = [i for i in file.after.initialisers if i.struct == EXPORTER_OPS]
    for initialiser in after:
        if not initialiser.name or _is_unsure(initialiser):
            continue
        found = objects.setdefault((file.path, initialiser.name), Object())
        for name in PAIR:
            member = initialiser.member(name)
            line = initialiser.fragment.shown(member.row) if member else None
            present = member is not None and member.value != "NULL"
            replaced = any(i.name == initialiser.name and i.member(name) for i in before)
            if member is not None and line is not None and file.is_new(line) and not replaced:
                found.set(name, present, Last(patch, file, line, initialiser, member.row))
            elif present or initialiser.complete:
                found.set(name, present)
    for initialiser in before:
        _removed(patch, file, initialiser, after, objects)


def _removed(
    patch: Patch,
    file: FileChange,
    old: Initialiser,
    after: list[Initialiser],
    objects: dict[tuple[str, str], Object],
) -> None:
    """Note the members that `patch` takes away from the object `old`, which stays."""
    now = [i for i in after if i.name == old.name]
    if not now or any(map(_is_unsure, now)):
        return
    for name in PAIR:
        member = old.member(name)
        line = old.fragment.shown(member.row) if member else None
        if line is None or line.sign != "-" or any(i.member(name) for i in now):
            continue
        found = objects.setdefault((file.path, old.name), Object())
        other = PAIR[1 - PAIR.index(name)]
        found.has.setdefault(other, True)
        found.set(name, False, Last(patch, file, line, old, None))


def _is_unsure(initialiser: Initialiser) -> bool:
    """Whether a macro in the initialiser can set what is not shown."""
    rows = initialiser.fragment.texts[initialiser.start : initialiser.end]
    ends = (",", "{")
    return any(
        _MACRO.match(text) and before.rstrip().endswith(ends) for before, text in pairwise(rows)
    )


def _hit(name: str, found: Object) -> Hit:
    have, lack = PAIR if found.has["pin"] else PAIR[::-1]
    last = found.last.get(have) or found.last[lack]
    if last.row is None:
        message = f"{name} keeps .{have} without .{lack}: please take both away"
    else:
        message = f"Please set .{lack} in {name} too"
    rest = "dma_buf_export() refuses ops with only one of pin and unpin (-EINVAL, and a warning)."
    return Hit(
        last.patch,
        last.file,
        last.line,
        f"{message}; {rest}",
        symbol=name,
        suggestion=_suggestion(last, have, lack),
        facts={"ops": name, "have": have, "lack": lack},
    )


def _suggestion(last: Last, have: str, lack: str) -> str:
    """The row to add, where the series has the function that it would name; else nothing."""
    if last.row is None or last.initialiser.member(lack) is not None:
        return ""
    fragment = last.initialiser.fragment
    text = fragment.texts[last.row]
    member = last.initialiser.member(have)
    twin = _twin(member.value, have, lack) if member is not None else ""
    whole = text.strip().rstrip(",") == f".{have} = {member.value}" if member else False
    if not twin or not whole or all(f.name != twin for f in last.file.after.functions):
        return ""
    indent = text[: len(text) - len(text.lstrip())]
    at = last.row + 1 if have == "pin" else last.row
    return replace_rows(last.file.path, fragment, at, at - 1, (f"{indent}.{lack} = {twin},",))


def _twin(value: str, have: str, lack: str) -> str:
    """The name that the other function has, if it is called like its pair."""
    start, found, end = value.rpartition(have)
    return start + lack + end if found else ""


_OPS = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -10,3 +10,%(count)d @@
 
 #include "frob.h"
 
%(before)s+static const struct %(struct)s frob_dmabuf_ops = {
+	.attach = frob_attach,
%(rows)s+	.map_dma_buf = frob_map,
+	.unmap_dma_buf = frob_unmap,
+	.release = frob_release,
+};
"""
_ADDED = """\
# next patch
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -14,5 +14,6 @@ static const struct dma_buf_ops frob_dmabuf_ops = {
 	.attach = frob_attach,
 	.pin = frob_pin,
+	.unpin = frob_unpin,
 	.map_dma_buf = frob_map,
 	.unmap_dma_buf = frob_unmap,
 	.release = frob_release,
"""
_PART = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -14,%(old)d +14,%(new)d @@ static const struct dma_buf_ops frob_dmabuf_ops = {
 	.attach = frob_attach,
%(rows)s 	.map_dma_buf = frob_map,
 	.unmap_dma_buf = frob_unmap,
 	.release = frob_release,
"""


def _example(*rows: str, struct: str = EXPORTER_OPS, before: tuple[str, ...] = ()) -> str:
    text = "".join(f"+\t{row}\n" for row in rows)
    above = "".join(f"+{row}\n" for row in before)
    count = 9 + len(rows) + len(before)
    return _OPS % {"count": count, "rows": text, "struct": struct, "before": above}


def _part(*rows: str) -> str:
    old, new = (sum(row[0] in signs for row in rows) for signs in (" -", " +"))
    text = "".join(f"{row[0]}\t{row[1:]}\n" for row in rows)
    return _PART % {"old": 4 + old, "new": 4 + new, "rows": text}


BAD = [
    Bad(_example(".pin = frob_pin,"), at=(".pin = frob_pin,",)),
    Bad(_example(".unpin = frob_unpin,"), at=(".unpin = frob_unpin,",)),
    Bad(_example(".pin = frob_pin,", ".unpin = NULL,"), at=(".pin = frob_pin,",)),
    Bad(
        _example(".pin = frob_pin,", before=("void frob_unpin(struct frob *frob)", "{", "}", "")),
        at=(".pin = frob_pin,",),
    ),
    Bad(_part("+.pin = frob_pin,"), at=(".pin = frob_pin,",)),
    Bad(_part(" .pin = frob_pin,", "-.unpin = frob_unpin,"), at=(".unpin = frob_unpin,",)),
    Bad(_part("-.pin = frob_pin,"), at=(".pin = frob_pin,",)),
    Bad(
        _example(".pin = frob_pin,").replace("misc/frob.c", "misc/other.c") + _ADDED,
        at=(".pin = frob_pin,",),
    ),
]

GOOD = [
    Good(_example(".pin = frob_pin,", ".unpin = frob_unpin,"), why="the pair"),
    Good(_example(), why="neither"),
    Good(
        _example(".pin = drm_gem_pin,", struct="drm_gem_object_funcs"),
        why="another struct, with members of the same names",
    ),
    Good(_example(".pin = frob_pin,") + _ADDED, why="the next patch has the other one"),
    Good(_part("-.pin = frob_pin,", "-.unpin = frob_unpin,"), why="both go"),
    Good(
        _part("-.pin = frob_pin,", "+.pin = frob_pin_vram,"),
        why="another function; the pair is outside of the hunk",
    ),
    Good(_part(" .pin = frob_pin,", "-.cache_sgt_mapping = true,"), why="nothing of it changes"),
    Good(_example("FROB_PIN_OPS,", ".pin = frob_pin,"), why="the macro can set the other one"),
    Good(
        _example(".pin = frob_pin,").replace("drivers/misc/frob.c", "drivers/misc/frob_kunit.c"),
        why="a test of what the core refuses",
    ),
]
