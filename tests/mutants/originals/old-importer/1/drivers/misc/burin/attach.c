// SPDX-License-Identifier: GPL-2.0-only
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/module.h>

#include "burin.h"

static void burin_move_notify(struct dma_buf_attachment *attach)
{
	struct burin_buffer *buffer = attach->importer_priv;

	burin_zap_ptes(buffer);
	buffer->mapped = false;
	schedule_work(&buffer->remap);
}

static const struct dma_buf_attach_ops burin_attach_ops = {
	.allow_peer2peer = true,
	.move_notify = burin_move_notify,
};

static int burin_map(struct burin_buffer *buffer)
{
	int ret;

	ret = dma_resv_lock_interruptible(buffer->dmabuf->resv, NULL);
	if (ret)
		return ret;

	buffer->sgt = dma_buf_map_attachment(buffer->attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(buffer->sgt)) {
		ret = PTR_ERR(buffer->sgt);
		buffer->sgt = NULL;
		goto unlock;
	}

	buffer->mapped = true;
	burin_set_ptes(buffer);
unlock:
	dma_resv_unlock(buffer->dmabuf->resv);
	return ret;
}

static void burin_remap_work(struct work_struct *work)
{
	struct burin_buffer *buffer = container_of(work, struct burin_buffer, remap);

	dma_resv_lock(buffer->dmabuf->resv, NULL);
	if (buffer->sgt)
		dma_buf_unmap_attachment(buffer->attach, buffer->sgt,
					 DMA_BIDIRECTIONAL);
	buffer->sgt = NULL;
	dma_resv_unlock(buffer->dmabuf->resv);

	burin_map(buffer);
}

int burin_attach(struct burin *burin, struct burin_buffer *buffer)
{
	INIT_WORK(&buffer->remap, burin_remap_work);
	buffer->attach = dma_buf_dynamic_attach(buffer->dmabuf, burin->dev,
						&burin_attach_ops, buffer);
	if (IS_ERR(buffer->attach))
		return PTR_ERR(buffer->attach);

	return burin_map(buffer);
}

MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
