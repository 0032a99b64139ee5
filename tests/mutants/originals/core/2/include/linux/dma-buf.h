/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __DMA_BUF_H__
#define __DMA_BUF_H__

/**
 * struct dma_buf_attach_ops - what an importer wants to be called for
 * @allow_peer2peer: it copes with peer device memory
 */
struct dma_buf_attach_ops {
	bool allow_peer2peer;

	/**
	 * @invalidate_mappings: [optional]
	 *
	 * If this callback is missing the buffer is pinned for the importer.
	 * It runs with the reservation lock held.
	 *
	 * Old mappings keep working until the importer has replaced them.
	 */
	void (*invalidate_mappings)(struct dma_buf_attachment *attach);
};

/**
 * struct dma_buf_attachment - one device's use of a buffer
 * @dmabuf: the buffer
 * @dev: the device
 * @importer_ops: of the importer, may be NULL
 * @importer_priv: of the importer
 */
struct dma_buf_attachment {
	struct dma_buf *dmabuf;
	struct device *dev;
	const struct dma_buf_attach_ops *importer_ops;
	void *importer_priv;
};

/**
 * dma_buf_attachment_is_dynamic - does the importer follow a moving buffer
 * @attach: its attachment
 */
static inline bool
dma_buf_attachment_is_dynamic(struct dma_buf_attachment *attach)
{
	return !!attach->importer_ops;
}

void dma_buf_unpin(struct dma_buf_attachment *attach);
void dma_buf_invalidate_mappings(struct dma_buf *dmabuf);

#endif
