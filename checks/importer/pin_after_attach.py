# SPDX-License-Identifier: GPL-2.0-or-later
"""Pin the attachment when its mapping can't be made again

An attachment that is not pinned belongs to an importer that copes with moves:
it drops its mapping in the callback and makes a new one when it next needs it.
An importer that maps once, at attach time, calls dma_buf_pin() after the attach
and before it maps; then a call of its callback means that the buffer is revoked.
Without the pin it says that it works in a mode which it can't support.

The rule speaks where it sees the whole file: an attach with ops whose callback
is shown, a map of that attachment in the same function or its helpers, no other
map in the file, and no pin in the series.  Everything else can re-map or pin out
of sight.
"""

from collections.abc import Iterable, Iterator

from checks.api import Bad, Confidence, Edition, Good, Hit, Meta, Patch, Series, Severity
from checks.source.c import Call, Function
from checks.source.change import FileChange
from checks.source.importer import callbacks
from checks.source.pattern import pattern
from checks.source.pins import PIN
from checks.source.steps import Step, follow
from checks.source.vocabulary import is_core, is_exempt

META = Meta(
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    sources=(
        "20260120131530.GN961572@ziepe.ca",
        "20260131-dmabuf-revoke-v7-8-463d956bd527@nvidia.com",
    ),
    words=("dma_buf_dynamic_attach(",),
    editions=(Edition.RENAMED, Edition.MERGED),
    whole=True,
)

ATTACH = "dma_buf_dynamic_attach"
_ATTACHES = pattern(rf"\b{ATTACH}\s*\(")
_MAPS = pattern(r"^(?!\w*(?:unmap|[mv]map))(?:\w*dma_?buf\w*map\w*|\w*map\w*dma_?buf\w*)$")
_MENTIONS_MAP = pattern(r"dma_?buf\w*map\w*\s*\(|map\w*dma_?buf\w*\s*\(")

Site = tuple[int, int]
"""Where a call is: its fragment and row."""


class _Mapped:
    """Collects the maps of what was attached."""

    def __init__(self) -> None:
        self.maps: set[Site] = set()

    def step(self, step: Step, attached: frozenset[str]) -> Iterable[frozenset[str]]:
        if step.kind != "call" or step.through:
            return (attached,)
        if step.name == ATTACH and step.assigned:
            return (attached | {step.assigned},)
        if _MAPS.match(step.name) and attached & set(step.arguments):
            self.maps.add((id(step.function.fragment), step.row))
        return (attached,)

    def test(self, condition: str, truth: bool, attached: frozenset[str]) -> frozenset[str]:
        return attached


def check(series: Series) -> Iterator[Hit]:
    if any(series.mentioning(PIN + "(")):
        return
    for patch in series.mentioning(*META.words):
        for file in patch.change.touching(*META.words):
            if is_exempt(file.path) or is_core(file.path) or not file.path.endswith(".c"):
                continue
            whole = file.whole is not None or file.diff.old_path is None
            if whole and not file.after.has(PIN + "("):
                yield from _file(series, patch, file)


def _file(series: Series, patch: Patch, file: FileChange) -> Iterator[Hit]:
    told = {
        callback.ops.initialiser.name: callback.place.function
        for callback in callbacks(series)
        if callback.ops.file.path == file.path
    }
    for function in file.after.functions_with(_ATTACHES):
        for call in function.calls:
            ops = call.arguments[2].lstrip("&") if len(call.arguments) == 4 else ""
            line = function.fragment.shown(call.row)
            if call.name != ATTACH or ops not in told or line is None or not file.is_new(line):
                continue
            if function.complete and _maps_once(series, file, function, told[ops]):
                yield Hit(
                    patch,
                    file,
                    line,
                    f"Does this importer need a dma_buf_pin() after the attach? It maps only here, so that "
                    f"it could not follow a move that {told[ops].name}() is told of.",
                    symbol=function.name,
                    facts={"callback": told[ops].name},
                )


def _maps_once(series: Series, file: FileChange, function: Function, callback: Function) -> bool:
    """Whether the attachment is mapped where it is attached, and nowhere else."""
    mapped = _Mapped()
    if follow(function, mapped, frozenset(), series.program.resolver(file)) is None:
        return False
    others = {
        (id(f.fragment), call.row)
        for f in file.after.functions_with(_MENTIONS_MAP)
        for call in f.calls
        if _is_map(call)
    }
    in_callback = any(_is_map(call) for call in callback.calls)
    return bool(mapped.maps) and others <= mapped.maps and not in_callback


def _is_map(call: Call) -> bool:
    about = any("attach" in argument for argument in call.arguments)
    return about and not call.through and _MAPS.match(call.name) is not None


_NEW_FILE = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
new file mode 100644
--- /dev/null
+++ b/drivers/misc/frob.c
@@ -0,0 +1,%d @@
"""
_OPS = """
static void frob_invalidate(struct dma_buf_attachment *attach)
{
	struct frob *frob = attach->importer_priv;

	frob_stop(frob);
	dma_buf_unmap_attachment(attach, frob->sgt, DMA_BIDIRECTIONAL);
	frob->sgt = NULL;
}

static const struct dma_buf_attach_ops frob_attach_ops = {
	.invalidate_mappings = frob_invalidate,
};
"""
_IMPORT = """
static int frob_import(struct frob *frob, struct dma_buf *dmabuf)
{
	struct dma_buf_attachment *attach;

	attach = dma_buf_dynamic_attach(dmabuf, frob->dev, %s, frob);
	if (IS_ERR(attach))
		return PTR_ERR(attach);

	%s
	frob->attach = attach;
	return PTR_ERR_OR_ZERO(frob->sgt);
}
"""
_MAP = "frob->sgt = dma_buf_map_attachment_unlocked(attach, DMA_BIDIRECTIONAL);"
_REMAP = """
static int frob_run(struct frob *frob)
{
	if (!frob->sgt)
		frob->sgt = dma_buf_map_attachment(frob->attach, DMA_BIDIRECTIONAL);
	return frob_start(frob);
}
"""
_HELPER = """
static void frob_map(struct frob *frob, struct dma_buf_attachment *attach)
{
	frob->sgt = dma_buf_map_attachment_unlocked(attach, DMA_BIDIRECTIONAL);
}
"""
_ATTACHED = "attach = dma_buf_dynamic_attach(dmabuf, frob->dev, &frob_attach_ops, frob);"


def _file_with(code: str) -> str:
    """A diff that adds a file with `code`."""
    rows = code.strip("\n").split("\n")
    return _NEW_FILE % len(rows) + "".join(f"+{row}\n" for row in rows)


BAD = [
    Bad(_file_with(_OPS + _IMPORT % ("&frob_attach_ops", _MAP)), at=(_ATTACHED,)),
    Bad(
        _file_with(_OPS + _HELPER + _IMPORT % ("&frob_attach_ops", "frob_map(frob, attach);")),
        at=(_ATTACHED,),
        edition=Edition.MERGED,
    ),
    Bad(
        _file_with(
            _OPS + _IMPORT % ("&frob_attach_ops", "frob->phys = vfio_dma_buf_iommu_map(attach);")
        ),
        at=(_ATTACHED,),
        edition=Edition.MERGED,
    ),
]

GOOD = [
    Good(
        _file_with(_OPS + _IMPORT % ("&frob_attach_ops", "frob_pin(frob); " + _MAP)).replace(
            "frob_pin(frob)", "dma_buf_pin(attach)"
        ),
        why="it pins",
        edition=Edition.MERGED,
    ),
    Good(
        _file_with(_OPS + _IMPORT % ("&frob_attach_ops", _MAP) + _REMAP),
        why="it maps again when it next needs the buffer",
        edition=Edition.MERGED,
    ),
    Good(
        _file_with(_OPS + _IMPORT % ("&frob_attach_ops", "")),
        why="it does not map here, and nothing shows when",
        edition=Edition.MERGED,
    ),
    Good(
        _file_with(_IMPORT % ("NULL", _MAP)),
        why="the core pins for an importer without ops",
        edition=Edition.MERGED,
    ),
    Good(
        _file_with(_OPS + _IMPORT % ("frob->ops", _MAP)),
        why="nothing shows which ops these are",
        edition=Edition.MERGED,
    ),
    Good(
        _file_with(_OPS + _IMPORT % ("&frob_attach_ops", _MAP)),
        why="an exporter could refuse the pin, and the only one did",
        edition=Edition.MOVE_NOTIFY,
    ),
]
