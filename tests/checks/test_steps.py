# SPDX-License-Identifier: GPL-2.0-or-later
"""The order of steps along the control flow, through helpers and with tests of parameters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from checks.source.steps import Step, follow
from tests.checks.build import diff_of, series_of

HELPERS = """\
#include <x.h>

static void wait_for(struct dma_buf *dmabuf)
{
	dma_resv_wait_timeout(dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP, false, MAX);
}

static void mark(struct frob *frob, bool revoked)
{
	if (revoked)
		frob->revoked = true;
	else
		frob->revoked = false;
}

"""


WAITED = (
    "wait_for(frob->dmabuf); "
    "dma_resv_wait_timeout(frob->dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP, false, MAX)"
)


class Trace:
    """A machine whose state is all that has happened."""

    def step(self, step: Step, state: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        if step.kind == "call":
            yield (*state, f"{step.name}({', '.join(step.arguments)})")
        elif step.kind == "store":
            yield (*state, f"{step.name} = {step.value}")
        else:
            yield state

    def test(self, condition: str, truth: bool, state: tuple[str, ...]) -> tuple[str, ...] | None:
        return None if condition == "NEVER" and truth else state


def traces(body: str) -> set[str]:
    text = HELPERS + f"void revoke(struct frob *frob, bool revoke)\n{{\n{body}\n}}\n"
    series = series_of(diff_of("", text))
    file = series.patches[0].change.files[0]
    function = next(f for f in file.after.functions if f.name == "revoke")
    ends = follow(function, Trace(), (), series.program.resolver(file))
    assert ends is not None
    return {"; ".join(end) for end in ends}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("a(); b();", {"a(); b()"}),
        ("if (x) a(); else b(); c();", {"a(); c()", "b(); c()"}),
        ("if (revoke) a(); b(); if (revoke) c(); else d();", {"a(); b(); c()", "b(); d()"}),
        ("if (revoke) a(); revoke = x(); if (!revoke) d();",
         {"a(); x(); d()", "x(); d()", "a(); x()", "x()"}),
        ("if (NEVER) a(); b();", {"b()"}),
        ("a(); if (a_fails) goto out; b(); out: c();", {"a(); b(); c()", "a(); c()"}),
        ("scoped_guard(mutex, &frob->lock) { a(); } b();",
         {"scoped_guard(mutex, &frob->lock); a(); b()"}),
        ("frob->revoked = true; frob->n++; a();", {"frob->revoked = true; frob->n = ; a()"}),
        ("mark(frob, true); a();", {"mark(frob, true); frob->revoked = true; a()"}),
        ("mark(frob, false);", {"mark(frob, false); frob->revoked = false"}),
        ("wait_for(frob->dmabuf);", {WAITED}),
        ("revoke(frob, true);", {"revoke(frob, true)"}),
    ],
)  # fmt: skip
def test_order(body: str, expected: set[str]) -> None:
    assert traces(body) == expected


def test_a_hopeless_function_is_given_up() -> None:
    body = "\n".join(f"if (x{n}) a{n}();" for n in range(12))
    text = f"void f(void)\n{{\n{body}\n}}\n"
    file = series_of(diff_of("", text)).patches[0].change.files[0]
    assert follow(file.after.functions[0], Trace(), ()) is None


def test_what_a_later_patch_leaves_is_the_program() -> None:
    stub = "int g(void)\n{\n\treturn 0;\n}\n"
    series = series_of(diff_of("", stub), diff_of(stub, stub.replace("return 0", "return h()")))
    place = series.program.function("g")
    assert place is not None
    assert [call.name for call in place.function.calls] == ["h"]
    assert place.patch.number == 2
    assert series.program.function("absent") is None


def test_a_header_s_stub_is_not_the_function() -> None:
    real = diff_of("", "void h(void)\n{\n\twork();\n}\n", "drivers/misc/frob.c")
    stub = diff_of("", "static inline void h(void)\n{\n}\n", "drivers/misc/frob.h")
    place = series_of(real + stub).program.function("h")
    assert place is not None
    assert place.file.path == "drivers/misc/frob.c"
