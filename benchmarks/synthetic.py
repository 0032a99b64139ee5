# SPDX-License-Identifier: GPL-2.0-or-later
"""A patch of any length in which every rule has something to look at.

It adds a driver that imports and exports, and functions of the core with their
comments and exports; each function stands there as often as is asked for,
under another name.
"""

from __future__ import annotations

from checks.api import Patch

__all__ = ["synthetic"]

DRIVER = """\
static int frob_import_N(struct frob *frob, struct dma_buf *dmabuf)
{
	struct dma_buf_attachment *attach;
	int ret;

	attach = dma_buf_dynamic_attach(dmabuf, frob->dev, &frob_attach_ops_N, frob);
	if (IS_ERR(attach))
		return PTR_ERR(attach);
	dma_resv_lock(dmabuf->resv, NULL);
	ret = dma_buf_pin(attach);
	if (ret)
		goto err_unlock;
	frob->sgt = dma_buf_map_attachment(attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(frob->sgt)) {
		ret = PTR_ERR(frob->sgt);
		goto err_unpin;
	}
	dma_resv_unlock(dmabuf->resv);
	return 0;

err_unpin:
	dma_buf_unpin(attach);
err_unlock:
	dma_resv_unlock(dmabuf->resv);
	dma_buf_detach(dmabuf, attach);
	return ret;
}

static void frob_invalidate_N(struct dma_buf_attachment *attach)
{
	struct frob *frob = attach->importer_priv;

	dma_resv_wait_timeout(attach->dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP, false, HZ);
	dma_buf_unmap_attachment(attach, frob->sgt, DMA_BIDIRECTIONAL);
}

static const struct dma_buf_attach_ops frob_attach_ops_N = {
	.allow_peer2peer = true,
	.invalidate_mappings = frob_invalidate_N,
};

static void frob_revoke_N(struct frob *frob, bool revoked)
{
	dma_resv_lock(frob->dmabuf->resv, NULL);
	frob->revoked = revoked;
	dma_buf_invalidate_mappings(frob->dmabuf);
	dma_resv_wait_timeout(frob->dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP, false, HZ);
	dma_resv_unlock(frob->dmabuf->resv);
}

static struct sg_table *frob_map_N(struct dma_buf_attachment *attach, enum dma_data_direction dir)
{
	struct frob *frob = attach->dmabuf->priv;

	if (frob->revoked)
		return ERR_PTR(-ENODEV);
	return frob_sgt(frob, dir);
}

static const struct dma_buf_ops frob_ops_N = {
	.pin = frob_pin_N,
	.unpin = frob_unpin_N,
	.map_dma_buf = frob_map_N,
	.unmap_dma_buf = frob_unmap_N,
	.release = frob_release_N,
};

"""

CORE = """\
/**
 * dma_buf_frob_N - tell whether the importer of @attach can be revoked
 * @attach: [in]	attachment to ask about
 *
 * To be called by exporters with the reservation lock held. A true answer
 * promises that the importer unmaps after dma_buf_invalidate_mappings().
 */
bool dma_buf_frob_N(struct dma_buf_attachment *attach)
{
	dma_resv_assert_held(attach->dmabuf->resv);

	return attach->importer_ops && attach->importer_ops->invalidate_mappings;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_frob_N, "DMA_BUF");

"""


def synthetic(functions: int) -> Patch:
    """A patch that adds each template `functions` times."""
    diff = _added("drivers/misc/frob.c", DRIVER, functions)
    diff += _added("drivers/dma-buf/dma-buf-frob.c", CORE, functions)
    return Patch(1, "synthetic@localhost", "[PATCH] frob: grow", "Grow.", diff)


def _added(path: str, template: str, times: int) -> str:
    text = "".join(template.replace("_N", f"_{number}") for number in range(times))
    lines = text.split("\n")[:-1]
    head = f"diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n"
    return head + f"@@ -0,0 +1,{len(lines)} @@\n" + "".join(f"+{line}\n" for line in lines)
