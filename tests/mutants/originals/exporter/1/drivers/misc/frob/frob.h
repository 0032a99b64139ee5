/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _FROB_H
#define _FROB_H

#include <linux/completion.h>
#include <linux/dma-buf.h>
#include <linux/kref.h>
#include <linux/list.h>

struct frob_device {
	struct pci_dev *pdev;
	struct list_head dmabufs;
	struct mutex lock;
	struct address_space *mapping;
	struct frob_vdpa *vdpa;
};

struct frob_dmabuf {
	struct dma_buf *dmabuf;
	struct frob_device *frob;
	struct list_head node;
	struct phys_vec window;
	struct kref mappings;
	struct completion unmapped;
	bool revoked;
};

int frob_dmabuf_export(struct frob_device *frob, struct phys_vec *window);
void frob_dmabuf_revoke_all(struct frob_device *frob);
void frob_dmabuf_restore_all(struct frob_device *frob);
int frob_dmabuf_phys(struct dma_buf *dmabuf, struct phys_vec *window);

#endif
