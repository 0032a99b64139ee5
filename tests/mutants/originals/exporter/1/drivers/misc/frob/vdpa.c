// SPDX-License-Identifier: GPL-2.0-only
#include <linux/module.h>

#include "frob.h"

static int frob_vdpa_probe(struct frob_device *frob, struct dma_buf *dmabuf)
{
	struct frob_vdpa *vdpa = frob->vdpa;

	return frob_dmabuf_phys(dmabuf, &vdpa->window);
}

static struct frob_driver frob_vdpa_driver = {
	.probe = frob_vdpa_probe,
};
module_frob_driver(frob_vdpa_driver);

MODULE_DESCRIPTION("Frobnicator vDPA");
MODULE_LICENSE("GPL");
