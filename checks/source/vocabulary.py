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
CORE = "drivers/dma-buf/dma-buf.c"
"""Where the core's functions and their kernel-doc are, and "DOC: locking convention"."""

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

NOT_UNDER_RESV = frozenset(
    {
        "dma_buf_export",
        "dma_buf_fd",
        "dma_buf_get",
        "dma_buf_put",
        "dma_buf_mmap",
        "dma_buf_begin_cpu_access",
        "dma_buf_end_cpu_access",
    }
)
"""Calls that the locking convention forbids under the lock, though they need not deadlock."""

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


CORE_SYMBOLS = frozenset(
    {
        *NOTIFY,
        *NEEDS_RESV,
        *NEEDS_RESV_SINCE_6_2,
        *TAKES_RESV,
        HELPER,
        "dma_buf_begin_cpu_access",
        "dma_buf_end_cpu_access",
        "dma_buf_export",
        "dma_buf_fd",
        "dma_buf_fd_install",
        "dma_buf_free_sgt",
        "dma_buf_get",
        "dma_buf_mmap",
        "dma_buf_phys_vec_to_sgt",
        "dma_buf_put",
    }
)
"""What drivers/dma-buf/dma-buf.c and dma-buf-mapping.c export into the namespace DMA_BUF."""

LISTED = frozenset(
    {
        *NOTIFY,
        *NEEDS_RESV,
        *NEEDS_RESV_SINCE_6_2,
        *TAKES_RESV,
        "dma_buf_begin_cpu_access",
        "dma_buf_end_cpu_access",
        "dma_buf_export",
        "dma_buf_fd",
        "dma_buf_get",
        "dma_buf_mmap",
        "dma_buf_put",
    }
)
"""What "DOC: locking convention" has in its lists, since v6.2."""

IMPORTERS: tuple[tuple[str, tuple[int, int]], ...] = (
    ("drivers/accel/amdxdna/", (6, 14)),
    ("drivers/accel/habanalabs/", (5, 16)),
    ("drivers/accel/ivpu/", (6, 3)),
    ("drivers/accel/qaic/", (6, 4)),
    ("drivers/gpu/drm/amd/", (5, 16)),
    ("drivers/gpu/drm/armada/", (5, 16)),
    ("drivers/gpu/drm/drm_", (5, 16)),
    ("drivers/gpu/drm/etnaviv/", (5, 16)),
    ("drivers/gpu/drm/exynos/", (5, 16)),
    ("drivers/gpu/drm/i915/", (5, 16)),
    ("drivers/gpu/drm/imagination/", (6, 8)),
    ("drivers/gpu/drm/omapdrm/", (5, 16)),
    ("drivers/gpu/drm/panthor/", (6, 10)),
    ("drivers/gpu/drm/tegra/", (5, 16)),
    ("drivers/gpu/drm/virtio/", (5, 16)),
    ("drivers/gpu/drm/vmwgfx/", (5, 16)),
    ("drivers/gpu/drm/xe/", (6, 8)),
    ("drivers/iio/industrialio-", (6, 11)),
    ("drivers/infiniband/core/", (5, 16)),
    ("drivers/iommu/iommufd/", (6, 19)),
    ("drivers/media/common/videobuf2/", (5, 16)),
    ("drivers/media/platform/nvidia/tegra-vde/", (5, 16)),
    ("drivers/misc/habanalabs/", (5, 16)),
    ("drivers/staging/media/tegra-vde/", (5, 16)),
    ("drivers/tee/", (6, 18)),
    ("drivers/usb/gadget/function/f_fs", (6, 9)),
    ("drivers/vfio/pci/", (6, 19)),
    ("drivers/xen/gntdev", (5, 16)),
    ("sound/core/compress", (6, 14)),
    ("sound/soc/fsl/fsl_", (6, 14)),
)
"""Starts of paths where some module imports the namespace DMA_BUF, and since which version."""

BUILTIN_DIRS = (
    "arch/",
    "block/",
    "drivers/android/",
    "drivers/base/",
    "drivers/dma-buf/",
    "init/",
    "io_uring/",
    "ipc/",
    "kernel/",
    "lib/",
    "mm/",
    "net/core/",
    "security/",
)
"""Directories whose code is built in, but for a few; modules need namespaces and it does not."""


_BRINGS = frozenset(
    {
        "DMABUF_HEAPS",
        "DRM",
        "IIO_BUFFER",
        "INFINIBAND",
        "INFINIBAND_USER_MEM",
        "QCOM_FASTRPC",
        "SYNC_FILE",
        "TEE",
        "TEGRA_HOST1X",
        "UDMABUF",
        "USB_FUNCTIONFS",
        "USB_F_FS",
        "V4L2_MEM2MEM_DEV",
        "VIRTIO_DMA_SHARED_BUFFER",
        "XEN_GNTDEV_DMABUF",
    }
)
"""CONFIG symbols that select DMA_SHARED_BUFFER, or depend on what does."""


def brings_dma_buf(name: str) -> bool | None:
    """Whether the CONFIG symbol `name` is known to need DMA_SHARED_BUFFER; None when it may."""
    if name in _BRINGS or name.startswith(("DRM_", "VIDEOBUF2_")):
        return True
    return None if name.startswith(("VIDEO_", "DVB_", "MEDIA_", "INFINIBAND_", "IIO_")) else False


_BATCHED = ("drivers/gpu/", "drivers/accel/")
"""DRM drivers wait for fences in TTM or their own scheduler, elsewhere and for many at once."""


def is_no_exporter(path: str) -> bool:
    """Whether the duties of an exporter that revokes do not hold in `path`."""
    return is_exempt(path) or is_core(path) or path.startswith(_BATCHED)
