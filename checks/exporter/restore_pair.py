# SPDX-License-Identifier: GPL-2.0-or-later
"""Let importers in again on every path that shut them out for a while

A reset or a power change revokes the dma-bufs, does its work and restores them.
A path that leaves in between, or revokes a second time where it should restore,
leaves buffers revoked for good although the memory is back.  Looked at are
functions that do both, with one function of the series that takes a bool; one
that revokes and never restores, as remove does, is fine.
"""

from collections.abc import Iterator
from typing import NamedTuple

from checks.api import Bad, Confidence, Good, Hit, Meta, Patch, Series, Severity
from checks.source.c import Function
from checks.source.change import FileChange
from checks.source.pattern import pattern
from checks.source.steps import Step, follow
from checks.source.suggest import replace_rows
from checks.source.vocabulary import NOTIFY, is_core, is_exempt

META = Meta(
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    sources=(
        "20250806162455.350f73a4.alex.williamson@redhat.com",
        "20251030143836.66cdf116@shazbot.org",
        "20260227194807.GL5933@nvidia.com",
    ),
    words=NOTIFY,
    whole=True,
)

_SHUTS = pattern(r"revok|moved?$|stop|disabl|block")
_RESETS = pattern(r"reset(?!.*(?:prepare|begin|start|down))")
_OPENS = pattern(r"restor|enabl|allow|unblock")


OPEN: tuple[Step, ...] = ()
"""Nothing is revoked."""


class _Toggle(NamedTuple):
    """A function that revokes or restores, as its last argument says."""

    name: str
    shuts: str
    """The literal that revokes."""


def check(series: Series) -> Iterator[Hit]:
    toggles = {toggle.name: toggle for toggle in _toggles(series)}
    if not toggles:
        return
    for patch in series.patches:
        for file in patch.change.touching(*(f"{name}(" for name in sorted(toggles))):
            if file.path.endswith(".c") and not is_exempt(file.path):
                for function in file.after.functions:
                    if function.name not in toggles:
                        yield from _function(patch, file, function, toggles)


def _toggles(series: Series) -> Iterator[_Toggle]:
    """The functions of the series with a bool that tell the importers, and their callers."""
    found: dict[str, _Toggle] = {}
    names: tuple[str, ...] = NOTIFY
    for _ in range(2):  # the one that notifies, and one that does it for a whole list
        wanted = frozenset(names)
        for patch in series.mentioning(*names):
            for file in patch.change.touching(*names):
                if not is_core(file.path) and file.path.endswith(".c"):
                    for function in file.after.functions:
                        toggle = _toggle(function, wanted)
                        if toggle:
                            found[toggle.name] = toggle
        names = tuple(sorted(found))
        if not names:
            break
    yield from found.values()


def _toggle(function: Function, names: frozenset[str]) -> _Toggle | None:
    last = function.parameters[-1] if function.parameters else None
    if last is None or last.type != "bool" or not any(c.name in names for c in function.calls):
        return None
    if _OPENS.search(last.name):
        return _Toggle(function.name, "false")
    return _Toggle(function.name, "true") if _SHUTS.search(last.name) else None


def _function(
    patch: Patch, file: FileChange, function: Function, toggles: dict[str, _Toggle]
) -> Iterator[Hit]:
    given = {(c.name, c.arguments[-1]) for c in function.calls if c.name in toggles and c.arguments}
    for toggle in (toggles[name] for name, last in sorted(given) if toggles[name].shuts == last):
        paths = _Paths(toggle)
        if follow(function, paths, OPEN) is None:
            continue
        yield from _twice(patch, file, function, paths)
        yield from _never(patch, file, function, paths)
        yield from _left(patch, file, function, paths)


def _twice(patch: Patch, file: FileChange, function: Function, paths: "_Paths") -> Iterator[Hit]:
    """What is revoked is revoked again."""
    for step in paths.again.values():
        line = step.line
        if line is None or not file.is_new(line):
            continue
        right = "false" if paths.toggle.shuts == "true" else "true"
        texts = step.function.fragment.texts
        new = texts[step.row].replace(f", {paths.toggle.shuts})", f", {right})")
        yield Hit(
            patch,
            file,
            line,
            f"{step.name}() has been called with {paths.toggle.shuts} already on this path; should "
            f"this be {right}, to restore?",
            symbol=function.name,
            suggestion=replace_rows(file.path, function.fragment, step.row, step.row, (new,)),
            facts={"toggle": step.name, "kind": "again", "right": right},
        )


def _left(patch: Patch, file: FileChange, function: Function, paths: "_Paths") -> Iterator[Hit]:
    """The function is left between the two."""
    for (revoked, left), step in paths.left.items():
        if not any(revoked < row for row in paths.restored) or left > max(paths.restored):
            continue
        line = function.fragment.shown(left)
        if line is None or not file.is_new(line):
            line = function.fragment.shown(revoked)
        if line is not None and file.is_new(line):
            yield Hit(
                patch,
                file,
                line,
                f"This path returns after {step.name}(..., {paths.toggle.shuts}) without restoring, "
                "as the others do; importers stay shut out.",
                symbol=function.name,
                facts={"toggle": step.name, "kind": "left"},
            )
            return


def _never(patch: Patch, file: FileChange, function: Function, paths: "_Paths") -> Iterator[Hit]:
    """A reset that shuts importers out, and nothing in it lets them in again: worth a question."""
    if paths.restored or paths.again or not _RESETS.search(function.name):
        return
    for step in paths.shut.values():
        line = step.line
        if step.depth == 0 and line is not None and file.is_new(line):
            yield Hit(
                patch,
                file,
                line,
                f"{function.name}() shuts importers out; where are they let in again?",
                symbol=function.name,
                severity=Severity.NOTE,
                confidence=Confidence.LOW,
                facts={"toggle": step.name, "kind": "never"},
            )
            return


class _Paths:
    """State: the steps that revoked and have not been undone, none or one."""

    def __init__(self, toggle: _Toggle) -> None:
        self.toggle = toggle
        self.shut: dict[int, Step] = {}
        self.again: dict[int, Step] = {}
        self.left: dict[tuple[int, int], Step] = {}
        self.restored: set[int] = set()

    def step(self, step: Step, state: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
        if step.kind == "call" and step.name == self.toggle.name and step.arguments:
            if step.arguments[-1] == self.toggle.shuts:
                self.shut[step.row] = step
                if any(s.row != step.row and s.arguments == step.arguments for s in state):
                    self.again[step.row] = step
                yield (step,)
            else:
                self.restored.add(step.row)
                yield OPEN
            return
        if step.kind == "return" and step.depth == 0:
            self.left |= {(revoked.row, step.row): revoked for revoked in state}
        yield state

    def test(self, condition: str, truth: bool, state: tuple[Step, ...]) -> tuple[Step, ...]:
        return state


_DRIVER = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -10,3 +10,23 @@
 
 #include "frob.h"
 
+static void frob_move(struct frob *frob, bool revoked)
+{
+	dma_resv_lock(frob->dmabuf->resv, NULL);
+	frob->revoked = revoked;
+	dma_buf_invalidate_mappings(frob->dmabuf);
+	dma_resv_unlock(frob->dmabuf->resv);
+}
+
+static int frob_reset(struct frob *frob)
+{
+	int ret;
+
+	frob_move(frob, true);
+	ret = frob_hw_reset(frob);
+	%s
+	if (frob_has_memory(frob))
+		frob_move(frob, %s);
+	return ret;
+}
+
"""

BAD = [
    Bad(_DRIVER % ("frob->resets++;", "true"), at=("frob_move(frob, true);",)),
    Bad(_DRIVER % ("if (ret) return ret;", "false"), at=("if (ret) return ret;",)),
    Bad(
        _DRIVER.replace("frob_move(frob, %s)", "frob_start(frob, %s)") % ("frob->n++;", "true"),
        at=("frob_move(frob, true);",),
    ),
]

GOOD = [
    Good(_DRIVER % ("frob->resets++;", "false"), why="restored where there is memory again"),
    Good(
        _DRIVER.replace("frob_move(frob, %s)", "frob_free(frob, %s)").replace("_reset(", "_remove(")
        % ("if (ret) return ret;", "true"),
        why="revokes for good, as remove does",
    ),
    Good(
        _DRIVER % ("if (ret) { frob_move(frob, false); return ret; }", "false"),
        why="restored on the way out",
    ),
]
