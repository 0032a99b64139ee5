// SPDX-License-Identifier: GPL-2.0-only
/*
 * Share windows of the card's memory as dma-bufs, and take them back.
 */
#include <linux/dma-buf.h>
#include <linux/dma-buf-mapping.h>
#include <linux/dma-resv.h>
#include <linux/module.h>

#include "frob.h"

static int frob_dmabuf_attach(struct dma_buf *dmabuf,
			      struct dma_buf_attachment *attachment)
{
	if (!attachment->peer2peer)
		return -EOPNOTSUPP;

	if (!dma_buf_attach_revocable(attachment))
		return -EOPNOTSUPP;

	return 0;
}

static void frob_dmabuf_unmapped(struct kref *kref)
{
	struct frob_dmabuf *buf = container_of(kref, struct frob_dmabuf, mappings);

	complete(&buf->unmapped);
}

static struct sg_table *frob_dmabuf_map(struct dma_buf_attachment *attachment,
					enum dma_data_direction dir)
{
	struct frob_dmabuf *buf = attachment->dmabuf->priv;
	struct sg_table *sgt;

	dma_resv_assert_held(buf->dmabuf->resv);

	if (buf->revoked)
		return ERR_PTR(-ENODEV);

	sgt = frob_window_to_sgt(buf, attachment->dev, dir);
	if (IS_ERR(sgt))
		return sgt;

	kref_get(&buf->mappings);
	return sgt;
}

static void frob_dmabuf_unmap(struct dma_buf_attachment *attachment,
			      struct sg_table *sgt,
			      enum dma_data_direction dir)
{
	struct frob_dmabuf *buf = attachment->dmabuf->priv;

	dma_buf_free_sgt(attachment, sgt, dir);
	kref_put(&buf->mappings, frob_dmabuf_unmapped);
}

static int frob_dmabuf_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct frob_dmabuf *buf = dmabuf->priv;

	if (READ_ONCE(buf->revoked))
		return -ENODEV;

	vma->vm_ops = &frob_vm_ops;
	vma->vm_private_data = buf;
	return 0;
}

static void frob_dmabuf_release(struct dma_buf *dmabuf)
{
	struct frob_dmabuf *buf = dmabuf->priv;

	mutex_lock(&buf->frob->lock);
	list_del_init(&buf->node);
	mutex_unlock(&buf->frob->lock);
	kfree(buf);
}

static const struct dma_buf_ops frob_dmabuf_ops = {
	.attach = frob_dmabuf_attach,
	.map_dma_buf = frob_dmabuf_map,
	.unmap_dma_buf = frob_dmabuf_unmap,
	.mmap = frob_dmabuf_mmap,
	.release = frob_dmabuf_release,
};

int frob_dmabuf_export(struct frob_device *frob, struct phys_vec *window)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);
	struct frob_dmabuf *buf;
	int ret;

	buf = kzalloc(sizeof(*buf), GFP_KERNEL);
	if (!buf)
		return -ENOMEM;

	buf->frob = frob;
	buf->window = *window;
	kref_init(&buf->mappings);
	init_completion(&buf->unmapped);

	exp_info.ops = &frob_dmabuf_ops;
	exp_info.size = window->len;
	exp_info.flags = O_RDWR;
	exp_info.priv = buf;
	buf->dmabuf = dma_buf_export(&exp_info);
	if (IS_ERR(buf->dmabuf)) {
		ret = PTR_ERR(buf->dmabuf);
		kfree(buf);
		return ret;
	}

	mutex_lock(&frob->lock);
	list_add_tail(&buf->node, &frob->dmabufs);
	mutex_unlock(&frob->lock);
	return dma_buf_fd(buf->dmabuf, O_CLOEXEC);
}

static void frob_dmabuf_revoke(struct frob_dmabuf *buf)
{
	struct dma_buf *dmabuf = buf->dmabuf;

	dma_resv_lock(dmabuf->resv, NULL);
	if (buf->revoked) {
		dma_resv_unlock(dmabuf->resv);
		return;
	}
	buf->revoked = true;
	unmap_mapping_range(buf->frob->mapping, 0, buf->window.len, 1);
	dma_buf_invalidate_mappings(dmabuf);
	dma_resv_wait_timeout(dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP, false,
			      MAX_SCHEDULE_TIMEOUT);
	dma_resv_unlock(dmabuf->resv);

	kref_put(&buf->mappings, frob_dmabuf_unmapped);
	wait_for_completion(&buf->unmapped);
}

void frob_dmabuf_revoke_all(struct frob_device *frob)
{
	struct frob_dmabuf *buf;

	mutex_lock(&frob->lock);
	list_for_each_entry(buf, &frob->dmabufs, node)
		frob_dmabuf_revoke(buf);
	mutex_unlock(&frob->lock);
}

void frob_dmabuf_restore_all(struct frob_device *frob)
{
	struct frob_dmabuf *buf;

	mutex_lock(&frob->lock);
	list_for_each_entry(buf, &frob->dmabufs, node) {
		kref_init(&buf->mappings);
		reinit_completion(&buf->unmapped);
		dma_resv_lock(buf->dmabuf->resv, NULL);
		buf->revoked = false;
		dma_resv_unlock(buf->dmabuf->resv);
	}
	mutex_unlock(&frob->lock);
}

int frob_dmabuf_phys(struct dma_buf *dmabuf, struct phys_vec *window)
{
	struct frob_dmabuf *buf = dmabuf->priv;

	dma_resv_assert_held(dmabuf->resv);

	if (buf->revoked)
		return -ENODEV;

	*window = buf->window;
	return 0;
}
EXPORT_SYMBOL_FOR_MODULES(frob_dmabuf_phys, "frob_vdpa");
