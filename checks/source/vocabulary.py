# SPDX-License-Identifier: GPL-2.0-or-later
"""The contract's names, as data: they have changed twice and may change again.

One table for each kind of name.  Rules and editions read these; nothing here
decides anything.  Sources: drivers/dma-buf/dma-buf.c ("DOC: locking
convention"), include/linux/dma-buf.h, and the series that renamed them,
20260131-dmabuf-revoke-v7-0-463d956bd527@nvidia.com.
"""

from __future__ import annotations

from checks.source.pattern import pattern

OLD_NOTIFY = "dma_buf_move_notify"
NEW_NOTIFY = "dma_buf_invalidate_mappings"
NOTIFY = (OLD_NOTIFY, NEW_NOTIFY)
"""The exporter's call that tells all importers."""

OLD_CALLBACK = "move_notify"
NEW_CALLBACK = "invalidate_mappings"
CALLBACKS = (OLD_CALLBACK, NEW_CALLBACK)
"""The importer's callback, a member of struct dma_buf_attach_ops."""

HELPER = "dma_buf_attach_revocable"
"""The helper as merged."""

SENTINEL = "dma_buf_unsupported_invalidate_mappings"
"""The function that the seed review asks for: a named way to opt out."""

SENTINEL_MODULE = "ib_uverbs"
"""The module that the sentinel is for: drivers/infiniband/core/umem_dmabuf.o is part of it."""

ATTACH_OPS = "dma_buf_attach_ops"
EXPORTER_OPS = "dma_buf_ops"

CORE_DIRS = ("drivers/dma-buf/",)
HEADER = "include/linux/dma-buf.h"
"""Where the ops structs and the helpers are declared: it tells the edition of a tree."""

CORE_HEADERS = (HEADER, "include/linux/dma-buf-mapping.h")

NEEDS_RESV = frozenset({"dma_buf_pin", "dma_buf_unpin", *NOTIFY})
"""Calls that assert the reservation lock, in every kernel that has them."""

NEEDS_RESV_SINCE_6_2 = frozenset(
    {"dma_buf_map_attachment", "dma_buf_unmap_attachment", "dma_buf_vmap", "dma_buf_vunmap"}
)
"""Calls that assert it since v6.2 (20221017172229.42269-20-dmitry.osipenko@collabora.com)."""

TAKES_RESV = frozenset(
    {
        "dma_buf_attach",
        "dma_buf_dynamic_attach",
        "dma_buf_detach",
        "dma_buf_map_attachment_unlocked",
        "dma_buf_unmap_attachment_unlocked",
        "dma_buf_vmap_unlocked",
        "dma_buf_vunmap_unlocked",
    }
)
"""Calls that take the reservation lock themselves."""

CALLED_LOCKED = {
    ATTACH_OPS: frozenset(CALLBACKS),
    EXPORTER_OPS: frozenset({"pin", "unpin", "map_dma_buf", "unmap_dma_buf", "vmap", "vunmap"}),
}
"""Ops that the core calls with the reservation lock held, by struct type."""

_RENAMES = {OLD_NOTIFY: NEW_NOTIFY, OLD_CALLBACK: NEW_CALLBACK}
_RENAMED = pattern(r"\b(?:" + "|".join(_RENAMES) + r")\b")


def canonical(text: str) -> str:
    """Return `text` with today's names and single blanks: what is equal by this is only renamed."""
    if "move_notify" in text:
        text = _RENAMED.sub(lambda m: _RENAMES[m.group()], text)
    return " ".join(text.split())


def is_core(path: str) -> bool:
    """Whether `path` is the dma-buf core: the sources or headers whose text is the contract."""
    return path.startswith(CORE_DIRS) or path in CORE_HEADERS


_EXEMPT = pattern(
    r"(?:^|/)(?:tests?|selftests?|samples|Documentation)/|selftest|kunit|mock|(?:^|/)st-dma-|tools/testing/"
)


def is_exempt(path: str) -> bool:
    """Whether `path` is a test, mock or sample, where the duties of users do not hold."""
    return _EXEMPT.search(path) is not None
