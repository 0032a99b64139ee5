// SPDX-License-Identifier: GPL-2.0-only
#include <linux/module.h>
#include <linux/pci.h>

#include "frob.h"

static int frob_reset(struct frob_device *frob)
{
	int ret;

	frob_dmabuf_revoke_all(frob);
	ret = pci_reset_function(frob->pdev);
	frob_dmabuf_restore_all(frob);
	return ret;
}

static void frob_remove(struct pci_dev *pdev)
{
	struct frob_device *frob = pci_get_drvdata(pdev);

	frob_dmabuf_revoke_all(frob);
	pci_clear_master(pdev);
	pci_disable_device(pdev);
}

static struct pci_driver frob_driver = {
	.name = "frob",
	.probe = frob_probe,
	.remove = frob_remove,
};
module_pci_driver(frob_driver);

MODULE_DESCRIPTION("Frobnicator");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
