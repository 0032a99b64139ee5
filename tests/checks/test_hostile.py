# SPDX-License-Identifier: GPL-2.0-or-later
"""Diffs made to hurt: they are reviewed in seconds, and no rule falls over them."""

from __future__ import annotations

import time

import pytest

from checks import load_rules
from checks.runner import run
from tests.checks.build import series_of

SIZE = 200_000
SECONDS = 10.0
"""Of processor time; each takes about one, and took minutes or for ever before."""

SEED = [
    "/** dma_buf_x - revoke",
    " * @x",
    " */",
    "bool dma_buf_x(struct dma_buf_attachment *attach)",
    "{ return attach->importer_ops->move_notify && dma_buf_pin(attach); }",
    "EXPORT_SYMBOL_GPL(dma_buf_x);",
]
UNITS = ["a", "(", "{", "/*", '"', "@x", "EXPORT_SYMBOL(", "importer_ops->", ".a = b", "__free("]
NESTED = ["int f(void)", "{", *["if (x) {"] * 3000, "dma_buf_pin(a);", *["}"] * 3001]


def added(lines: list[str], path: str) -> str:
    body = "".join(f"+{line}\n" for line in lines)
    return f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -0,0 +1,{len(lines)} @@\n{body}"


SHAPES = {f"long line of {unit}": [*SEED, unit * (SIZE // len(unit))] for unit in UNITS}
SHAPES |= {f"many lines of {unit}": [*SEED, *[unit] * (SIZE // (len(unit) + 2))] for unit in UNITS}
SHAPES["nested blocks"] = NESTED


@pytest.mark.parametrize("path", ["drivers/dma-buf/dma-buf.c", "drivers/misc/frob.c"])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_ends_and_no_rule_crashes(shape: str, path: str) -> None:
    start = time.process_time()
    outcome = run(series_of(added(SHAPES[shape], path)), load_rules())
    assert time.process_time() - start < SECONDS
    assert outcome.errors == ()
