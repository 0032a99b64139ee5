# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of mutations: rule, what is broken, in which series, find, put."""

from __future__ import annotations

__all__ = ["TABLE"]

EXPORTERS = "exporter revoke old-exporter"
DROPPED = (
    r"^\t+(?:kref_put\(&buf->mappings, frob_dmabuf_unmapped\);\n\t|"
    r"if \(!refcount_dec_and_test\(&tbuf->users\)\)\n\t\t\t)"
)
"""The exporter's own count, given up right before it waits."""
NO_UNPIN = (
    r"((?:.*\n)*?)err_unpin:\n\tdma_buf_unpin.*\nerr_unlock:\n((?:.*\n)*?)\tdma_buf_unpin.*\n"
)
OPEN_CODED = """static inline void link_dynamic(struct dma_buf_attachment *attach)
{
	if (attach->importer_ops)
		count_dynamic(attach->dmabuf);
}

"""
IOCTL = """
static long dma_buf_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case DMA_BUF_IOCTL_REVOKE:
		return dma_buf_revoke(file->private_data);
	}
	return -ENOTTY;
}
"""
WAIT = r"^\t+dma_resv_wait_timeout\([^;]*;\n"
UNMAP_WAIT = r"^(\t+)wait_for_completion\((&\w+->\w+)\);\n"

TABLE: tuple[tuple[str, str, str, str, str], ...] = (
    # What the importer may still do, and how long the exporter waits.
    *(
        ("bookkeep-wait", f"wait for {usage} only", EXPORTERS,
         r"(dma_resv_wait_timeout\([^;]*)DMA_RESV_USAGE_BOOKKEEP", rf"\1DMA_RESV_USAGE_{usage}")
        for usage in ("KERNEL", "WRITE", "READ")
    ),
    ("fence-wait", "no wait for fences", EXPORTERS, WAIT, ""),
    ("fence-wait", "wait after the next use", "old-exporter",
     r"(^\tdma_resv_wait_timeout\([^;]*;\n)((?:.*\n)*?)(\tquern_card_free\(mem\);\n)", r"\2\3\1"),
    ("unmap-wait", "no wait for unmap", "exporter revoke",
     DROPPED + r"wait_for_completion\([^;]*;\n", ""),
    ("unmap-wait", "no wait for unmap", "old-exporter", r"^\twait_event\([^;]*;\n", ""),
    ("unmap-wait", "time limit, then a warning", "exporter revoke", UNMAP_WAIT,
     r"\1WARN_ON(!wait_for_completion_timeout(\2, HZ));\n"),
    ("unmap-wait", "time limit, then a message", "exporter revoke", UNMAP_WAIT,
     r'\1if (!wait_for_completion_timeout(\2, 5 * HZ))\n\1\tpr_warn("still mapped\\n");\n'),
    ("unmap-wait", "time limit, result ignored", "exporter revoke", UNMAP_WAIT,
     r"\1wait_for_completion_timeout(\2, HZ);\n"),
    ("unmap-wait", "time limit, result ignored", "old-exporter",
     r"wait_event\((.*)\);\n", r"wait_event_timeout(\1, HZ);\n"),
    ("unmap-wait", "interruptible wait, result ignored", "exporter revoke",
     r"wait_for_completion\(", "wait_for_completion_interruptible("),
    ("unmap-wait", "wait under the lock", "exporter",
     r"(^\tdma_resv_unlock\(dmabuf->resv\);\n)(\n\tkref_put\(.*\n\twait_for_completion\(.*\n)",
     r"\2\1"),
    ("unmap-wait", "wait under the lock", "old-exporter",
     r"(^\tdma_resv_unlock\(dmabuf->resv\);\n)\n(\twait_event\(.*\n)", r"\2\1"),
    ("wait-result", "remaining time taken for an error", EXPORTERS,
     r"^(static )?void (\w+\(struct \w+ \*\w+(?:, bool revoke)?\)\n\{\n(?:(?!\}).*\n)*?)\t(dma_resv_wait_timeout\([^;]*;\n)",
     r"\1int \2\tret = \3\tif (ret)\n\t\tgoto err_unlock;\n"),
    ("wait-result", "interruptible, result ignored", EXPORTERS,
     r"(dma_resv_wait_timeout\([^;]*)\bfalse\b", r"\1true"),
    ("wait-result", "time limit, result ignored", EXPORTERS,
     r"(dma_resv_wait_timeout\([^;]*)MAX_SCHEDULE_TIMEOUT", r"\1HZ"),
    # The flag.
    ("map-reject", "a revoked buffer is mapped", EXPORTERS,
     r"^\tif \(\w+->revoked\)\n\t\treturn ERR_PTR\(-ENODEV\);\n\n", ""),
    ("map-reject", "a revoked buffer's addresses are handed out", "exporter",
     r"^\tif \(buf->revoked\)\n\t\treturn -ENODEV;\n\n", ""),
    ("revoke-order", "told before the flag is set", EXPORTERS,
     r"(^\t\w+->revoked = \w+;\n)((?:\tunmap_mapping_range.*\n)?\tdma_buf_\w+\(.*\n)", r"\2\1"),
    ("revoke-order", "flag set before the lock is taken", EXPORTERS,
     r"(^\tdma_resv_lock\(.*\n)(?:\tif \(buf->revoked\) \{\n.*\n.*\n\t\}\n)?(\t\w+->revoked = \w+;\n)",
     r"\2\1"),
    ("revoke-order", "flag cleared before the count is armed", "exporter",
     r"(^\t\tkref_init.*\n\t\treinit_completion.*\n)(\t\tdma_resv_lock.*\n.*\n\t\tdma_resv_unlock.*\n)",
     r"\2\1"),
    ("revoke-order", "flag cleared without the lock", "exporter",
     r"^\t\tdma_resv_lock.*\n(\t\tbuf->revoked = false;\n)\t\tdma_resv_unlock.*\n", r"\1"),
    ("revoke-idempotent", "a second revoke drops the count again", "exporter",
     r"^\tif \(buf->revoked\) \{\n.*\n.*\n\t\}\n", ""),
    ("revoke-idempotent", "a second revoke drops the count again", "revoke",
     r"^\tif \(tbuf->revoked == revoke\)\n\t\treturn;\n\n", ""),
    ("mmap-zap", "CPU mappings stay", "exporter", r"^\tunmap_mapping_range\(.*\n", ""),
    # Counting.
    ("map-count", "no count when mapped", "exporter", r"^\tkref_get\(.*\n", ""),
    ("map-count", "no count when mapped", "revoke",
     r"^\tif \(!IS_ERR\(sgt\)\)\n\t\trefcount_inc\(.*\n", ""),
    ("map-count", "no count when mapped", "old-exporter", r"^\tatomic_inc\(.*\n", ""),
    ("map-count", "count not dropped when unmapped", "exporter",
     r"^\tkref_put\(.*\n(?=\})", ""),
    ("map-count", "count not dropped when unmapped", "revoke old-exporter",
     r"^\tif \((?:refcount|atomic)_dec_and_test\(.*\n\t\t(?:complete|wake_up)\(.*\n(?=\})", ""),
    ("map-count", "counted although it failed", "exporter old-exporter",
     r"(^\tif \(IS_ERR\(sgt\)\)\n\t\treturn sgt;\n\n)(\t(?:kref_get|atomic_inc)\(.*\n)", r"\2\1"),
    ("map-count", "counted although it failed", "revoke",
     r"^\tif \(!IS_ERR\(sgt\)\)\n\t\trefcount_inc", "\trefcount_inc"),
    ("map-count", "dropped before the mapping is gone", "exporter",
     r"(^\tdma_buf_free_sgt\(.*\n)(\tkref_put\(.*\n)", r"\2\1"),
    ("map-count", "dropped before the mapping is gone", "revoke old-exporter",
     r"(^\t\w+_free_sgt\(.*\n)(\tif \(\w+_dec_and_test\(.*\n.*\n)", r"\2\1"),
    # Whom to admit.
    ("pin-pair", "no unpin", "old-exporter", r"^\t\.unpin = .*\n", ""),
    ("pin-pair", "no pin", "old-exporter", r"^\t\.pin = .*\n", ""),
    ("pin-pair", "unpin forgotten when both go", "revoke",
     r"(tessera_buf_ops = \{\n\t\.attach = .*\n)(?=\t\.map)", r"\1\t.unpin = tessera_buf_unpin,\n"),
    ("revocable-check", "everybody may attach", "exporter revoke",
     r"^\tif \(!dma_buf_attach_revocable\(attachment\)\)\n\t\treturn -EOPNOTSUPP;\n\n", ""),
    ("revocable-check", "pinned importers may attach", "old-exporter",
     r"^\t\.pin = .*\n\t\.unpin = .*\n", ""),
    # Paths.
    ("restore-pair", "not restored", "revoke", r"^\ttessera_buf_revoke_all\(card, false\);\n", ""),
    ("restore-pair", "revoked again instead", "revoke",
     r"(tessera_buf_revoke_all\(card, )false", r"\1true"),
    ("restore-pair", "not restored when the reset fails", "revoke",
     r"(ret = tessera_hw_reset\(card\);\n)",
     r"\1\tif (ret) {\n\t\tmutex_unlock(&card->lock);\n\t\treturn ret;\n\t}\n"),
    ("revoke-before-disable", "the device goes first", "exporter",
     r"(^\tfrob_dmabuf_revoke_all\(frob\);\n)(\tpci_clear_master.*\n\tpci_disable_device.*\n)",
     r"\2\1"),
    ("file-reference", "wrong kind of put", "revoke",
     r"fput\(tbuf->dmabuf->file\)", "dma_buf_put(tbuf->dmabuf)"),
    # The core.
    ("core-revoked-state", "flag in the attachment", "core",
     r"(\tvoid \*importer_priv;\n)(?=\};)", r"\1\tbool revoked;\n"),
    ("core-revoked-state", "flag in the buffer", "core",
     r"(?=^void dma_buf_unpin\(.*\);)", "struct dma_buf {\n\tsize_t size;\n\tbool invalidated;\n};\n\n"),
    ("core-revoked-state", "the core refuses", "core",
     r"(struct dma_buf_attachment \*attach;\n\n)(?=\t(?:if|attach))",
     r"\1\tif (dmabuf->revoked)\n\t\treturn ERR_PTR(-ENODEV);\n\n"),
    ("revoke-ioctl", "an ioctl of the buffer's own", "core",
     r"(?<=\"DMA_BUF\"\);\n)\Z", IOCTL),
    # Importers.
    ("resv-lock", "released without the lock", "importer",
     r"^\tdma_resv_lock\(.*\n(\tlathe_import_unmap.*\n\tdma_buf_unpin.*\n)\tdma_resv_unlock.*\n",
     r"\1"),
    ("resv-lock", "unpinned after the unlock", "importer",
     r"(^\tdma_buf_unpin\(import->attach\);\n)(\tdma_resv_unlock\(dmabuf->resv\);\n)(?=\n\tdma_buf_detach)",
     r"\2\1"),
    ("resv-lock", "detached under the lock", "importer",
     r"(^\tdma_resv_unlock\(dmabuf->resv\);\n)\n?(\tdma_buf_detach.*\n)", r"\2\1"),
    ("resv-lock", "unlocked before the pin", "importer",
     r"(?=^\tret = dma_buf_pin)", "\tdma_resv_unlock(dmabuf->resv);\n"),
    ("resv-lock", "told after the unlock", "exporter old-exporter",
     r"^(\tdma_buf_\w+\(dmabuf\);\n)((?:.*\n)*?\tdma_resv_unlock.*\n)", r"\2\1"),
    ("resv-lock", "unmapped without the lock", "old-importer",
     r"^\t+dma_resv_lock\([^;]*;\n(\tif \(buffer->sgt\)\n.*\n.*\n.*\n)\tdma_resv_unlock.*\n", r"\1"),
    ("pin-balance", "a failed mapping stays pinned", "importer",
     r"(ret = PTR_ERR\(import->sgt\);\n\t\tgoto )err_unpin", r"\1err_unlock"),
    ("pin-balance", "the error path does not unpin", "importer",
     r"^err_unpin:\n\tdma_buf_unpin\(import->attach\);\n", "err_unpin:\n"),
    ("pin-balance", "pinned for good", "importer",
     r"^\tdma_buf_unpin\(import->attach\);\n(?=\tdma_resv_unlock\(dmabuf->resv\);\n\n)", ""),
    ("pin-after-attach", "mapped for good without a pin", "importer",
     r"^\tret = dma_buf_pin\(.*\n.*\n.*\n\n" + NO_UNPIN,
     r"\1err_unpin:\n\2"),
    ("stub-callback", "says so and goes on", "importer",
     r"(invalidate\(struct dma_buf_attachment \*attach\)\n\{\n)(?:.*\n)*?\}",
     r'\1\tdev_warn(attach->dev, "buffer was invalidated\\n");\n}'),
    ("stub-callback", "does nothing", "importer",
     r"(invalidate\(struct dma_buf_attachment \*attach\)\n\{\n)(?:.*\n)*?\}", r"\1}"),
    ("null-callback", "no callback where one is needed", "old-importer",
     r"^\t\.move_notify = .*\n", ""),
    ("callback-fence", "no room reserved", "fences",
     r"^\tif \(dma_resv_reserve_fences\(resv, 1\)\) \{\n.*\n.*\n\t\}\n", ""),
    ("callback-fence", "memory allocated after the fence", "fences",
     r"(^\tdma_resv_add_fence\([^;]*;\n)", r"\1\tbo->note = kzalloc(64, GFP_KERNEL);\n"),
    # The helper and its documentation.
    ("null-importer-ops", "operations taken for granted", "core",
     r"attach->importer_ops &&\n\t+", ""),
    ("callback-test", "another sentinel", "core",
     r"(\treturn attach->importer_ops &&\n\t +attach->importer_ops->invalidate_mappings);",
     r"\1 !=\n\t\t       dma_buf_unsupported_invalidate_mappings;"),
    ("callback-test", "the callback is not looked at", "core",
     r"return attach->importer_ops &&\n\t +attach->importer_ops->invalidate_mappings;",
     "return attach->importer_ops != NULL;"),
    ("callback-test", "NULL in place of the sentinel", "sentinel",
     r"(importer_ops->invalidate_mappings) !=\s+dma_buf_unsupported_invalidate_mappings;", r"\1;"),
    ("importer-only", "the exporter decides", "core",
     r"return (attach->importer_ops &&)", r"return dma_buf_is_dynamic(attach->dmabuf) && \1"),
    ("importer-only", "the exporter's pin decides", "core",
     r"return (attach->importer_ops &&)", r"return attach->dmabuf->ops->pin && \1"),
    ("move-notify-config", "an option that is gone", "core",
     r"return (attach->importer_ops &&)",
     r"return IS_ENABLED(CONFIG_DMABUF_MOVE_NOTIFY) && \1"),
    ("move-notify-config", "an option that is gone", "exporter",
     r"(\tselect )DMA_SHARED_BUFFER\n", r"\1DMA_SHARED_BUFFER\n\1DMABUF_MOVE_NOTIFY\n"),
    ("notify-kernel-doc", "the notify function is not documented", "core",
     r"^( \* Calls every importer back\.)  Dynamic(?:.*\n)*? \*/", r"\1\n */"),
    ("notify-fence-doc", "nothing of fences", "core",
     r"^ \* When this returns(?:.*\n)*?(?= \* Importers with the callback)", ""),
    ("callback-kernel-doc", "the member promises what was true before", "core",
     r"^\t \* What has to happen(?:.*\n)*?(?=\t \*/)",
     "\t * Old mappings keep working until the importer has replaced them.\n"),
    ("callback-kernel-doc", "the old member is documented", "core",
     r"^\t \* @invalidate_mappings:$", "\t * @move_notify:"),
    ("locking-list", "the old name stays", "core",
     r"^ \*     - dma_buf_invalidate_mappings\(\)", " *     - dma_buf_move_notify()"),
    ("locking-list", "a new function is missing", "core",
     r"^ \*     - dma_buf_remap_attachment\(\)\n", ""),
    ("kernel-doc-format", "no empty line before a list", "core",
     r"^ \*\n(?= \*  1\))", ""),
    ("kernel-doc-format", "no colon", "core", r"^ \* @sgt:", " * @sgt"),
    ("kernel-doc-format", "a parameter is missing", "core", r"^ \* @sgt: .*\n", ""),
    ("predicate-wrapper", "the wrapper goes", "core",
     r"^/\*\*\n \* dma_buf_attachment_is_dynamic(?:.*\n)*?\}\n\n", OPEN_CODED),
    ("stale-name", "the old member", "importer fences",
     r"^\t\.invalidate_mappings =", "\t.move_notify ="),
    ("stale-name", "the old function", "exporter revoke",
     r"dma_buf_invalidate_mappings\(", "dma_buf_move_notify("),
    # Exports and imports.
    ("core-namespace", "exported to everybody", "core",
     r"^EXPORT_SYMBOL_NS_GPL\((dma_buf_(?:attach_revocable|remap_attachment)), \"DMA_BUF\"\)",
     r"EXPORT_SYMBOL_GPL(\1)"),
    ("restrict-export", "addresses for everybody", "exporter",
     r"EXPORT_SYMBOL_FOR_MODULES\((\w+), .*\)", r"EXPORT_SYMBOL_GPL(\1)"),
    ("restrict-export", "the way out for everybody", "sentinel",
     r"EXPORT_SYMBOL_FOR_MODULES\((\w+), .*\)", r'EXPORT_SYMBOL_NS_GPL(\1, "DMA_BUF")'),
    *(
        ("export-syntax", f"{macro}({args})", "exporter",
         r"EXPORT_SYMBOL_FOR_MODULES\((\w+), .*\)", rf"{macro}(\1{args})")
        for macro, args in (
            ("EXPORT_SYMBOL_FOR_MODULES", ", frob_vdpa"),
            ("EXPORT_SYMBOL_FOR_MODULES", ""),
            ("EXPORT_SYMBOL_FOR_MODULES", ', "frob_vdpa, frob"'),
            ("EXPORT_SYMBOL_FOR_MODULES", ', "frob_vdpa", "frob"'),
            ("EXPORT_SYMBOL_FOR_MODULES", ', "frob_vdpa.ko"'),
            ("EXPORT_SYMBOL_FOR_MODULES", ', "module:frob_vdpa"'),
            ("EXPORT_SYMBOL_FOR_MODULE", ', "frob_vdpa"'),
            ("EXPORT_SYMBOL_GPL_FOR_MODULES", ', "frob_vdpa"'),
        )
    ),
    ("export-syntax", "macro that does not exist", "core",
     r"^EXPORT_SYMBOL_NS_GPL\((?=dma_buf_(?:attach_revocable|remap_attachment))",
     "EXPORT_SYMBOL_GPL_NS("),
    ("export-module-name", "no such module", "exporter",
     r'FOR_MODULES\((\w+), "frob_vdpa"\)', r'FOR_MODULES(\1, "vdpa")'),
    ("export-module-name", "not the caller's module", "exporter",
     r'FOR_MODULES\((\w+), "frob_vdpa"\)', r'FOR_MODULES(\1, "frob")'),
    ("namespace-import", "not imported", "exporter old-exporter importer old-importer fences",
     r"^MODULE_IMPORT_NS.*\n", ""),
    ("namespace-quotes", "import as before v6.13",
     "exporter old-exporter importer old-importer fences",
     r'MODULE_IMPORT_NS\("DMA_BUF"\)', "MODULE_IMPORT_NS(DMA_BUF)"),
    ("namespace-quotes", "export as before v6.13", "core",
     r'(^EXPORT_SYMBOL_NS_GPL\(dma_buf_(?:attach_revocable|remap_attachment), )"DMA_BUF"',
     r"\1DMA_BUF"),
    ("kconfig-dependency", "nothing selected", "exporter importer old-exporter fences",
     r"^\tselect DMA_SHARED_BUFFER\n", ""),
)  # fmt: skip
