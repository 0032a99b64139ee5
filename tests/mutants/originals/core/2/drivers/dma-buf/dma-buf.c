// SPDX-License-Identifier: GPL-2.0-only
/*
 * A stand-in for the dma-buf core, as far as the series below touches it.
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/export.h>

/**
 * DOC: locking convention
 *
 * Importers hold the reservation lock while they call:
 *
 *     - dma_buf_pin()
 *     - dma_buf_unpin()
 *     - dma_buf_map_attachment()
 *     - dma_buf_unmap_attachment()
 *
 * Exporters hold it while they call:
 *
 *     - dma_buf_invalidate_mappings()
 */

/**
 * dma_buf_dynamic_attach - put a device on the list of a buffer's users
 * @dmabuf: the buffer
 * @dev: the device
 * @importer_ops: what to call when the buffer moves
 * @importer_priv: handed back to the importer
 *
 * Returns the attachment, or an error pointer.
 */
struct dma_buf_attachment *
dma_buf_dynamic_attach(struct dma_buf *dmabuf, struct device *dev,
		       const struct dma_buf_attach_ops *importer_ops,
		       void *importer_priv)
{
	struct dma_buf_attachment *attach;

	attach = new_attachment(dmabuf, dev);
	if (!attach)
		return ERR_PTR(-ENOMEM);

	attach->importer_ops = importer_ops;
	attach->importer_priv = importer_priv;
	return link_attachment(dmabuf, attach);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_dynamic_attach, "DMA_BUF");

/**
 * dma_buf_unpin - let a pinned buffer move again
 * @attach: the attachment it was pinned through
 *
 * See &dma_buf_attach_ops.invalidate_mappings for what can follow.
 */
void dma_buf_unpin(struct dma_buf_attachment *attach)
{
	dma_resv_assert_held(attach->dmabuf->resv);
	drop_pin(attach);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_unpin, "DMA_BUF");

/**
 * dma_buf_invalidate_mappings - tell all importers that a buffer moves
 * @dmabuf: the buffer
 *
 * Calls every importer back.
 */
void dma_buf_invalidate_mappings(struct dma_buf *dmabuf)
{
	struct dma_buf_attachment *attach;

	dma_resv_assert_held(dmabuf->resv);

	list_for_each_entry(attach, &dmabuf->attachments, node)
		if (attach->importer_ops &&
		    attach->importer_ops->invalidate_mappings)
			attach->importer_ops->invalidate_mappings(attach);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_invalidate_mappings, "DMA_BUF");
