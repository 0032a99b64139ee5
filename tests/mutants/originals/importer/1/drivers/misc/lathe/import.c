// SPDX-License-Identifier: GPL-2.0-only
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/module.h>

#include "lathe.h"

static void lathe_import_unmap(struct lathe_import *import)
{
	dma_resv_assert_held(import->attach->dmabuf->resv);

	if (!import->sgt)
		return;

	lathe_stop_dma(import->lathe, import);
	dma_buf_unmap_attachment(import->attach, import->sgt, DMA_BIDIRECTIONAL);
	import->sgt = NULL;
}

static void lathe_import_invalidate(struct dma_buf_attachment *attach)
{
	struct lathe_import *import = attach->importer_priv;

	lathe_import_unmap(import);
}

static const struct dma_buf_attach_ops lathe_import_ops = {
	.allow_peer2peer = true,
	.invalidate_mappings = lathe_import_invalidate,
};

struct lathe_import *lathe_import_get(struct lathe *lathe, int fd)
{
	struct lathe_import *import;
	struct dma_buf *dmabuf;
	int ret;

	import = kzalloc(sizeof(*import), GFP_KERNEL);
	if (!import)
		return ERR_PTR(-ENOMEM);

	dmabuf = dma_buf_get(fd);
	if (IS_ERR(dmabuf)) {
		ret = PTR_ERR(dmabuf);
		goto err_free;
	}

	import->lathe = lathe;
	import->attach = dma_buf_dynamic_attach(dmabuf, lathe->dev,
						&lathe_import_ops, import);
	if (IS_ERR(import->attach)) {
		ret = PTR_ERR(import->attach);
		goto err_put;
	}

	dma_resv_lock(dmabuf->resv, NULL);
	ret = dma_buf_pin(import->attach);
	if (ret)
		goto err_unlock;

	import->sgt = dma_buf_map_attachment(import->attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(import->sgt)) {
		ret = PTR_ERR(import->sgt);
		goto err_unpin;
	}

	ret = lathe_start_dma(lathe, import);
	if (ret)
		goto err_unmap;
	dma_resv_unlock(dmabuf->resv);

	return import;

err_unmap:
	dma_buf_unmap_attachment(import->attach, import->sgt, DMA_BIDIRECTIONAL);
err_unpin:
	dma_buf_unpin(import->attach);
err_unlock:
	dma_resv_unlock(dmabuf->resv);
	dma_buf_detach(dmabuf, import->attach);
err_put:
	dma_buf_put(dmabuf);
err_free:
	kfree(import);
	return ERR_PTR(ret);
}

void lathe_import_put(struct lathe_import *import)
{
	struct dma_buf *dmabuf = import->attach->dmabuf;

	dma_resv_lock(dmabuf->resv, NULL);
	lathe_import_unmap(import);
	dma_buf_unpin(import->attach);
	dma_resv_unlock(dmabuf->resv);

	dma_buf_detach(dmabuf, import->attach);
	dma_buf_put(dmabuf);
	kfree(import);
}

MODULE_DESCRIPTION("Lathe");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
