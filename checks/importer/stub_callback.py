# SPDX-License-Identifier: GPL-2.0-or-later
"""Leave the callback out in place of one that does nothing

To set the callback is a promise: whoever provides it unmaps within bounded
time after it was called.  A function that only logs, asserts or returns breaks
that promise, dma_buf_attach_revocable() takes the importer for one that can be
revoked, and the exporter then waits for an unmap that never comes.  An importer
that can't be revoked has no callback.

Until the callback became optional there was no other way to have an ops struct,
so that a stub is no more than a note there; but the core should not offer one.

A function counts as idle when the series shows all of it, no patch of the
series makes it do something, and it has neither a store nor a call but of what
prints, asserts or finds the private data.
"""

from collections.abc import Iterator

from checks.api import Bad, Confidence, Edition, Good, Hit, Meta, Patch, Series, Severity
from checks.source.c import Call, Function
from checks.source.change import FileChange
from checks.source.contract import is_opt_out
from checks.source.diff import Line
from checks.source.ops import Member
from checks.source.pattern import pattern
from checks.source.program import Ops
from checks.source.suggest import replace_rows
from checks.source.vocabulary import ATTACH_OPS, CALLBACKS, SENTINEL, is_core, is_exempt

META = Meta(
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    sources=(
        "4fe42e7e-846c-4aae-8274-3e9a5e7f9a6d@amd.com",
        "20260131-dmabuf-revoke-v7-5-463d956bd527@nvidia.com",
        "drivers/dma-buf/dma-buf.c",
    ),
    words=CALLBACKS,
    whole=True,
)

MAX_GAP = 20
"""Rows between stub and ops struct, for one hunk that takes out both."""
_STORES = frozenset({"assignment_expression", "update_expression", "ERROR", "asm_statement"})
_LOGS = pattern(
    r"^printk|_(?:emerg|alert|crit|err|error|warn|notice|info|debug|dbg|log)(?:_\w+)?$"
    r"|^[A-Z_]+_(?:ERROR|WARN|INFO|DEBUG)\w*$"
)
"""What talks, when it is given a text to say."""
_LOOKS = pattern(
    r"^(?:trace|lockdep|might|to)_|^WARN|^(?:un)?likely$"
    r"|^(?:dump_stack|dma_resv_assert_held|container_of|BUILD_BUG_ON)$"
)
"""What asserts, or finds the private data."""


def check(series: Series) -> Iterator[Hit]:
    if not any(series.mentioning(*CALLBACKS)):
        return
    for ops in series.program.ops(ATTACH_OPS):
        if not is_exempt(ops.file.path):
            for member in ops.initialiser.members:
                if member.name in CALLBACKS:
                    yield from _installed(series, ops, member)
    for patch in series.mentioning("unsupported"):
        for file in patch.change.touching("unsupported"):
            if is_core(file.path) and not is_exempt(file.path):
                yield from _offered(patch, file)


def _installed(series: Series, ops: Ops, member: Member) -> Iterator[Hit]:
    """A callback that an ops struct names."""
    line = ops.initialiser.fragment.shown(member.row)
    named = is_opt_out(member.value)
    stub = _stub(series, ops.file, member.value)
    if line is not None and ops.file.is_new(line) and (named or stub):
        hit = _hit(series, ops.patch, ops.file, line, member, shown=stub is not None)
        if series.edition(ops.patch) is Edition.MERGED:
            hit = hit._replace(suggestion=_without(ops, member, stub and stub[2]))
        yield hit
        return
    if stub is None or is_core(stub[1].path):
        return
    patch, file, function = stub
    emptied = _first_new(file, function)
    if emptied is not None:
        yield _hit(series, patch, file, emptied, member, shown=True)


def _without(ops: Ops, member: Member, stub: Function | None) -> str:
    """A diff that takes the member out, and the stub above it; empty where that is far away."""
    fragment, row = ops.initialiser.fragment, member.row
    if stub is None:
        return replace_rows(ops.file.path, fragment, row, row, ())
    used = sum(text.count(stub.name) for text in fragment.texts)
    near = stub.fragment is fragment and 0 < row - stub.end < MAX_GAP
    if not near or used != 2 or (stub.start and fragment.texts[stub.start - 1].strip()):
        return ""
    kept = fragment.texts[stub.end + 1 : row]
    return replace_rows(
        ops.file.path, fragment, stub.start, row, kept[1:] if not kept[0].strip() else kept
    )


def _stub(series: Series, near: FileChange, name: str) -> tuple[Patch, FileChange, Function] | None:
    """The function `name` where the series shows that it does nothing, in all its patches."""
    places = [p for p in series.program.places(name) if p.file.path == near.path]
    places = places or list(series.program.places(name))
    if not places or not all(_is_idle(place.function) for place in places):
        return None
    place = series.program.function(name, near)
    if place is None or not place.function.complete:
        return None
    return place.patch, place.file, place.function


def _is_idle(function: Function) -> bool:
    """Whether what is shown of a function does nothing that an exporter could rely on."""
    nodes = [function.body]
    while nodes:
        node = nodes.pop()
        if node.type in _STORES:
            return False
        nodes += node.named_children
    return all(map(_is_idle_call, function.calls))


def _is_idle_call(call: Call) -> bool:
    says = any('"' in argument for argument in call.arguments)
    talks = says and _LOGS.search(call.name) is not None
    return not call.through and (talks or _LOOKS.search(call.name) is not None)


def _first_new(file: FileChange, function: Function) -> Line | None:
    """The first line of a function that the patch writes."""
    lines = map(function.fragment.shown, range(function.start, function.end + 1))
    return next((x for x in lines if x is not None and x.text.strip() and file.is_new(x)), None)


def _hit(
    series: Series, patch: Patch, file: FileChange, line: Line, member: Member, *, shown: bool
) -> Hit:
    edition = series.edition(patch)
    by_core = member.value == SENTINEL
    does = "does nothing" if shown else "looks like a way to opt out"
    if edition is Edition.MERGED:
        message = (
            f"Please leave .{member.name} out: {member.value}() {does}, and to set the callback is "
            "to promise an unmap within bounded time. NULL tells that this importer can't be revoked."
        )
    else:
        message = (
            f"{member.value}() {does}, but to set .{member.name} is to promise that the mapping "
            f"goes away after it. Could the callback become optional, so that it can be left out?"
        )
    asked_for = series.verdict is not None and series.verdict.base is Edition.SEED
    mild = asked_for if by_core else edition is Edition.MOVE_NOTIFY
    sure = shown and edition is Edition.MERGED
    return Hit(
        patch,
        file,
        line,
        message,
        symbol=member.value,
        severity=Severity.NOTE if mild else None,
        confidence=Confidence.HIGH if sure else Confidence.MEDIUM,
        facts={"callback": member.name, "stub": member.value},
    )


def _offered(patch: Patch, file: FileChange) -> Iterator[Hit]:
    """A stub that the core offers to importers."""
    for function in file.after.functions:
        if not is_opt_out(function.name) or not _is_idle(function):
            continue
        line = function.fragment.shown(function.row_of(function.name) or function.start)
        if line is not None and file.is_new(line):
            yield Hit(
                patch,
                file,
                line,
                f"An importer that can't be revoked should have no callback, rather than "
                f"{function.name}(), which does nothing: could the core allow NULL for that?",
                symbol=function.name,
                confidence=Confidence.MEDIUM,
                facts={"callback": "", "stub": function.name},
            )


_NEW = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -10,3 +10,%(count)d @@
 
 #include "frob.h"
 
+static void frob_invalidate(struct dma_buf_attachment *attach)
+{
%(body)s+}
+
+static const struct dma_buf_attach_ops frob_attach_ops = {
+	.allow_peer2peer = true,
+	.%(callback)s = frob_invalidate,
+};
"""


def _example(*body: str, callback: str = "invalidate_mappings") -> str:
    text = "".join(f"+\t{row}\n" for row in body)
    return _NEW % {"body": text, "callback": callback, "count": 11 + len(body)}


_SET = ".invalidate_mappings = frob_invalidate,"
_OTHER = """\
# next patch
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -13,6 +13,7 @@
 static void frob_invalidate(struct dma_buf_attachment *attach)
 {
 	struct frob *frob = attach->importer_priv;
+	frob_stop(frob);
 }
 
 static const struct dma_buf_attach_ops frob_attach_ops = {
"""

BAD = [
    Bad(
        _example(
            "struct frob *frob = attach->importer_priv;", "", 'dev_warn(frob->dev, "moved\\n");'
        ),
        at=(_SET,),
        edition=Edition.MERGED,
    ),
    Bad(_example(), at=(_SET,), edition=Edition.MERGED),
    Bad(
        _example("dma_resv_assert_held(attach->dmabuf->resv);", "WARN_ON_ONCE(1);", "return;"),
        at=(_SET,),
        edition=Edition.RENAMED,
    ),
    Bad(
        _example('pr_warn("pinned\\n");', callback="move_notify"),
        at=(".move_notify = frob_invalidate,",),
        edition=Edition.MOVE_NOTIFY,
    ),
    Bad(
        """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -13,8 +13,7 @@
 static void frob_invalidate(struct dma_buf_attachment *attach)
 {
 	struct frob *frob = attach->importer_priv;
-
-	frob_stop(frob);
+	dev_dbg(frob->dev, "nothing to do\\n");
 }
 
 static const struct dma_buf_attach_ops frob_attach_ops = {
@@ -24,3 +23,4 @@ static const struct dma_buf_attach_ops frob_attach_ops = {
 	.allow_peer2peer = true,
 	.invalidate_mappings = frob_invalidate,
 };
+
""",
        at=('dev_dbg(frob->dev, "nothing to do\\n");',),
        edition=Edition.MERGED,
    ),
    Bad(
        f"""\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -1238,3 +1238,9 @@ void frob(struct dma_buf_attachment *attach)
 }}
 EXPORT_SYMBOL_NS_GPL(frob, "DMA_BUF");
 
+void {SENTINEL}(struct dma_buf_attachment *attach)
+{{
+	pr_warn("not supported\\n");
+}}
+EXPORT_SYMBOL_NS_GPL({SENTINEL}, "DMA_BUF");
+
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -23,4 +23,5 @@
 static const struct dma_buf_attach_ops frob_attach_ops = {{
 	.allow_peer2peer = true,
+	.invalidate_mappings = {SENTINEL},
 }};
 
""",
        at=(
            f"void {SENTINEL}(struct dma_buf_attachment *attach)",
            f".invalidate_mappings = {SENTINEL},",
        ),
    ),
]

GOOD = [
    Good(
        _example("struct frob *frob = attach->importer_priv;", "", "frob_stop(frob);"),
        why="it stops the hardware",
        edition=Edition.MERGED,
    ),
    Good(
        _example("struct frob *frob = attach->importer_priv;", "", "frob_hw_error(frob);"),
        why="named as if it logged, but it has nothing to say",
        edition=Edition.MERGED,
    ),
    Good(
        _example("struct frob *frob = attach->importer_priv;", "", "frob->revoked = true;"),
        why="a store can be what the hardware's path looks at",
        edition=Edition.MERGED,
    ),
    Good(
        _example("struct frob *frob = attach->importer_priv;", "", "frob->ops->stop(frob);"),
        why="a call through a pointer can do anything",
        edition=Edition.MERGED,
    ),
    Good(
        _example("struct frob *frob = attach->importer_priv;") + _OTHER,
        why="a later patch of the series makes it do something",
        edition=Edition.MERGED,
    ),
    Good(
        _example().replace("drivers/misc/frob.c", "drivers/misc/tests/frob_kunit.c"),
        why="a test's importer",
        edition=Edition.MERGED,
    ),
    Good(
        """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -23,4 +23,5 @@
 static const struct dma_buf_attach_ops frob_attach_ops = {
 	.allow_peer2peer = true,
+	.invalidate_mappings = frob_invalidate,
 };
 
""",
        why="nothing shows what the callback does",
        edition=Edition.MERGED,
    ),
    Good(
        """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -13,12 +13,7 @@
 
 #include "frob.h"
 
-static void frob_unsupported_move_notify(struct dma_buf_attachment *attach)
-{
-}
-
 static const struct dma_buf_attach_ops frob_attach_ops = {
 	.allow_peer2peer = true,
-	.move_notify = frob_unsupported_move_notify,
 };
 
""",
        why="the stub goes away",
        edition=Edition.MERGED,
    ),
]
