# SPDX-License-Identifier: GPL-2.0-or-later
"""The edition by contents, and how a series moves it forward."""

from __future__ import annotations

from checks.api import Edition
from checks.edition import detect
from checks.source.vocabulary import HELPER, SENTINEL
from tests.checks.build import diff_of, series_of

HEADER = "include/linux/dma-buf.h"
OPS = """\
struct dma_buf_attach_ops {
	bool allow_peer2peer;

	void (*%s)(struct dma_buf_attachment *attach);
};

"""
DRIVER = "static void frob(struct frob *f)\n{\n\t%s\n}\n"


class Tree:
    """The part of an object store that edition detection asks for."""

    def __init__(self, header: str) -> None:
        self.header = header

    def blob(self, oid: str) -> bytes | None:
        return None

    def file(self, path: str) -> bytes | None:
        return self.header.encode() if path == HEADER else None


def rename() -> str:
    return diff_of(OPS % "move_notify", OPS % "invalidate_mappings", HEADER)


def helper() -> str:
    after = OPS % "invalidate_mappings" + f"bool {HELPER}(struct dma_buf_attachment *attach);\n"
    return diff_of(OPS % "invalidate_mappings", after, HEADER)


def sentinel() -> str:
    after = OPS % "invalidate_mappings" + f"void {SENTINEL}(struct dma_buf_attachment *attach);\n"
    return diff_of(OPS % "invalidate_mappings", after, HEADER)


def use(code: str, context: str = "") -> str:
    return diff_of(DRIVER % context, DRIVER % f"{context}\n\t{code}", "drivers/misc/frob.c")


def test_the_context_tells() -> None:
    verdict = detect(series_of(use("go();", "dma_buf_move_notify(d);")))
    assert (verdict.base, verdict.known) == (Edition.MOVE_NOTIFY, True)


def test_what_new_code_uses_and_nobody_adds_tells() -> None:
    assert detect(series_of(use(f"{HELPER}(a);"))).base is Edition.MERGED
    assert detect(series_of(use("ops->invalidate_mappings(a);"))).base is Edition.RENAMED


def test_nothing_tells() -> None:
    verdict = detect(series_of(use("go();")))
    assert (verdict.base, verdict.known) == (Edition.MERGED, False)


def test_a_series_moves_it_patch_by_patch() -> None:
    verdict = detect(series_of(rename(), use("go();"), helper()))
    assert [verdict.after(n) for n in range(4)] == [
        Edition.MOVE_NOTIFY,
        Edition.RENAMED,
        Edition.RENAMED,
        Edition.MERGED,
    ]
    assert "moves it to merged" in verdict.reason


def test_the_sentinel_goes_before_the_helper() -> None:
    verdict = detect(series_of(sentinel(), helper()))
    assert (verdict.base, verdict.last) == (Edition.RENAMED, Edition.SEED)


def test_what_an_earlier_patch_added_is_no_context() -> None:
    later = diff_of(
        OPS % "invalidate_mappings" + f"void {SENTINEL}(struct dma_buf_attachment *attach);\n",
        OPS % "invalidate_mappings"
        + f"void {SENTINEL}(struct dma_buf_attachment *attach);\nint f(void);\n",
        HEADER,
    )
    assert detect(series_of(sentinel(), later)).base is Edition.RENAMED


def test_an_optional_callback_makes_null_the_signal() -> None:
    before = (
        DRIVER % "if (WARN_ON(importer_ops && !importer_ops->invalidate_mappings))\n\t\treturn;"
    )
    verdict = detect(
        series_of(rename(), diff_of(before, DRIVER % "go();", "drivers/dma-buf/dma-buf.c"))
    )
    assert verdict.last is Edition.MERGED


def test_a_tree_goes_before_the_series() -> None:
    tree = Tree(
        OPS % "invalidate_mappings" + f"bool {HELPER}(struct dma_buf_attachment *attach);\n"
    )
    assert (
        detect(series_of(use("go();", "dma_buf_move_notify(d);")), blobs=tree).base
        is Edition.MERGED
    )


def test_the_user_goes_before_all() -> None:
    verdict = detect(series_of(rename()), Edition.SEED)
    assert (verdict.base, verdict.last) == (Edition.SEED, Edition.SEED)


def test_the_notify_function_keeps_its_name_until_it_is_renamed() -> None:
    notify = diff_of(
        "void dma_buf_move_notify(int);\n", "void dma_buf_invalidate_mappings(int);\n", HEADER
    )
    verdict = detect(series_of(rename(), notify))
    assert [verdict.notify(n) for n in (1, 2)] == [
        "dma_buf_move_notify",
        "dma_buf_invalidate_mappings",
    ]


def test_a_driver_s_own_function_name_says_nothing() -> None:
    assert not detect(series_of(use("amdgpu_dma_buf_move_notify(a);"))).known
