# SPDX-License-Identifier: GPL-2.0-or-later
"""The lock state of a call, along every kind of control flow."""

from __future__ import annotations

import pytest

from checks.source.change import FileChange
from checks.source.diff import split_sections
from checks.source.locks import walk_locks
from tests.checks.build import diff_of, patch_of

FRAME = "#include <x.h>\n\nint frob(struct dma_buf_attachment *attach, bool flag)\n{\n%s\n}\n"
LOCK, UNLOCK = (
    "dma_resv_lock(attach->dmabuf->resv, NULL);",
    "dma_resv_unlock(attach->dmabuf->resv);",
)


def states_of(body: str, call: str = "dma_buf_pin") -> set[str]:
    """States of the first call of `call`, with the entry state put in by the function's own evidence."""
    diff = diff_of("", FRAME % body)
    file = FileChange(split_sections(diff)[0], patch_of(diff))
    (function,) = file.after.functions
    facts = walk_locks(function)
    site = next(s for s in facts.sites if s.call.name == call)
    return {state.value for state in facts.resolved(site, facts.entry)}


@pytest.mark.parametrize(
    ("body", "states"),
    [
        (f"{LOCK} dma_buf_pin(attach); {UNLOCK}", {"held"}),
        (f"{LOCK} {UNLOCK} dma_buf_pin(attach);", {"free"}),
        (f"dma_buf_pin(attach); {LOCK}", {"free"}),
        (f"dma_buf_pin(attach); {UNLOCK}", {"held"}),
        ("dma_buf_pin(attach); dma_buf_detach(attach->dmabuf, attach);", {"free"}),
        ("dma_buf_pin(attach);", {"unknown"}),
        ("dma_resv_assert_held(attach->dmabuf->resv); dma_buf_pin(attach);", {"held"}),
        (
            f"ret = dma_resv_lock_interruptible(attach->dmabuf->resv, NULL); if (ret) return ret; dma_buf_pin(attach); {UNLOCK}",
            {"held"},
        ),
        (
            f"ret = dma_resv_lock(attach->dmabuf->resv, c); if (ret) dma_buf_pin(attach); else {UNLOCK}",
            {"free"},
        ),
        (
            f"ret = dma_resv_lock(attach->dmabuf->resv, c); if (ret < 0) goto out; {UNLOCK} return 0; out: dma_buf_pin(attach);",
            {"free"},
        ),
        (
            f"if (!dma_resv_trylock(attach->dmabuf->resv)) return 0; dma_buf_pin(attach); {UNLOCK}",
            {"held"},
        ),
        (
            f"if (dma_resv_trylock(attach->dmabuf->resv)) {{ dma_buf_pin(attach); {UNLOCK} }}",
            {"held"},
        ),
        (
            f"if (dma_resv_lock_interruptible(attach->dmabuf->resv, NULL)) return -1; dma_buf_pin(attach); {UNLOCK}",
            {"held"},
        ),
        (
            f"{LOCK} if (flag) goto out; {UNLOCK} return 0; out: dma_buf_pin(attach); {UNLOCK}",
            {"held"},
        ),
        (f"{LOCK} if (flag) {UNLOCK} dma_buf_pin(attach);", {"held", "free"}),
        (f"{LOCK} while (flag) {{ if (x) break; y(); }} dma_buf_pin(attach); {UNLOCK}", {"held"}),
        (f"for (;;) {{ {LOCK} if (x) break; {UNLOCK} }} dma_buf_pin(attach); {UNLOCK}", {"held"}),
        (f"do {{ {LOCK} {UNLOCK} }} while (x); dma_buf_pin(attach);", {"free"}),
        (
            f"{LOCK} switch (x) {{ case 1: {UNLOCK} return 0; default: break; }} dma_buf_pin(attach); {UNLOCK}",
            {"held"},
        ),
        (
            f"switch (x) {{ case 1: {LOCK} break; default: return 0; }} dma_buf_pin(attach); {UNLOCK}",
            {"held"},
        ),
        (f"{LOCK} ret = x ? dma_buf_pin(attach) : 0; {UNLOCK}", {"held"}),
        (f"{LOCK} list_for_each_entry(a, b, c) dma_buf_pin(attach); {UNLOCK}", {"held"}),
        (f"if (flag) {LOCK} dma_buf_pin(attach); if (flag) {UNLOCK}", {"free", "held"}),
        ("ttm_bo_reserve(bo, false, false, NULL); dma_buf_pin(attach);", {"unknown"}),
        ("dma_resv_lock(obj->resv, NULL); dma_buf_pin(attach);", {"unknown"}),
        ("if (!dma_resv_trylock(obj->resv)) return; dma_buf_pin(attach);", {"unknown"}),
        (
            "dma_resv_lock(obj->resv, NULL); dma_resv_unlock(obj->resv); dma_buf_pin(attach);",
            {"unknown"},
        ),
        (f"mutex_lock(&m); {LOCK} mutex_unlock(&m); dma_buf_pin(attach); {UNLOCK}", {"held"}),
    ],
)
def test_state(body: str, states: set[str]) -> None:
    assert states_of(body) == states


HELPERS = """\
static void grab(struct dma_buf_attachment *a)
{
	dma_resv_lock(a->dmabuf->resv, NULL);
}

static void drop(struct dma_buf_attachment *a)
{
	dma_resv_unlock(a->dmabuf->resv);
}

static int try(struct dma_buf_attachment *a)
{
	int ret = dma_resv_lock_interruptible(a->dmabuf->resv, NULL);

	if (ret)
		return ret;
	return 0;
}

static void both(struct dma_buf_attachment *a)
{
	grab(a);
	drop(a);
}

"""


@pytest.mark.parametrize(
    ("body", "states"),
    [
        ("grab(attach); dma_buf_pin(attach); drop(attach);", {"held"}),
        ("grab(attach); drop(attach); dma_buf_pin(attach);", {"free"}),
        ("dma_buf_pin(attach); drop(attach);", {"held"}),
        ("dma_buf_pin(attach); both(attach);", {"free"}),
        ("ret = try(attach); if (ret) return ret; dma_buf_pin(attach);", {"held"}),
        ("ret = try(attach); if (ret) dma_buf_pin(attach);", {"free"}),
        (f"{LOCK} both(attach); dma_buf_pin(attach);", {"unknown"}),
        ("unseen(attach); dma_buf_pin(attach);", {"unknown"}),
    ],
)
def test_helpers_are_followed(body: str, states: set[str]) -> None:
    diff = diff_of("", HELPERS + FRAME % body)
    file = FileChange(split_sections(diff)[0], patch_of(diff))
    functions = {function.name: function for function in file.after.functions}
    facts = walk_locks(functions["frob"], functions)
    site = next(s for s in facts.sites if s.call.name == "dma_buf_pin")
    assert {state.value for state in facts.resolved(site, facts.entry)} == states
