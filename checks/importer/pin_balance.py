# SPDX-License-Identifier: GPL-2.0-or-later
"""Unpin on every way out, after the last unmap and before the detach

A dma_buf_pin() that has succeeded is dropped by dma_buf_unpin() in each error
path and when the importer is done; a detach does not do it.  The pin goes after
the last unmap, since until then the exporter has to keep the addresses alive.

The paths through the function that pins are followed.  A path that detaches with
the pin held is certain.  One that only returns an error is told of where the
function unpins on another path; otherwise its caller may do it.  What a function
that nobody shows, and that is called to release something, does to the pin is
unknown.  Pins in loops are not followed.
"""

from collections.abc import Iterator

from checks.api import Bad, Confidence, Good, Hit, Meta, Patch, Series, Severity
from checks.source.c import Call, Function, loops_with
from checks.source.change import FileChange
from checks.source.diff import Line
from checks.source.pattern import pattern
from checks.source.pins import DETACH, PIN, START, UNPIN, Pins
from checks.source.steps import follow
from checks.source.vocabulary import is_core, is_exempt

META = Meta(
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    sources=(
        "20260131-dmabuf-revoke-v7-8-463d956bd527@nvidia.com",
        "drivers/dma-buf/dma-buf.c",
    ),
    words=("dma_buf_pin(", "dma_buf_unpin("),
    whole=True,
)

_PINS = pattern(r"\bdma_buf_(?:un)?pin\s*\(")
_MILDER = {
    "unmap": Severity.NOTE,
    "never": Severity.WARNING,
    "release": Severity.WARNING,
    "return": Severity.WARNING,
}
_DETACHES = pattern(r"\bdma_buf_detach\s*\(")


def check(series: Series) -> Iterator[Hit]:
    for patch in series.mentioning(*META.words):
        for file in patch.change.touching(*META.words):
            if file.path.endswith(".c") and not is_core(file.path) and not is_exempt(file.path):
                yield from _file(series, patch, file)


def _file(series: Series, patch: Patch, file: FileChange) -> Iterator[Hit]:
    told = kept = False
    for function in file.after.functions_with(_PINS):
        if loops_with(function, _PINS) or "__free(" in _source(function):
            continue
        pins = Pins()
        ends = follow(function, pins, START, series.program.resolver(file))
        hits = list(_lost(patch, file, function, pins)) if ends is not None else []
        yield from hits
        told |= bool(hits)
        kept |= ends is not None and any(state.pin == "held" for state in ends)
    if kept and not told and _is_whole(file):
        hits = list(_released(patch, file))
        yield from hits
        told = bool(hits)
    if not told and file.diff.old_path is None and series.complete:
        yield from _never(series, patch, file)


def _is_whole(file: FileChange) -> bool:
    return file.whole is not None or file.diff.old_path is None


def _released(patch: Patch, file: FileChange) -> Iterator[Hit]:
    """A function that detaches what another one has pinned, and nobody but that one unpins."""
    pinning = [f for f in file.after.functions_with(_PINS) if any(_calls(f, PIN))]
    names = [function.name for function in pinning]
    if any(f.name not in names for f in file.after.functions_with(_PINS)):
        return
    for function in file.after.functions_with(_DETACHES):
        detaches = list(_calls(function, DETACH))
        if function.name in names or not detaches:
            continue
        pins = [(f, call) for f in pinning for call in _calls(f, PIN)]
        for place, call in [(function, detaches[0]), *pins]:
            line = place.fragment.shown(call.row)
            if line is not None and file.is_new(line):
                yield _hit(patch, file, place.name, line, "release", function.name)
                return


def _calls(function: Function, name: str) -> Iterator[Call]:
    return (call for call in function.calls if call.name == name and not call.through)


def _source(function: Function) -> str:
    return "\n".join(function.fragment.texts[function.start : function.end + 1])


def _lost(patch: Patch, file: FileChange, function: Function, pins: Pins) -> Iterator[Hit]:
    first = next((function.fragment.shown(c.row) for c in _calls(function, PIN)), None)
    unpins = any(_calls(function, UNPIN))
    taken = [x for x in file.removed if UNPIN in x.text and not file.was_renamed(x)]
    for kind, step in pins.lost.values():
        at = step.line
        candidates = (at,) if kind in ("late", "unmap") else (first, at)
        news = [x for x in candidates if x is not None and x in file.lines and file.is_new(x)]
        if kind != "late" and not news:
            news = taken[:1]
        if news and (kind != "return" or unpins):
            where = " ".join(step.function.fragment.texts[step.row].split())
            yield _hit(patch, file, function.name, news[0], kind, where)
            return


def _hit(patch: Patch, file: FileChange, symbol: str, line: Line, kind: str, where: str) -> Hit:
    messages = {
        "detach": f"Please call dma_buf_unpin() before `{where}`: the attachment goes while it is pinned.",
        "return": f"One of the paths to `{where}` returns an error with the pin held; it needs a "
        "dma_buf_unpin() too.",
        "release": f"Please call dma_buf_unpin() in {where}() too: nothing drops the pin before the "
        "detach there.",
        "late": "Please unpin before the detach: the attachment is gone here.",
        "unmap": "Could the unmap come first? The pin is what keeps the addresses in place until then.",
        "never": "Where is the dma_buf_unpin() for this? The exporter can't move the buffer until then.",
    }
    sure = kind in ("detach", "late")
    return Hit(
        patch,
        file,
        line,
        messages[kind],
        symbol=symbol,
        severity=_MILDER.get(kind),
        confidence=Confidence.HIGH if sure else Confidence.MEDIUM,
        facts={"kind": kind},
    )


def _never(series: Series, patch: Patch, file: FileChange) -> Iterator[Hit]:
    """A new file pins, and nothing that the series shows unpins."""
    if any(series.mentioning(UNPIN)):
        return
    for function in file.after.functions_with(_PINS):
        for call in _calls(function, PIN):
            line = function.fragment.shown(call.row)
            if line is not None:
                yield _hit(patch, file, function.name, line, "never", "")
                return


_HEAD = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -10,3 +10,%d @@
 
 #include "frob.h"
 
"""
_NEW_FILE = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
new file mode 100644
--- /dev/null
+++ b/drivers/misc/frob.c
@@ -0,0 +1,%d @@
"""


def _added(code: str, new_file: bool = False) -> str:
    """A diff that adds `code`."""
    rows = code.strip("\n").split("\n")
    head = _NEW_FILE % len(rows) if new_file else _HEAD % (3 + len(rows))
    return head + "".join(f"+{row}\n" for row in rows)


_IMPORT = """
static int frob_import(struct frob *frob, struct dma_buf_attachment *attach)
{
	int ret;

	dma_resv_lock(attach->dmabuf->resv, NULL);
	ret = dma_buf_pin(attach);
	if (ret)
		goto err_unlock;

	frob->sgt = dma_buf_map_attachment(attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(frob->sgt)) {
		ret = PTR_ERR(frob->sgt);
		goto %s;
	}
	dma_resv_unlock(attach->dmabuf->resv);

	frob->attach = attach;
	return 0;

err_unpin:
	dma_buf_unpin(attach);
err_unlock:
	dma_resv_unlock(attach->dmabuf->resv);
	%s
	return ret;
}
"""
_RELEASE = """
static void frob_release(struct frob *frob)
{
	dma_resv_lock(frob->dmabuf->resv, NULL);
	dma_buf_unmap_attachment(frob->attach, frob->sgt, DMA_BIDIRECTIONAL);
	%s
	dma_resv_unlock(frob->dmabuf->resv);
	dma_buf_detach(frob->dmabuf, frob->attach);
}
"""
_UNPIN = "dma_buf_unpin(frob->attach);"
_DETACH = "dma_buf_detach(frob->dmabuf, attach);"
_PIN = "ret = dma_buf_pin(attach);"

BAD = [
    Bad(_added(_IMPORT % ("err_unlock", _DETACH)), at=(_PIN,)),
    Bad(_added(_IMPORT % ("err_unlock", "frob_log(frob);")), at=(_PIN,)),
    Bad(
        _added(
            """
static void frob_release(struct frob *frob)
{
	dma_buf_detach(frob->dmabuf, frob->attach);
	dma_buf_unpin(frob->attach);
}
"""
        ),
        at=(_UNPIN,),
    ),
    Bad(
        _added(
            """
static void frob_release(struct frob *frob)
{
	dma_buf_unpin(frob->attach);
	dma_buf_unmap_attachment(frob->attach, frob->sgt, DMA_BIDIRECTIONAL);
}
"""
        ),
        at=("dma_buf_unmap_attachment(frob->attach, frob->sgt, DMA_BIDIRECTIONAL);",),
    ),
    Bad(
        _added(_IMPORT % ("err_unpin", _DETACH) + _RELEASE % "frob->sgt = NULL;", new_file=True),
        at=("dma_buf_detach(frob->dmabuf, frob->attach);",),
    ),
    Bad(
        _added(
            "int frob_fix(struct frob *frob)\n{\n	return dma_buf_pin(frob->attach);\n}", True
        ),
        at=("return dma_buf_pin(frob->attach);",),
    ),
    Bad(
        """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -50,9 +50,13 @@ static int frob_map(struct frob *frob, struct dma_buf_attachment *attach)
 	dma_resv_lock(attach->dmabuf->resv, NULL);
+	rc = dma_buf_pin(attach);
+	if (rc)
+		goto err_detach;
+
 	rc = frob_map_pages(frob, attach);
 	if (rc)
 		goto err_detach;
 	dma_resv_unlock(attach->dmabuf->resv);
 	return 0;
 err_detach:
 	dma_resv_unlock(attach->dmabuf->resv);
 	dma_buf_detach(attach->dmabuf, attach);
""",
        at=("rc = dma_buf_pin(attach);",),
    ),
]

GOOD = [
    Good(
        _added(_IMPORT % ("err_unpin", _DETACH) + _RELEASE % _UNPIN, new_file=True),
        why="every path unpins, the pin goes after the unmap and before the detach",
    ),
    Good(_added(_IMPORT % ("err_unpin", _DETACH)), why="the release path may be out of sight"),
    Good(
        _added(
            """
static int frob_import(struct frob *frob)
{
	int ret = dma_buf_pin(frob->attach);

	if (ret)
		return ret;

	ret = frob_start(frob);
	if (ret)
		frob_release(frob);
	return ret;
}
"""
        ),
        why="what is called to release it can unpin",
    ),
    Good(
        _added(_IMPORT % ("err_unlock", "frob_unmap(frob);\n\t" + _DETACH)),
        why="what is called to unmap can unpin too",
    ),
    Good(
        _added(
            """
static int frob_import(struct frob *frob)
{
	if (dma_buf_pin(frob->attach))
		return -EIO;

	return frob_start(frob);
}
"""
        ),
        why="the caller may clean up; and the pin has failed where it returns an error",
    ),
    Good(
        _added(
            """
static int frob_import(struct frob *frob)
{
	int i, ret = 0;

	for (i = 0; i < frob->planes; i++) {
		ret = dma_buf_pin(frob->attach[i]);
		if (ret)
			break;
	}
	while (ret && i--)
		dma_buf_unpin(frob->attach[i]);
	return ret;
}
"""
        ),
        why="as many unpins as pins is more than the rule can count",
    ),
]
