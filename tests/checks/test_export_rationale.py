# SPDX-License-Identifier: GPL-2.0-or-later
"""What counts as a reason for an export: messages, which the rule's examples can't have."""

from __future__ import annotations

import pytest

from checks import load_rules
from checks.api import Confidence, Patch, Series
from checks.runner import run

EXPORT = """\
diff --git a/drivers/dma-buf/frob.c b/drivers/dma-buf/frob.c
--- a/drivers/dma-buf/frob.c
+++ b/drivers/dma-buf/frob.c
@@ -202,3 +202,4 @@ const char *frob_name(struct frob *frob)
 	return frob->name;
 }
+EXPORT_SYMBOL_GPL(frob_name);
 
"""
SIGNED = "\n\nSigned-off-by: A Developer <for-use-by-modules@example.org>\n"


def found(message: str, *, cover: str = "", total: int = 1) -> list[Confidence]:
    """The confidence of each finding on one patch with `message`."""
    patch = Patch(1, "t@example.org", "[PATCH] dma-buf: export frob_name()", message, EXPORT)
    series = Series(patch.msgid, patch.subject, 1, (patch,), total, None, cover)
    rules = tuple(rule for rule in load_rules() if rule.id == "export-rationale")
    outcome = run(series, rules)
    assert outcome.errors == ()
    return [finding.confidence for finding in outcome.findings]


@pytest.mark.parametrize(
    "message", ["", "Export frob_name().", "Export what <linux/frob.h> declares."]
)
def test_a_message_that_says_what_the_diff_says(message: str) -> None:
    assert found(message + SIGNED) == [Confidence.MEDIUM]


@pytest.mark.parametrize(
    "message",
    [
        "Export frob_name() for the frob heap.",
        "The frob heap can be a module with this.",
        "The OP-TEE driver calls frob_name().",
        'Export frob_name().\n\nFixes: 0123456789ab ("dma-buf: add frob")',
        "word " * 41,
    ],
)
def test_a_message_with_a_reason(message: str) -> None:
    assert found(message + SIGNED) == []


def test_a_cover_letter_with_a_reason() -> None:
    assert found("Export frob_name().", cover="Patch 1 exports the name.") == []
    assert found("Export frob_name().", cover="Tidy up.") == [Confidence.MEDIUM]


def test_the_user_may_be_in_a_part_that_is_missing() -> None:
    assert found("Export frob_name().", total=3) == [Confidence.LOW]
