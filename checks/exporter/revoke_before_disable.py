# SPDX-License-Identifier: GPL-2.0-or-later
"""Revoke dma-bufs before the hardware behind them goes away

Importers may access an exported buffer until the revoke is done: the fences
have signalled and everybody has unmapped.  A path that disables the device
first, and revokes afterwards, leaves them with addresses that nobody answers,
which ends in bus errors.  So the revoke comes first in close, remove and
shutdown paths.
"""

from collections.abc import Iterator
from typing import NamedTuple

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
    whole=True,
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
    if not any(series.mentioning(*NOTIFY)):
        return
    for patch in series.patches:
        for file in patch.change.touching("disable", "power", "hw_"):
            if file.path.endswith(".c") and not is_exempt(file.path) and not is_core(file.path):
                for function in file.after.functions:
                    if any(_disables(call.name) for call in function.calls):
                        yield from _function(series, patch, file, function)


def _disables(name: str) -> bool:
    return bool(_DISABLES.match(name)) and not _NOT_THE_DEVICE.search(name)


def _function(series: Series, patch: Patch, file: FileChange, function: Function) -> Iterator[Hit]:
    order = _Order()
    if follow(function, order, _State(), series.program.resolver(file)) is None:
        return
    for row, (revoke, disable) in order.late.items():
        line = function.fragment.shown(row)
        if line is None or not file.is_new(line):
            continue
        yield Hit(
            patch,
            file,
            line,
            f"{disable}() has disabled the device already; please call {revoke}() before it, so that "
            "importers are out before the memory is gone.",
            symbol=function.name,
            facts={"revoke": revoke, "disable": disable},
        )


class _State(NamedTuple):
    """What one path has done so far."""

    disabled: str = ""
    """What disabled the device; empty while it is there, or once importers were told before."""
    told: bool = False
    """Whether importers were told while the device was there."""
    row: int = 0
    call: str = ""
    """The call of the function itself that is being followed, and its row."""


class _Order:
    """Notes each call that tells importers only after the device was disabled."""

    def __init__(self) -> None:
        self.late: dict[int, tuple[str, str]] = {}

    def step(self, step: Step, state: _State) -> Iterator[_State]:
        if step.kind != "call" or step.through:
            yield state
            return
        if step.depth == 0:
            restores = step.arguments[-1:] in (("false",), ("0",)) or "restore" in step.name
            state = state._replace(row=step.row, call="" if restores else step.name)
        if step.name in NOTIFY and state.call:
            if state.disabled and not state.told:
                self.late[state.row] = state.call, state.disabled
            yield state._replace(told=True)
        elif step.depth == 0 and not state.disabled and _disables(step.name):
            yield state._replace(disabled=step.name)
        else:
            yield state

    def test(self, condition: str, truth: bool, state: _State) -> _State:
        return state


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
