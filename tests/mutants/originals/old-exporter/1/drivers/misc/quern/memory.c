// SPDX-License-Identifier: GPL-2.0-only
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/module.h>

#include "quern.h"

static int quern_memory_pin(struct dma_buf_attachment *attach)
{
	/* The card may need its memory back at any time. */
	return -EOPNOTSUPP;
}

static void quern_memory_unpin(struct dma_buf_attachment *attach)
{
}

static struct sg_table *quern_memory_map(struct dma_buf_attachment *attach,
					 enum dma_data_direction dir)
{
	struct quern_memory *mem = attach->dmabuf->priv;
	struct sg_table *sgt;

	if (mem->revoked)
		return ERR_PTR(-ENODEV);

	sgt = quern_memory_sgt(mem, attach->dev, dir);
	if (IS_ERR(sgt))
		return sgt;

	atomic_inc(&mem->maps);
	return sgt;
}

static void quern_memory_unmap(struct dma_buf_attachment *attach,
			       struct sg_table *sgt,
			       enum dma_data_direction dir)
{
	struct quern_memory *mem = attach->dmabuf->priv;

	quern_memory_free_sgt(attach->dev, sgt, dir);
	if (atomic_dec_and_test(&mem->maps))
		wake_up(&mem->wait);
}

static void quern_memory_release(struct dma_buf *dmabuf)
{
	kfree(dmabuf->priv);
}

static const struct dma_buf_ops quern_memory_ops = {
	.pin = quern_memory_pin,
	.unpin = quern_memory_unpin,
	.map_dma_buf = quern_memory_map,
	.unmap_dma_buf = quern_memory_unmap,
	.release = quern_memory_release,
};

struct dma_buf *quern_memory_share(struct quern_memory *mem)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);

	init_waitqueue_head(&mem->wait);
	exp_info.ops = &quern_memory_ops;
	exp_info.size = mem->size;
	exp_info.flags = O_RDWR;
	exp_info.priv = mem;
	return dma_buf_export(&exp_info);
}

void quern_memory_take_back(struct quern_memory *mem)
{
	struct dma_buf *dmabuf = mem->dmabuf;

	dma_resv_lock(dmabuf->resv, NULL);
	mem->revoked = true;
	dma_buf_move_notify(dmabuf);
	dma_resv_wait_timeout(dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP, false,
			      MAX_SCHEDULE_TIMEOUT);
	dma_resv_unlock(dmabuf->resv);

	wait_event(mem->wait, !atomic_read(&mem->maps));
	quern_card_free(mem);
}

MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
