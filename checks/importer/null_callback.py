# SPDX-License-Identifier: GPL-2.0-or-later
"""Set the callback wherever an ops struct is given

Until the merged contract dma_buf_dynamic_attach() warns of importer ops without
a callback and returns -EINVAL: an importer that brings an ops struct has to be
told when the buffer moves, and the kernel-doc must not call that optional.

From the merged contract on the callback is optional and this rule is silent.
It is silent too where nothing shows that the base still has the test: a tree
does, or its line in the series, or names that only such a base has.
"""

from collections.abc import Iterator
from typing import NamedTuple

from checks.api import Bad, Confidence, Edition, Good, Hit, Meta, Patch, Series, Severity
from checks.source.change import FileChange
from checks.source.diff import Line
from checks.source.pattern import pattern
from checks.source.program import Ops
from checks.source.vocabulary import ATTACH_OPS, CALLBACKS, HEADER, is_core, is_exempt

META = Meta(
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    sources=(
        "20191105102045.GC10326@phenom.ffwll.local",
        "20200219125910.89147-7-christian.koenig@amd.com",
        "drivers/dma-buf/dma-buf.c",
    ),
    words=(ATTACH_OPS, *CALLBACKS),
    editions=(Edition.MOVE_NOTIFY, Edition.RENAMED),
    whole=True,
)

CORE = "drivers/dma-buf/dma-buf.c"
_MANDATORY = pattern(r"WARN_ON(?:_ONCE)?\(\s*importer_ops\s*&&\s*!\s*importer_ops->\w+")
_MEMBER = pattern(rf"\(\s*\*\s*(?:{'|'.join(CALLBACKS)})\s*\)\s*\(")
_OPTIONAL = pattern(rf"@(?:{'|'.join(CALLBACKS)}):?\s*\[optional\]")
_ASSIGNED = tuple(f"{access}{name} =" for access in (".", "->") for name in CALLBACKS)


def check(series: Series) -> Iterator[Hit]:
    test = _Test.of(series)
    yield from _documented(series, test)
    if test.dropped:
        return
    for ops in series.program.ops(ATTACH_OPS):
        if is_exempt(ops.file.path) or is_core(ops.file.path):
            continue
        sure = test.holds(series, ops.patch)
        line = _without(ops) if sure is not None else None
        if line is not None and not _set_elsewhere(series, ops):
            callback = series.callback(ops.patch)
            yield Hit(
                ops.patch,
                ops.file,
                line,
                f"Please set .{callback} here: in this tree dma_buf_dynamic_attach() warns of importer "
                "ops without it and returns -EINVAL.",
                symbol=ops.initialiser.name or None,
                confidence=sure,
                facts={"callback": callback, "kind": "ops"},
            )


class _Test(NamedTuple):
    """What the series says of the test in dma_buf_dynamic_attach()."""

    kept: bool
    """A patch shows that it is there."""
    dropped: bool
    """A patch takes it out."""
    added: bool
    """A patch brings it in."""
    callback_added: bool
    """A patch brings the callback itself: there was no such thing before."""

    @classmethod
    def of(cls, series: Series) -> "_Test":
        signs = {"+": 0, "-": 0, " ": 0}
        for patch in series.mentioning("!importer_ops->", "! importer_ops->"):
            for line in patch.diff.split("\n"):
                if line[:1] in signs and _MANDATORY.search(line):
                    signs[line[:1]] += 1
        member = [
            line.added
            for patch in series.mentioning(*CALLBACKS)
            for file in patch.change.touching(*CALLBACKS)
            if file.path == HEADER
            for line in file.lines
            if line.sign != " " and _MEMBER.search(line.text)
        ]
        return cls(
            kept=bool(signs[" "]),
            dropped=signs["-"] > signs["+"],
            added=signs["+"] > signs["-"],
            callback_added=bool(member) and all(member),
        )

    def holds(self, series: Series, patch: Patch) -> Confidence | None:
        """How sure it is that the base of `patch` has the test; None when nothing shows it."""
        core = patch.blobs.file(CORE) if patch.blobs is not None else None
        if core is not None:
            return Confidence.HIGH if _MANDATORY.search(core.decode(errors="replace")) else None
        if self.kept or self.added:
            return Confidence.HIGH
        by_name = series.edition_known() and series.edition(patch) is Edition.MOVE_NOTIFY
        return Confidence.MEDIUM if by_name and not self.callback_added else None


def _without(ops: Ops) -> Line | None:
    """The line that makes an ops struct without a callback; None when it has one, or had none."""
    initialiser = ops.initialiser
    if not initialiser.complete or any(initialiser.member(name) for name in CALLBACKS):
        return None
    if ops.file.mentions(*_ASSIGNED) and any(ops.file.after.has(text) for text in _ASSIGNED):
        return None
    fragment = initialiser.fragment
    opener = fragment.shown(initialiser.start)
    if opener is not None and ops.file.is_new(opener):
        return opener
    return _taken_out(ops)


def _set_elsewhere(series: Series, ops: Ops) -> bool:
    """Whether another patch of the series, or another part of the file, sets the callback."""
    return any(
        other.file.path == ops.file.path
        and other.initialiser.name == ops.initialiser.name
        and any(map(other.initialiser.member, CALLBACKS))
        for other in series.program.ops(ATTACH_OPS)
    )


def _taken_out(ops: Ops) -> Line | None:
    """The removed line that had the callback of an ops struct."""
    for before in ops.file.before.initialisers:
        if before.struct != ATTACH_OPS or before.name != ops.initialiser.name:
            continue
        members = filter(None, map(before.member, CALLBACKS))
        lines = (before.fragment.shown(member.row) for member in members)
        return next((line for line in lines if line is not None and line.sign == "-"), None)
    return None


def _documented(series: Series, test: _Test) -> Iterator[Hit]:
    """The kernel-doc of a new callback calls it optional."""
    if test.dropped or test.added:
        return
    for patch in series.mentioning("[optional]"):
        for file in patch.change.touching("[optional]"):
            if not is_core(file.path) or any(_OPTIONAL.search(x.text) for x in file.removed):
                continue
            for line in file.added:
                if file.is_new(line) and _OPTIONAL.search(line.text):
                    yield _optional(patch, file, line, series.callback(patch))
                    return


def _optional(patch: Patch, file: FileChange, line: Line, callback: str) -> Hit:
    return Hit(
        patch,
        file,
        line,
        f"Could {callback} be required of every importer that gives an ops struct? One that is not "
        "told when the buffer moves can do without the struct.",
        symbol=f"struct {ATTACH_OPS}",
        severity=Severity.WARNING,
        confidence=Confidence.MEDIUM,
        facts={"callback": callback, "kind": "doc"},
    )


_OPS = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -10,3 +10,8 @@
 
 #include "frob.h"
 
+static const struct dma_buf_attach_ops frob_attach_ops = {
+	.allow_peer2peer = true,
+};
+
+/* dma_buf_move_notify() never reaches this importer */
"""
_CORE = """\
# next patch
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -700,7 +700,8 @@ dma_buf_dynamic_attach(struct dma_buf *dmabuf, struct device *dev,
 	if (WARN_ON(!dmabuf || !dev))
 		return ERR_PTR(-EINVAL);
 
 	if (WARN_ON(importer_ops && !importer_ops->move_notify))
 		return ERR_PTR(-EINVAL);
 
+	might_sleep();
 	attach = kzalloc(sizeof(*attach), GFP_KERNEL);
"""
_OPENER = "static const struct dma_buf_attach_ops frob_attach_ops = {"
_DROPPED = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -20,6 +20,5 @@
 
 static const struct dma_buf_attach_ops frob_attach_ops = {
 	.allow_peer2peer = true,
-	.move_notify = frob_move_notify,
 };
 
"""
_HEADER = """\
diff --git a/include/linux/dma-buf.h b/include/linux/dma-buf.h
--- a/include/linux/dma-buf.h
+++ b/include/linux/dma-buf.h
@@ -336,3 +336,13 @@ struct dma_buf {
 	} cb_excl, cb_shared;
 };
 
+/**
+ * struct dma_buf_attach_ops - importer operations for an attachment
+ * @move_notify: %snotification that the DMA-buf is moving
+ *
+ * Attachment operations implemented by the importer.
+ */
+struct dma_buf_attach_ops {
+	void (*move_notify)(struct dma_buf_attachment *attach);
+};
+
"""

BAD = [
    Bad(_OPS + _CORE, at=(_OPENER,), edition=Edition.MOVE_NOTIFY),
    Bad(_OPS, at=(_OPENER,), edition=Edition.MOVE_NOTIFY),
    Bad(_DROPPED, at=(".move_notify = frob_move_notify,",), edition=Edition.MOVE_NOTIFY),
    Bad(
        _HEADER % "[optional] ",
        at=("* @move_notify: [optional] notification that the DMA-buf is moving",),
    ),
]

GOOD = [
    Good(_OPS, why="the callback is optional in the merged contract", edition=Edition.MERGED),
    Good(
        _OPS,
        why="renamed, but nothing shows whether the test is still there",
        edition=Edition.RENAMED,
    ),
    Good(
        _DROPPED
        + _CORE.replace(" \tif (WARN_ON(imp", "-\tif (WARN_ON(imp").replace(
            "700,7 +700,8", "700,7 +700,7"
        ),
        why="the series makes it optional",
        edition=Edition.MOVE_NOTIFY,
    ),
    Good(
        _OPS.replace("frob.c", "selftests/frob.c"),
        why="a test may try what is refused",
        edition=Edition.MOVE_NOTIFY,
    ),
    Good(
        _OPS.replace("allow_peer2peer = true", "move_notify = frob_move_notify"),
        why="it has a callback",
        edition=Edition.MOVE_NOTIFY,
    ),
    Good(
        _OPS
        + """\
# next patch
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -11,5 +11,6 @@
 #include "frob.h"
 
 static const struct dma_buf_attach_ops frob_attach_ops = {
 	.allow_peer2peer = true,
+	.move_notify = frob_move_notify,
 };
""",
        why="a later patch of the series sets it",
        edition=Edition.MOVE_NOTIFY,
    ),
    Good(_HEADER % "", why="nothing says that it is optional"),
    Good(
        """\
diff --git a/include/linux/dma-buf.h b/include/linux/dma-buf.h
--- a/include/linux/dma-buf.h
+++ b/include/linux/dma-buf.h
@@ -430,7 +430,7 @@ struct dma_buf_attach_ops {
 	bool allow_peer2peer;
 
 	/**
-	 * @move_notify: [optional] notification that the DMA-buf is moving
+	 * @invalidate_mappings: [optional] notification that the DMA-buf is moving
 	 *
 	 * If this callback is provided the framework can avoid pinning the
 	 * backing store while mappings exists.
""",
        why="only renamed",
        edition=Edition.RENAMED,
    ),
]
