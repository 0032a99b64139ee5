# SPDX-License-Identifier: GPL-2.0-or-later
"""Use the name that the tree has for the notify function and its callback

dma_buf_move_notify() and the member move_notify of struct dma_buf_attach_ops
became dma_buf_invalidate_mappings() and invalidate_mappings.  Trees took the
rename at different times, so the tree or the series' own context decides which
name is right, never a date.  The wrong one does not build; in a comment it
leads nowhere.

Importers' own functions keep their names, `frob_move_notify` among them.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from checks.api import Bad, Confidence, Edition, Good, Hit, Meta, Patch, Series, Severity
from checks.source.age import backport_of
from checks.source.blobs import blob_oid
from checks.source.change import FileChange
from checks.source.image import Fragment
from checks.source.masking import mask_comments
from checks.source.pattern import pattern
from checks.source.suggest import replace_rows
from checks.source.vocabulary import (
    ATTACH_OPS,
    HEADER,
    NEW_CALLBACK,
    NEW_NOTIFY,
    OLD_CALLBACK,
    OLD_NOTIFY,
)

META = Meta(
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    sources=(
        "20260131-dmabuf-revoke-v7-1-463d956bd527@nvidia.com",
        "20260131-dmabuf-revoke-v7-2-463d956bd527@nvidia.com",
        "871628d8-14b6-4d38-b05e-a33822f8d71b@amd.com",
    ),
    words=(OLD_CALLBACK, NEW_CALLBACK),
)

FIRST = (7, 1)
"""The first version with the new names."""

_ADDS = pattern(rf"^\+.*\b(?:dma_buf_)?(?:{OLD_CALLBACK}|{NEW_CALLBACK})\b", re.MULTILINE)
_CALL = pattern(rf"(?<![\w.>])({OLD_NOTIFY}|{NEW_NOTIFY})\s*\(")
_THROUGH = pattern(
    rf"\b(?:importer_ops|attach_ops)\s*(?:->|\.)\s*({OLD_CALLBACK}|{NEW_CALLBACK})\b"
)
_NAMED = pattern(
    rf"\b({OLD_NOTIFY}|{NEW_NOTIFY})\b|\b{ATTACH_OPS}(?:\.|->)({OLD_CALLBACK}|{NEW_CALLBACK})\b"
)
_DECLARED = pattern(
    rf"^\+.*\bvoid\s+({OLD_NOTIFY}|{NEW_NOTIFY})\s*\(\s*struct|"
    rf"^\+\s*void\s+\(\*\s*({OLD_CALLBACK}|{NEW_CALLBACK})\s*\)\s*\(\s*struct dma_buf_attachment",
    re.MULTILINE,
)
_PEERS = {
    OLD_NOTIFY: NEW_NOTIFY,
    NEW_NOTIFY: OLD_NOTIFY,
    OLD_CALLBACK: NEW_CALLBACK,
    NEW_CALLBACK: OLD_CALLBACK,
}


class Use(NamedTuple):
    """One new use of a name."""

    fragment: Fragment
    row: int
    name: str
    code: bool
    symbol: str | None


def check(series: Series) -> Iterator[Hit]:
    if not series.edition_known():
        return
    declared = _declared(series)
    backport = backport_of(series)
    if any(name in (OLD_NOTIFY, OLD_CALLBACK) for name, _ in declared):
        return  # it takes the rename back
    said = False
    for patch in series.mentioning(*META.words):
        wrong = _wrong_names(series, patch, declared)
        if backport is not None and backport < FIRST and OLD_NOTIFY in wrong:
            continue
        for file in patch.change.touching(*META.words, where=_ADDS):
            for use in _uses(file, wrong):
                if (not use.code and said) or not _is_sure(series, patch, file, use.name):
                    continue
                said = said or not use.code
                yield _hit(patch, file, use)


def _declared(series: Series) -> list[tuple[str, int]]:
    """The names that the series itself declares, and the patches that do."""
    found = []
    for patch in series.mentioning(*META.words):
        for file in patch.change.touching(*META.words, where=_DECLARED):
            if file.path == HEADER:
                names = _DECLARED.findall(file.section.text)
                found += [(function or member, patch.number) for function, member in names]
    return found


def _wrong_names(series: Series, patch: Patch, declared: list[tuple[str, int]]) -> frozenset[str]:
    """The names that nothing declares once `patch` is applied."""
    assert series.verdict is not None
    wrong = set()
    for old, new in ((OLD_NOTIFY, NEW_NOTIFY), (OLD_CALLBACK, NEW_CALLBACK)):
        renamed = [number for name, number in declared if name == new]
        if renamed:
            moved = min(renamed) <= patch.number
        else:
            moved = series.verdict.base is not Edition.MOVE_NOTIFY
        wrong.add(old if moved else new)
    return frozenset(wrong)


def _uses(file: FileChange, wrong: frozenset[str]) -> Iterator[Use]:
    """The new lines with one of `wrong`: all in code but one a function, and those in comments."""
    seen: set[tuple[str, str, bool]] = set()
    for use in _all_uses(file, wrong):
        line = use.fragment.shown(use.row)
        key = (use.symbol or "", use.name, use.code)
        if line is not None and file.is_new(line) and key not in seen:
            seen.add(key)
            yield use


def _all_uses(file: FileChange, wrong: frozenset[str]) -> Iterator[Use]:
    for fragment in file.after.fragments:
        rows = fragment.rows_with(_NAMED) | fragment.rows_with(_THROUGH)
        code = mask_comments("\n".join(fragment.texts)).split("\n") if rows else []
        for row in sorted(rows):
            if not fragment.is_added(row):
                continue
            source = file.path.endswith((".c", ".h"))
            text = code[row] if source and not fragment.texts[row].lstrip().startswith("*") else ""
            found = _CALL.search(text) or _THROUGH.search(text)
            if found is None and not text.strip():
                found = _NAMED.search(fragment.texts[row])
            if found is not None and found.group(found.lastindex or 0) in wrong:
                name = found.group(found.lastindex or 0)
                yield Use(fragment, row, name, bool(text.strip()), _around(fragment, row))
    for initialiser in file.after.initialisers if file.mentions(ATTACH_OPS) else ():
        for member in initialiser.members if initialiser.struct == ATTACH_OPS else ():
            if member.name in wrong:
                yield Use(initialiser.fragment, member.row, member.name, True, initialiser.name)


def _around(fragment: Fragment, row: int) -> str | None:
    """The function around or, for a kernel-doc comment, what it documents."""
    for function in fragment.unit.functions:
        if function.start <= row <= function.end:
            return function.name
    docs = (doc.symbol for doc in fragment.kernel_docs if doc.start <= row <= doc.end)
    return next(docs, None) or None


def _is_sure(series: Series, patch: Patch, file: FileChange, name: str) -> bool:
    """Whether a name is wrong for sure.

    A series may stand on another one, or on a tree that has the rename not yet:
    a tree at hand counts when all files are as the series found them.  That the
    old names are the right ones is otherwise for kept code of the file to show.
    """
    if patch.blobs is not None:
        return _is_base(series)
    if name in (OLD_NOTIFY, OLD_CALLBACK):
        return True
    return series.complete and _keeps(file, _PEERS[name])


def _is_base(series: Series) -> bool:
    """Whether the tree at hand has all the files as the series found them."""
    seen: set[str] = set()
    for patch in series.patches:
        for file in patch.change.files:
            path, oid = file.diff.old_path, file.diff.old_oid
            if path is None or patch.blobs is None or {path, file.path} & seen:
                continue
            seen |= {path, file.path}
            content = patch.blobs.file(path)
            if content is None or not oid or not blob_oid(content).startswith(oid):
                return False
        seen |= {file.path for file in patch.change.files}
    return bool(seen)


def _keeps(file: FileChange, name: str) -> bool:
    """Whether kept code of `file` calls or sets `name`."""
    for fragment in file.after.fragments:
        for row in fragment.rows_with(_CALL):
            found = _CALL.search(fragment.texts[row])
            comment = fragment.texts[row].lstrip().startswith(("*", "/"))
            if not fragment.is_added(row) and not comment and found and found.group(1) == name:
                return True
    return any(
        member.name == name and not initialiser.fragment.is_added(member.row)
        for initialiser in (file.after.initialisers if file.mentions(ATTACH_OPS) else ())
        if initialiser.struct == ATTACH_OPS
        for member in initialiser.members
    )


def _hit(patch: Patch, file: FileChange, use: Use) -> Hit:
    right = _PEERS[use.name]
    line = use.fragment.shown(use.row)
    assert line is not None
    if not use.code:
        message = f"{use.name} is called {right} here; please name that one."
    elif use.name in (OLD_NOTIFY, OLD_CALLBACK):
        message = f"{use.name} was renamed to {right}, and this does not build with the old name."
    else:
        message = (
            f"This is {right} in the tree that the patch is made against; is there another series "
            "that it depends on?"
        )
    text = re.sub(rf"\b{use.name}\b", right, use.fragment.texts[use.row])
    return Hit(
        patch,
        file,
        line,
        message,
        symbol=use.symbol,
        severity=None if use.code else Severity.NOTE,
        confidence=None if patch.blobs is not None else Confidence.MEDIUM,
        suggestion=replace_rows(file.path, use.fragment, use.row, use.row, (text,)),
        facts={"name": use.name, "right": right, "code": use.code},
    )


_CODE = """\
diff --git a/drivers/frob/frob_dmabuf.c b/drivers/frob/frob_dmabuf.c
--- a/drivers/frob/frob_dmabuf.c
+++ b/drivers/frob/frob_dmabuf.c
@@ -10,4 +10,6 @@ static void frob_revoke(struct frob *frob)
 	dma_resv_lock(frob->dmabuf->resv, NULL);
 	frob->revoked = true;
+	%s
+
 	dma_resv_unlock(frob->dmabuf->resv);
 }
"""
_OPS = """\
diff --git a/drivers/frob/frob_dmabuf.c b/drivers/frob/frob_dmabuf.c
--- a/drivers/frob/frob_dmabuf.c
+++ b/drivers/frob/frob_dmabuf.c
@@ -10,3 +10,8 @@
 #include <linux/dma-buf.h>
 
+static const struct %s frob_attach_ops = {
+	.allow_peer2peer = true,
+	.%s = frob_move_notify,
+};
+
 int frob_first(void);
"""
_TEXT = """\
diff --git a/drivers/frob/frob_dmabuf.c b/drivers/frob/frob_dmabuf.c
--- a/drivers/frob/frob_dmabuf.c
+++ b/drivers/frob/frob_dmabuf.c
@@ -10,3 +10,6 @@
 #include <linux/dma-buf.h>
 
+/*
+ * %s
+ */
 int frob_first(void);
"""
_MIXED = """\
diff --git a/drivers/frob/frob_dmabuf.c b/drivers/frob/frob_dmabuf.c
--- a/drivers/frob/frob_dmabuf.c
+++ b/drivers/frob/frob_dmabuf.c
@@ -10,4 +10,5 @@ static void frob_revoke(struct frob *frob)
 	dma_resv_lock(frob->dmabuf->resv, NULL);
 	%s(frob->dmabuf);
+	%s(frob->second);
 	dma_resv_unlock(frob->dmabuf->resv);
 }
"""
_RENAME = """\
diff --git a/include/linux/dma-buf.h b/include/linux/dma-buf.h
--- a/include/linux/dma-buf.h
+++ b/include/linux/dma-buf.h
@@ -600,3 +600,3 @@
 int frob_first(void);
-void dma_buf_move_notify(struct dma_buf *dma_buf);
+void dma_buf_invalidate_mappings(struct dma_buf *dma_buf);
 int frob_second(void);
# next patch
"""
_OLD_CALL = "dma_buf_move_notify(frob->dmabuf);"
_NEW_CALL = "dma_buf_invalidate_mappings(frob->dmabuf);"

BAD = [
    Bad(_CODE % _OLD_CALL, at=(_OLD_CALL,), edition=Edition.MERGED),
    Bad(_CODE % _OLD_CALL, at=(_OLD_CALL,), edition=Edition.RENAMED),
    Bad(
        _OPS % (ATTACH_OPS, OLD_CALLBACK),
        at=(".move_notify = frob_move_notify,",),
        edition=Edition.MERGED,
    ),
    Bad(
        _CODE % "if (attach->importer_ops->move_notify)",
        at=("if (attach->importer_ops->move_notify)",),
        edition=Edition.MERGED,
    ),
    Bad(
        _TEXT % "Called by dma_buf_move_notify().",
        at=("* Called by dma_buf_move_notify().",),
        edition=Edition.MERGED,
    ),
    Bad(_MIXED % (NEW_NOTIFY, OLD_NOTIFY), at=("dma_buf_move_notify(frob->second);",)),
    Bad(_MIXED % (OLD_NOTIFY, NEW_NOTIFY), at=("dma_buf_invalidate_mappings(frob->second);",)),
    Bad(_RENAME + _CODE % _OLD_CALL, at=(_OLD_CALL,)),
]

GOOD = [
    Good(_CODE % _OLD_CALL, why="nothing tells that the tree has another name"),
    Good(_CODE % _OLD_CALL, why="the old name on the old tree", edition=Edition.MOVE_NOTIFY),
    Good(_CODE % _NEW_CALL, why="the new name on the new tree", edition=Edition.MERGED),
    Good(
        _CODE % _NEW_CALL,
        why="the series may stand on one that renames it",
        edition=Edition.MOVE_NOTIFY,
    ),
    Good(_RENAME + _CODE % _NEW_CALL, why="the series itself renames it"),
    Good(
        _OPS % (ATTACH_OPS, NEW_CALLBACK),
        why="the importer's own function keeps its name",
        edition=Edition.MERGED,
    ),
    Good(
        _OPS % ("frob_funcs", OLD_CALLBACK),
        why="a member of another struct",
        edition=Edition.MERGED,
    ),
    Good(
        _TEXT % "Called by frob_move_notify() when the move notify comes.",
        why="the driver's own words",
        edition=Edition.MERGED,
    ),
]
