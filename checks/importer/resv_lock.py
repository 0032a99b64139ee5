# SPDX-License-Identifier: GPL-2.0-or-later
"""Hold the reservation lock around pin, unpin, map and notify

dma_buf_pin(), dma_buf_unpin() and the notify function assert that the
caller holds dmabuf->resv; since v6.2 so do map, unmap, vmap and vunmap of an
attachment.  dma_buf_attach(), dma_buf_dynamic_attach(), dma_buf_detach() and
the *_unlocked() variants take the lock themselves and must stay outside of it.
The callbacks pin, unpin, map_dma_buf, unmap_dma_buf, vmap and vunmap of an
exporter and the notify callback of an importer run with the lock held.

The state is followed along branches, goto labels and early returns, and into
callers in the same file.  Where the diff does not show it, nothing is said.
A patch that takes the lock away from a call that is already there is told of
at the line that it removes.
"""

import re
from collections.abc import Iterator

from checks.api import Bad, Confidence, Good, Hit, Meta, Patch, Series, Severity
from checks.source.age import at_least
from checks.source.c import Function
from checks.source.change import FileChange
from checks.source.diff import Line
from checks.source.entry import Entry, entry_states
from checks.source.example import added
from checks.source.locks import Held, LockFacts, Site, is_lock, walk_locks
from checks.source.pattern import pattern
from checks.source.sections import signalling_steps
from checks.source.vocabulary import (
    ATTACH_OPS,
    CALLBACKS,
    EXPORTER_OPS,
    HEADER,
    NEEDS_RESV,
    NEEDS_RESV_SINCE_6_2,
    NOT_UNDER_RESV,
    TAKES_RESV,
    is_core,
    is_exempt,
)

_NAMED = NEEDS_RESV | NEEDS_RESV_SINCE_6_2 | TAKES_RESV | NOT_UNDER_RESV

META = Meta(
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    sources=(
        "20221017172229.42269-20-dmitry.osipenko@collabora.com",
        "20260526111034.4079-1-Ankit.Soni@amd.com",
        "drivers/dma-buf/dma-buf.c",
    ),
    words=(ATTACH_OPS, EXPORTER_OPS, *CALLBACKS, *sorted(name + "(" for name in _NAMED)),
    also=("dma_buf", "dma_resv"),
)

_CALLED = r"\b(?:" + "|".join(sorted(_NAMED)) + r"|\w*resv_lock\w*)\s*\("
_CALLS = pattern(_CALLED)
Told = tuple[str, Confidence]
"""What to say, and how sure it is."""

_DOES = pattern(rf"^(?:\+.*(?:{_CALLED})|-.*resv\w*_(?:try)?lock)", re.MULTILINE)
"""A patch that neither adds such a call nor takes a lock away does nothing of interest here."""
_LOCK = pattern(r"resv\w*_(?:try)?lock")


def check(series: Series) -> Iterator[Hit]:
    for patch in series.mentioning(*META.words):
        for file in patch.change.touching(*META.words, where=_DOES):
            exempt = is_exempt(file.path) or is_core(file.path)
            if not exempt and file.path.endswith((".c", ".h")):
                yield from _file(series, patch, file)


def _file(series: Series, patch: Patch, file: FileChange) -> Iterator[Hit]:
    """Calls whose lock state is not what they need; signalling-lock speaks of those in a section."""
    needs = _needing(series, patch)
    elsewhere = {found.step.line for found in signalling_steps(file, series.program)}
    for function, facts, entry in entry_states(file, series, _CALLS):
        for site in facts.sites:
            line = function.fragment.shown(site.call.row)
            if site.call.through or line is None or line in elsewhere:
                continue
            forbidden = site.call.name not in needs
            if not forbidden:
                found = _unlocked(site, facts, entry)
            elif site.call.name in TAKES_RESV | NOT_UNDER_RESV or is_lock(site.call):
                found = _locked(site, facts, entry)
            else:
                continue
            if found and not file.is_new(line):
                line = _lock_removed(file, function, site, line) if not forbidden else None
            if found and line is not None:
                message, confidence = found
                yield Hit(
                    patch,
                    file,
                    line,
                    message,
                    symbol=function.name,
                    severity=Severity.WARNING if site.call.name in NOT_UNDER_RESV else None,
                    confidence=confidence,
                    facts={"call": site.call.name, "forbidden": forbidden},
                )


def _lock_removed(file: FileChange, function: Function, site: Site, call: Line) -> Line | None:
    """The removed line that took the lock for a call that was there before; None when none did."""
    if call.sign != " ":
        return None
    removed = [x for x in file.removed if x.at < call.at and _LOCK.search(x.text)]
    before = (f for f in file.before.functions if f.name == function.name)
    for facts in map(walk_locks, before):
        for old in facts.sites:
            same = (old.call.name, old.call.arguments) == (site.call.name, site.call.arguments)
            if same and facts.resolved(old, facts.entry) == {Held.HELD}:
                return removed[-1] if removed else None
    return None


def _needing(series: Series, patch: Patch) -> frozenset[str]:
    """The calls that need the lock, by the tree's header where there is one.

    v6.2 brought the _unlocked() variants, and with them the need in the others.  Stable kernels
    before it have those of map and unmap alone, and no need.
    """
    header = patch.blobs.file(HEADER) if patch.blobs is not None else None
    unlocked = b"dma_buf_vmap_unlocked"
    since = unlocked in header if header is not None else at_least(series, (6, 2))
    return NEEDS_RESV | NEEDS_RESV_SINCE_6_2 if since else NEEDS_RESV


def _unlocked(site: Site, facts: LockFacts, entry: Entry) -> Told | None:
    """What to say of a call that needs the lock; None when it has it or nothing is known."""
    states = facts.resolved(site, entry.held)
    if Held.FREE not in states or Held.UNKNOWN in states or Held.ENTRY in states:
        return None
    if Held.HELD in states:
        if Held.ENTRY in site.states:
            return None
        text = "it needs dmabuf->resv, and one of the paths that lead here does not hold it."
        return f"{_advice(site, facts)}: {text}", Confidence.MEDIUM
    by_entry = site.states == {Held.ENTRY}
    reason = f" {entry.reason_at(site.call.row)}" if by_entry else ""
    text = f"it needs dmabuf->resv to be held, and here it is not.{reason}"
    sure = Confidence.HIGH if not by_entry or entry.sure else Confidence.MEDIUM
    return f"{_advice(site, facts)}: {text}".rstrip(), sure


def _advice(site: Site, facts: LockFacts) -> str:
    name = site.call.name
    if any(other.call.name.startswith("dma_fence_signal") for other in facts.sites):
        # the lock must not be waited for on the way to a signal, nor in interrupt context
        return f"Please move {name}() to a worker that takes dma_resv_lock()"
    other = f", or use {name}_unlocked()" if name in NEEDS_RESV_SINCE_6_2 else ""
    return f"Please take dma_resv_lock() around {name}(){other}"


def _locked(site: Site, facts: LockFacts, entry: Entry) -> Told | None:
    """What to say of a call that takes the lock, or has no business under it."""
    if facts.resolved(site, entry.held) != {Held.HELD}:
        return None
    by_entry = Held.ENTRY in site.states
    if by_entry and not entry.callback:
        return None
    name = site.call.name
    reason = f" {entry.reason}" if by_entry else ""
    sure = Confidence.HIGH if by_entry and entry.sure else Confidence.MEDIUM
    if is_lock(site.call):
        # two buffers are locked one after the other; only the core's own lock is surely the same
        text = f"{name}() would deadlock here: dmabuf->resv is held.{reason}"
        return (text, sure) if by_entry else None
    if name in NOT_UNDER_RESV:
        text = f"{name}() is not to be called with dmabuf->resv held; please drop the lock before."
        return text + reason, Confidence.MEDIUM
    text = f"{name}() takes dmabuf->resv itself, and would deadlock here: it is held."
    return text + reason, sure


_CALLBACK = """
static void frob_move_notify(struct dma_buf_attachment *attach)
{
	dma_resv_lock(%s->resv, NULL);
	frob_unmap(attach->importer_priv);
	dma_resv_unlock(%s->resv);
}
"""
_OPS = """
static const struct dma_buf_attach_ops frob_attach_ops = {
	.invalidate_mappings = frob_move_notify,
};
"""
_OURS = _CALLBACK.replace("%s", "attach->dmabuf")
_UNDER_LOCK = """
static void frob_import(struct frob *frob)
{
	dma_resv_lock(frob->dmabuf->resv, NULL);
	frob->fd = dma_buf_fd(frob->dmabuf, O_CLOEXEC);
	dma_resv_unlock(frob->dmabuf->resv);
}
"""

BAD = [
    Bad(added(_OURS + _OPS), at=("dma_resv_lock(attach->dmabuf->resv, NULL);",)),
    Bad(added(_OURS), at=("dma_resv_lock(attach->dmabuf->resv, NULL);",)),
    Bad(added(_UNDER_LOCK), at=("frob->fd = dma_buf_fd(frob->dmabuf, O_CLOEXEC);",)),
    Bad(
        """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -80,6 +80,7 @@ static void frob_release(struct kref *kref)
 	struct frob *frob = container_of(kref, struct frob, kref);
 
 	frob_stop(frob);
+	dma_buf_unpin(frob->attach);
 	dma_buf_detach(frob->dmabuf, frob->attach);
 	dma_buf_put(frob->dmabuf);
 	kfree(frob);
""",
        at=("dma_buf_unpin(frob->attach);",),
    ),
    Bad(
        added("""
static int frob_import(struct frob *frob)
{
	int ret;

	ret = dma_resv_lock_interruptible(frob->dmabuf->resv, NULL);
	if (ret)
		goto err_unpin;

	ret = dma_buf_pin(frob->attach);
	if (ret) {
		dma_resv_unlock(frob->dmabuf->resv);
		return ret;
	}
	dma_resv_unlock(frob->dmabuf->resv);

	ret = frob_start(frob);
	if (ret)
		goto err_unpin;
	return 0;

err_unpin:
	dma_buf_unpin(frob->attach);
	return ret;
}
"""),
        at=("dma_buf_unpin(frob->attach);",),
    ),
    Bad(
        added("""
static void frob_invalidate(struct dma_buf_attachment *attach)
{
	dma_buf_detach(attach->dmabuf, attach);
}

static const struct dma_buf_attach_ops frob_attach_ops = {
	.allow_peer2peer = true,
	.invalidate_mappings = frob_invalidate,
};
"""),
        at=("dma_buf_detach(attach->dmabuf, attach);",),
    ),
    Bad(
        added("""
static void frob_done(struct frob *frob)
{
	dma_buf_unmap_attachment(frob->attach, frob->sgt, DMA_TO_DEVICE);
}

static int frob_submit(struct frob *frob)
{
	dma_resv_lock(frob->dmabuf->resv, NULL);
	frob_add_fence(frob);
	dma_resv_unlock(frob->dmabuf->resv);
	frob_done(frob);
	return 0;
}
"""),
        at=("dma_buf_unmap_attachment(frob->attach, frob->sgt, DMA_TO_DEVICE);",),
    ),
    Bad(
        """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -80,9 +80,7 @@ static void frob_release(struct kref *kref)
 	struct frob *frob = container_of(kref, struct frob, kref);
 
 	frob_stop(frob);
-	dma_resv_lock(frob->dmabuf->resv, NULL);
 	dma_buf_unpin(frob->attach);
-	dma_resv_unlock(frob->dmabuf->resv);
 	dma_buf_detach(frob->dmabuf, frob->attach);
 	dma_buf_put(frob->dmabuf);
 	kfree(frob);
""",
        at=("dma_resv_lock(frob->dmabuf->resv, NULL);",),
    ),
]

GOOD = [
    Good(added(_CALLBACK.replace("%s", "frob->ring")), why="the lock of another object"),
    Good(
        added((_OURS + _OPS).replace("move_notify", "sync").replace("dma_buf_attach_ops", "ops")),
        why="not a callback of the core",
    ),
    Good(
        """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -80,6 +80,9 @@ static void frob_release(struct kref *kref)
 	struct frob *frob = container_of(kref, struct frob, kref);
 
 	frob_stop(frob);
+	dma_resv_lock(frob->dmabuf->resv, NULL);
+	dma_buf_unpin(frob->attach);
+	dma_resv_unlock(frob->dmabuf->resv);
 	dma_buf_detach(frob->dmabuf, frob->attach);
 	dma_buf_put(frob->dmabuf);
 	kfree(frob);
""",
        why="locked around the unpin, detach outside",
    ),
    Good(
        """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -50,8 +50,15 @@ static int frob_map(struct frob *frob, struct dma_buf_attachment *attach)
 		goto err_detach;
 	}
 
+	ret = dma_buf_pin(attach);
+	if (ret)
+		goto err_unlock;
+
 	dma_resv_unlock(attach->dmabuf->resv);
 	return 0;
 
+err_unpin:
+	dma_buf_unpin(attach);
+err_unlock:
 	dma_resv_unlock(attach->dmabuf->resv);
 err_detach:
""",
        why="the unlock that follows shows that the lock was taken above the hunk",
    ),
    Good(
        added("""
static int frob_transfer(struct frob *frob, struct dma_buf *dmabuf, bool nonblock)
{
	int ret;

	ret = frob_dma_resv_lock(dmabuf, nonblock);
	if (ret)
		return ret;

	frob->sgt = dma_buf_map_attachment(frob->attach, DMA_TO_DEVICE);
	if (IS_ERR(frob->sgt)) {
		dma_resv_unlock(dmabuf->resv);
		return PTR_ERR(frob->sgt);
	}
	dma_resv_unlock(dmabuf->resv);
	return 0;
}
"""),
        why="a driver's own wrapper around the lock",
    ),
    Good(
        added("""
int frob_remap(struct frob *frob)
{
	frob->sgt = dma_buf_map_attachment(frob->attach, DMA_TO_DEVICE);
	return PTR_ERR_OR_ZERO(frob->sgt);
}
"""),
        why="nothing shows how it is called",
    ),
]
