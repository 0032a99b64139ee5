# SPDX-License-Identifier: GPL-2.0-or-later
"""Keep "DOC: locking convention" complete

The list in drivers/dma-buf/dma-buf.c says for each function of the core whether
it is called with the reservation lock held or without.  A function that is
renamed or removed changes its entry in the same series.  A new one that asserts
or takes the lock had better get one; helpers for the exporters' own callbacks
went in without, so that this is no more than a note.  One that does neither
needs no entry.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from checks.api import Bad, Confidence, Good, Hit, Meta, Patch, Series, Severity
from checks.source.age import at_least
from checks.source.c import Function
from checks.source.change import FileChange
from checks.source.diff import Line
from checks.source.pattern import pattern
from checks.source.suggest import replace_rows
from checks.source.vocabulary import CORE, HEADER, LISTED

TITLE = "DOC: locking convention"

META = Meta(
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    sources=(
        "20221017172229.42269-20-dmitry.osipenko@collabora.com",
        "20260131-dmabuf-revoke-v7-2-463d956bd527@nvidia.com",
        CORE,
    ),
    words=(CORE,),
    also=("EXPORT_SYMBOL",),
)

_LOCKS = pattern(
    r"\bdma_resv_(assert_held|lock\w*)\s*\(\s*(?:&\s*)?(?:\w+\s*->\s*)*(?:dmabuf|dma_buf)\s*->\s*resv\b"
)
_ENTRY = pattern(r"\s*\*\s+-\s+(dma_buf_\w+)\(\)")
_REFERENCES = (CORE, HEADER, "Documentation/driver-api/dma-buf.rst")
"""Where the core is documented: what these still name has to be there."""


class Gone(NamedTuple):
    """A function that a series takes away, or gives another name."""

    patch: Patch
    file: FileChange
    line: Line
    """Where its new name is, else the removed line."""
    old: str
    new: str
    """Empty when it is removed."""


def check(series: Series) -> Iterator[Hit]:
    renamed: set[str] = set()
    for gone in _all_gone(series):
        renamed.add(gone.new)
        yield from _outdated(series, gone)
    for patch in series.mentioning("EXPORT_SYMBOL"):
        for file in patch.change.touching("dma_resv_"):
            if file.path == CORE:
                for function in file.after.functions:
                    if function.name not in renamed:
                        yield from _unlisted(series, patch, file, function)


def _all_gone(series: Series) -> Iterator[Gone]:
    """The listed functions whose definitions the series removes from the core for good."""
    for patch in series.mentioning(CORE):
        for file in patch.change.touching("EXPORT_SYMBOL"):
            if file.path != CORE:
                continue
            for function in file.before.functions:
                if function.name not in LISTED or not file.mentions(f"({function.name}"):
                    continue
                line = _name_line(function)
                if line is None or line.sign != "-" or _stays(series, patch, function.name):
                    continue
                added, new = _new_name(file, line, function.name)
                yield Gone(patch, file, added or line, function.name, new)


def _name_line(function: Function) -> Line | None:
    """The diff line of the header with the name; None where the diff does not show it."""
    for row in range(function.start, min(function.end, function.start + 3) + 1):
        line = function.fragment.shown(row)
        if line is not None and re.search(rf"\b{function.name}\s*\(", line.text):
            return line
    return None


def _stays(series: Series, patch: Patch, name: str) -> bool:
    """Whether the function is defined all the same, here or in a later patch."""
    places = series.program.places(name)
    return any(place.patch.number >= patch.number and place.function.named for place in places)


def _new_name(file: FileChange, line: Line, old: str) -> tuple[Line | None, str]:
    """The added line that is `line` with another name, and that name."""
    head, _, tail = line.text.partition(old)
    for added in file.added:
        middle = added.text.removeprefix(head).removesuffix(tail)
        if added.text == head + middle + tail and re.fullmatch(r"dma_buf_\w+", middle):
            return added, middle
    return None, ""


def _outdated(series: Series, gone: Gone) -> Iterator[Hit]:
    left = _names_left(series, gone.old)
    if left is None:
        if _touches_entry(series, gone.old, "-") or not at_least(series, (6, 2)):
            return
        left = (TITLE,)
    if not left:
        return
    listed = TITLE in left
    where = f'"{TITLE}"' if listed else " and ".join(left)
    what = f"{gone.new}() there" if gone.new else "no function that is gone"
    row = _entry_row(gone.file, gone.old) if listed else None
    yield Hit(
        gone.patch,
        gone.file,
        gone.line,
        f"{where} still has {gone.old}(); please name {what}.",
        symbol=gone.new or gone.old,
        severity=None if listed else Severity.NOTE,
        confidence=_confidence(series, gone),
        suggestion=_suggestion(gone, row),
        facts={"old": gone.old, "new": gone.new, "where": where},
    )


def _confidence(series: Series, gone: Gone) -> Confidence:
    if not series.complete:
        return Confidence.LOW
    return Confidence.HIGH if gone.patch.blobs is not None else Confidence.MEDIUM


def _suggestion(gone: Gone, row: int | None) -> str:
    if not gone.new:
        return ""
    if row is None:
        return f"+ *     - {gone.new}()\n"
    fragment = gone.file.after.fragments[0]
    text = fragment.texts[row].replace(f"{gone.old}()", f"{gone.new}()")
    return replace_rows(gone.file.path, fragment, row, row, (text,))


def _names_left(series: Series, name: str) -> tuple[str, ...] | None:
    """What still names it once the series is applied; None when the core is not known as a whole."""
    left = []
    for path in _REFERENCES:
        text = _final(series, path)
        if text is None and path == CORE:
            return None
        block, rest = _split_block(text or "")
        if any(found.group(1) == name for found in map(_ENTRY.match, block) if found):
            left.append(TITLE)
        if any(re.search(rf"\b{name}\b", line) for line in rest):
            left.append(path)
    return tuple(left)


def _final(series: Series, path: str) -> str | None:
    """The text of `path` after the series, in `tree` depth; None when it is not known."""
    for patch in reversed(series.patches):
        if patch.blobs is None:
            return None
        file = patch.change.file(path)
        if file is not None:
            return "\n".join(file.whole.after) if file.whole is not None else None
    content = series.patches[-1].blobs.file(path) if series.patches[-1].blobs is not None else None
    return None if content is None else content.decode("utf-8", "replace")


def _split_block(text: str) -> tuple[list[str], list[str]]:
    """The lines of the list, and the comment lines of everything else."""
    block, rest, inside = [], [], False
    for line in text.split("\n"):
        inside = (inside or TITLE in line) and "*/" not in line
        if inside:
            block.append(line)
        elif line.lstrip().startswith(("*", "/*")):
            rest.append(line)
    return block, rest


def _entry_row(file: FileChange, name: str) -> int | None:
    """The row of its entry in the whole after image of `file`."""
    if file.whole is None:
        return None
    texts = file.after.fragments[0].texts
    found = ((row, _ENTRY.match(text)) for row, text in enumerate(texts) if name in text)
    return next((row for row, entry in found if entry and entry.group(1) == name), None)


def _touches_entry(series: Series, name: str, sign: str) -> bool:
    """Whether the series removes (`-`) or adds (`+`) the entry of `name`."""
    entry = re.compile(rf"^\{sign}\s*\*\s+-\s+{name}\(\)", re.MULTILINE)
    return any(entry.search(patch.diff) for patch in series.mentioning(f"- {name}()"))


def _unlisted(series: Series, patch: Patch, file: FileChange, new: Function) -> Iterator[Hit]:
    """A new function of the core that asserts or takes the lock, and has no entry."""
    if not new.name.startswith("dma_buf_") or "static" in new.returns.split():
        return
    line, found = _name_line(new), _LOCKS.search(new.text)
    if line is None or found is None or not file.is_new(line):
        return
    exported = any(export.symbol == new.name for export in file.after.exports)
    if not exported or _was_there(series, new.name) or _is_listed(series, new.name):
        return
    held = found.group(1) == "assert_held"
    how = "with the lock held" if held else "without the lock, which it takes"
    yield Hit(
        patch,
        file,
        line,
        f'{new.name}() is to be called {how}; please add it to the list in "{TITLE}".',
        symbol=new.name,
        severity=Severity.NOTE,
        confidence=None if series.complete else Confidence.LOW,
        suggestion=f"+ *     - {new.name}()\n",
        facts={"new": new.name, "held": held},
    )


def _was_there(series: Series, name: str) -> bool:
    """Whether the series takes a definition of the same name away: it only moves."""
    gone = re.compile(rf"^-[\w\s*]*\b{name}\s*\(", re.MULTILINE)
    return any(gone.search(patch.diff) for patch in series.mentioning(name))


def _is_listed(series: Series, name: str) -> bool:
    """Whether the list has it, or there is no list yet."""
    text = _final(series, CORE)
    if text is not None and TITLE in text:
        return any(entry.group(1) == name for entry in map(_ENTRY.match, text.split("\n")) if entry)
    return text is not None or not at_least(series, (6, 2)) or _touches_entry(series, name, "+")


_RENAME = """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -1252,7 +1252,7 @@ void frob(struct dma_buf_attachment *attach)
 
-void dma_buf_move_notify(struct dma_buf *dmabuf)
+void dma_buf_frob_notify(struct dma_buf *dmabuf)
 {
 	dma_resv_assert_held(dmabuf->resv);
 }
-EXPORT_SYMBOL_NS_GPL(dma_buf_move_notify, "DMA_BUF");
+EXPORT_SYMBOL_NS_GPL(dma_buf_frob_notify, "DMA_BUF");
 
"""
_HEADING = """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -1252,4 +1252,4 @@ void frob(struct dma_buf_attachment *attach)
 
-void dma_buf_move_notify(struct dma_buf *dmabuf)
+void dma_buf_frob_notify(struct dma_buf *dmabuf)
 {
 	dma_resv_assert_held(dmabuf->resv);
@@ -1260,4 +1260,4 @@ void dma_buf_move_notify(struct dma_buf *dmabuf)
 	frob(dmabuf);
 }
-EXPORT_SYMBOL_NS_GPL(dma_buf_move_notify, "DMA_BUF");
+EXPORT_SYMBOL_NS_GPL(dma_buf_frob_notify, "DMA_BUF");
 
"""
_ENTRIES = """\
# next patch
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -916,4 +916,%d @@
  *    functions:
  *
%s
  */
"""
_REMOVED = """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -1252,11 +1252,4 @@ void frob(struct dma_buf_attachment *attach)
 }
 EXPORT_SYMBOL_NS_GPL(frob, "DMA_BUF");
 
-int dma_buf_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
-{
-	dma_resv_assert_held(dmabuf->resv);
-	return frob_map(dmabuf, map);
-}
-EXPORT_SYMBOL_NS_GPL(dma_buf_vmap, "DMA_BUF");
-
 int frob_next(void);
"""
_NEW = """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -1252,3 +1252,9 @@ void frob(struct dma_buf_attachment *attach)
 }
 EXPORT_SYMBOL_NS_GPL(frob, "DMA_BUF");
 
+int dma_buf_frob(struct dma_buf *dmabuf)
+{
+	%s;
+	return 0;
+}
+EXPORT_SYMBOL_NS_GPL(dma_buf_frob, "DMA_BUF");
"""
_DEFINITION = "int dma_buf_frob(struct dma_buf *dmabuf)"

BAD = [
    Bad(_RENAME, at=("void dma_buf_frob_notify(struct dma_buf *dmabuf)",)),
    Bad(_HEADING, at=("void dma_buf_frob_notify(struct dma_buf *dmabuf)",)),
    Bad(
        _REMOVED,
        at=("int dma_buf_vmap(struct dma_buf *dmabuf, struct iosys_map *map)",),
    ),
    Bad(_NEW % "dma_resv_assert_held(dmabuf->resv)", at=(_DEFINITION,)),
    Bad(_NEW % "dma_resv_lock(dmabuf->resv, NULL)", at=(_DEFINITION,)),
]

GOOD = [
    Good(
        _RENAME
        + _ENTRIES % (4, "- *     - dma_buf_move_notify()\n+ *     - dma_buf_frob_notify()"),
        why="the entry follows, if only in the next patch",
    ),
    Good(
        _NEW % "dma_resv_assert_held(dmabuf->resv)"
        + _ENTRIES % (5, "  *     - dma_buf_pin()\n+ *     - dma_buf_frob()"),
        why="the new function gets its entry",
    ),
    Good(_NEW % "frob(dmabuf)", why="a function without any rule for the lock"),
    Good(
        _NEW % "dma_resv_lock(other->resv, NULL)",
        why="the lock of something else",
    ),
]
