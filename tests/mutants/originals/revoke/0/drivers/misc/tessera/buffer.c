// SPDX-License-Identifier: GPL-2.0-only
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/module.h>

#include "tessera.h"

static int tessera_buf_attach(struct dma_buf *dmabuf,
			      struct dma_buf_attachment *attachment)
{
	struct tessera_buf *tbuf = dmabuf->priv;

	if (!tessera_reachable(tbuf->card, attachment->dev))
		return -EOPNOTSUPP;

	return 0;
}

static int tessera_buf_pin(struct dma_buf_attachment *attachment)
{
	return -EOPNOTSUPP;
}

static void tessera_buf_unpin(struct dma_buf_attachment *attachment)
{
}

static struct sg_table *tessera_buf_map(struct dma_buf_attachment *attachment,
					enum dma_data_direction dir)
{
	struct tessera_buf *tbuf = attachment->dmabuf->priv;

	dma_resv_assert_held(attachment->dmabuf->resv);

	return tessera_sgt(tbuf, attachment, dir);
}

static void tessera_buf_unmap(struct dma_buf_attachment *attachment,
			      struct sg_table *sgt,
			      enum dma_data_direction dir)
{
	tessera_free_sgt(attachment, sgt, dir);
}

static void tessera_buf_release(struct dma_buf *dmabuf)
{
	struct tessera_buf *tbuf = dmabuf->priv;

	tessera_forget(tbuf);
	kfree(tbuf);
}

static const struct dma_buf_ops tessera_buf_ops = {
	.attach = tessera_buf_attach,
	.pin = tessera_buf_pin,
	.unpin = tessera_buf_unpin,
	.map_dma_buf = tessera_buf_map,
	.unmap_dma_buf = tessera_buf_unmap,
	.release = tessera_buf_release,
};

int tessera_buf_export(struct tessera_card *card, struct tessera_buf *tbuf)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);

	exp_info.ops = &tessera_buf_ops;
	exp_info.size = tbuf->size;
	exp_info.flags = O_RDWR;
	exp_info.priv = tbuf;

	tbuf->dmabuf = dma_buf_export(&exp_info);
	if (IS_ERR(tbuf->dmabuf))
		return PTR_ERR(tbuf->dmabuf);

	tbuf->card = card;
	return 0;
}

void tessera_buf_suspend(struct tessera_card *card)
{
	tessera_power_down(card);
}

MODULE_IMPORT_NS("DMA_BUF");
