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

	if (!dma_buf_attach_revocable(attachment))
		return -EOPNOTSUPP;

	return 0;
}

static struct sg_table *tessera_buf_map(struct dma_buf_attachment *attachment,
					enum dma_data_direction dir)
{
	struct tessera_buf *tbuf = attachment->dmabuf->priv;
	struct sg_table *sgt;

	dma_resv_assert_held(attachment->dmabuf->resv);

	if (tbuf->revoked)
		return ERR_PTR(-ENODEV);

	sgt = tessera_sgt(tbuf, attachment, dir);
	if (!IS_ERR(sgt))
		refcount_inc(&tbuf->users);

	return sgt;
}

static void tessera_buf_unmap(struct dma_buf_attachment *attachment,
			      struct sg_table *sgt,
			      enum dma_data_direction dir)
{
	struct tessera_buf *tbuf = attachment->dmabuf->priv;

	tessera_free_sgt(attachment, sgt, dir);
	if (refcount_dec_and_test(&tbuf->users))
		complete(&tbuf->idle);
}

static void tessera_buf_release(struct dma_buf *dmabuf)
{
	struct tessera_buf *tbuf = dmabuf->priv;

	tessera_forget(tbuf);
	kfree(tbuf);
}

static const struct dma_buf_ops tessera_buf_ops = {
	.attach = tessera_buf_attach,
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
	refcount_set(&tbuf->users, 1);
	init_completion(&tbuf->idle);
	return 0;
}

static void tessera_buf_revoke(struct tessera_buf *tbuf, bool revoke)
{
	if (tbuf->revoked == revoke)
		return;

	if (!revoke) {
		refcount_set(&tbuf->users, 1);
		reinit_completion(&tbuf->idle);
	}

	dma_resv_lock(tbuf->dmabuf->resv, NULL);
	tbuf->revoked = revoke;
	dma_buf_invalidate_mappings(tbuf->dmabuf);
	dma_resv_wait_timeout(tbuf->dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP,
			      false, MAX_SCHEDULE_TIMEOUT);
	dma_resv_unlock(tbuf->dmabuf->resv);

	if (revoke) {
		if (!refcount_dec_and_test(&tbuf->users))
			wait_for_completion(&tbuf->idle);
	}
}

static void tessera_buf_revoke_all(struct tessera_card *card, bool revoke)
{
	struct tessera_buf *tbuf;

	lockdep_assert_held(&card->lock);

	list_for_each_entry(tbuf, &card->bufs, node) {
		if (!get_file_active(&tbuf->dmabuf->file))
			continue;
		tessera_buf_revoke(tbuf, revoke);
		fput(tbuf->dmabuf->file);
	}
}

int tessera_buf_reset(struct tessera_card *card)
{
	int ret;

	mutex_lock(&card->lock);
	tessera_buf_revoke_all(card, true);
	ret = tessera_hw_reset(card);
	tessera_buf_revoke_all(card, false);
	mutex_unlock(&card->lock);
	return ret;
}

void tessera_buf_suspend(struct tessera_card *card)
{
	mutex_lock(&card->lock);
	tessera_buf_revoke_all(card, true);
	mutex_unlock(&card->lock);
	tessera_power_down(card);
}

MODULE_IMPORT_NS("DMA_BUF");
