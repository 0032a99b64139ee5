# SPDX-License-Identifier: GPL-2.0-or-later
"""Revoke dma-bufs before the hardware behind them goes away

Importers may access an exported buffer until the revoke is done: the fences
have signalled and everybody has unmapped.  A path that disables the device
first, and revokes afterwards, leaves them with addresses that nobody answers,
which ends in bus errors.  So the revoke comes first in close, remove and
shutdown paths.
"""

from collections.abc import Iterator

from checks.api import Bad, Confidence, Good, Hit, Meta, Patch, Series, Severity
from checks.source.c import Function
from checks.source.change import FileChange
from checks.source.pattern import pattern
from checks.source.steps import Step, follow
from checks.source.vocabulary import NOTIFY, is_core, is_exempt

META = Meta(
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    sources=("20260226202211.929005-3-mattev@meta.com",),
    words=NOTIFY,
)

_DISABLES = pattern(
    r"^(?:pci_disable_device|pcim_disable_device|pci_clear_master|\w+_(?:disable|disable_hw|hw_disable"
    r"|disable_device|power_off|poweroff|hw_fini|shutdown_hw))$"
)
_NOT_THE_DEVICE = pattern(
    r"irq|intr|interrupt|napi|preempt|migrat|runtime|autosuspend|wake|notif|debug|sysfs|work|msi"
    r"|tasklet|timer|trace|bh_|fault|event|clk|regulator|ats|pasid|feature|cap_"
)


def check(series: Series) -> Iterator[Hit]:
    revokes = frozenset(_revokes(series))
    if not revokes:
        return
    for patch in series.patches:
        for file in patch.change.touching(*(f"{name}(" for name in sorted(revokes))):
            if file.path.endswith(".c") and not is_exempt(file.path) and not is_core(file.path):
                for function in file.after.functions:
                    if function.name not in revokes:
                        yield from _function(patch, file, function, revokes)


def _revokes(series: Series) -> Iterator[str]:
    """Functions of the series that tell the importers."""
    for patch in series.mentioning(*NOTIFY):
        for file in patch.change.touching(*NOTIFY):
            if not is_core(file.path) and file.path.endswith(".c"):
                for function in file.after.functions:
                    if any(call.name in NOTIFY for call in function.calls):
                        yield function.name


def _function(
    patch: Patch, file: FileChange, function: Function, revokes: frozenset[str]
) -> Iterator[Hit]:
    order = _Order(revokes)
    if follow(function, order, "") is None:
        return
    for step in order.late.values():
        line = step.line
        if line is None or not file.is_new(line):
            continue
        yield Hit(
            patch,
            file,
            line,
            f"{order.disabled[step.row]}() has disabled the device already; please call "
            f"{step.name}() before it, so that importers are out before the memory is gone.",
            symbol=function.name,
            facts={"revoke": step.name, "disable": order.disabled[step.row]},
        )


class _Order:
    """State: what disabled the device, `revoked` once it was revoked before, or empty."""

    def __init__(self, revokes: frozenset[str]) -> None:
        self.revokes = revokes
        self.late: dict[int, Step] = {}
        self.disabled: dict[int, str] = {}

    def step(self, step: Step, state: str) -> Iterator[str]:
        if step.kind == "call" and not step.through:
            if step.name in self.revokes:
                if state not in ("", "revoked") and not _restores(step):
                    self.late[step.row], self.disabled[step.row] = step, state
                yield "revoked"
                return
            if not state and _DISABLES.match(step.name) and not _NOT_THE_DEVICE.search(step.name):
                yield step.name
                return
        yield state

    def test(self, condition: str, truth: bool, state: str) -> str:
        return state


def _restores(step: Step) -> bool:
    """Whether the call lets importers in again."""
    return step.arguments[-1:] in (("false",), ("0",)) or "restore" in step.name


_DRIVER = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -10,3 +10,22 @@
 
 #include "frob.h"
 
+static void frob_revoke(struct frob *frob, bool revoked)
+{
+	dma_resv_lock(frob->dmabuf->resv, NULL);
+	frob->revoked = revoked;
+	dma_buf_invalidate_mappings(frob->dmabuf);
+	dma_resv_wait_timeout(frob->dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP,
+			      false, MAX_SCHEDULE_TIMEOUT);
+	dma_resv_unlock(frob->dmabuf->resv);
+	wait_for_completion(&frob->unmapped);
+}
+
+static void frob_remove(struct pci_dev *pdev)
+{
+	struct frob *frob = pci_get_drvdata(pdev);
+
+	%s
+	%s
+}
+
"""

BAD = [
    Bad(
        _DRIVER % ("pci_disable_device(pdev);", "frob_revoke(frob, true);"),
        at=("frob_revoke(frob, true);",),
    ),
    Bad(
        _DRIVER % ("frob_hw_disable(frob);", "frob_revoke(frob, true);"),
        at=("frob_revoke(frob, true);",),
    ),
]

GOOD = [
    Good(_DRIVER % ("frob_revoke(frob, true);", "pci_disable_device(pdev);"), why="revoked first"),
    Good(
        _DRIVER % ("pci_disable_device(pdev);", "frob_revoke(frob, false);"),
        why="lets importers in again",
    ),
    Good(
        _DRIVER % ("pm_runtime_disable(&pdev->dev);", "frob_revoke(frob, true);"),
        why="the device is still there",
    ),
    Good(
        _DRIVER % ("frob_irq_disable(frob);", "frob_revoke(frob, true);"),
        why="only its interrupts are off",
    ),
]
