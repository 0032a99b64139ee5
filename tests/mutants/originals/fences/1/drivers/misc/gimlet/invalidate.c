// SPDX-License-Identifier: GPL-2.0-only
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/module.h>

#include "gimlet.h"

static void gimlet_invalidate(struct dma_buf_attachment *attach)
{
	struct gimlet_bo *bo = attach->importer_priv;
	struct dma_resv *resv = attach->dmabuf->resv;
	struct dma_fence *fence;

	if (!bo->valid)
		return;

	bo->valid = false;
	bo->stale = bo->sgt;
	schedule_work(&bo->unmap_work);
	if (dma_resv_reserve_fences(resv, 1)) {
		gimlet_stop(bo);
		return;
	}

	fence = gimlet_flush_fence(bo);
	dma_resv_add_fence(resv, fence, DMA_RESV_USAGE_BOOKKEEP);
	dma_fence_put(fence);
}

static void gimlet_unmap_work(struct work_struct *work)
{
	struct gimlet_bo *bo = container_of(work, struct gimlet_bo, unmap_work);
	struct dma_resv *resv = bo->attach->dmabuf->resv;
	long left;

	dma_resv_lock(resv, NULL);
	left = dma_resv_wait_timeout(resv, DMA_RESV_USAGE_BOOKKEEP, false,
				     msecs_to_jiffies(1000));
	if (left <= 0)
		gimlet_stop(bo);
	dma_buf_unmap_attachment(bo->attach, bo->stale, DMA_BIDIRECTIONAL);
	bo->stale = NULL;
	dma_resv_unlock(resv);
}

static const struct dma_buf_attach_ops gimlet_attach_ops = {
	.allow_peer2peer = true,
	.invalidate_mappings = gimlet_invalidate,
};

int gimlet_validate(struct gimlet_bo *bo)
{
	struct sg_table *sgt;

	dma_resv_assert_held(bo->attach->dmabuf->resv);

	if (bo->valid)
		return 0;

	if (bo->stale)
		return -EAGAIN;

	sgt = dma_buf_map_attachment(bo->attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(sgt))
		return PTR_ERR(sgt);

	bo->sgt = sgt;
	bo->valid = true;
	return gimlet_bind(bo);
}

int gimlet_attach(struct gimlet *gimlet, struct gimlet_bo *bo, struct dma_buf *dmabuf)
{
	INIT_WORK(&bo->unmap_work, gimlet_unmap_work);
	bo->attach = dma_buf_dynamic_attach(dmabuf, gimlet->dev, &gimlet_attach_ops, bo);
	return PTR_ERR_OR_ZERO(bo->attach);
}

MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
