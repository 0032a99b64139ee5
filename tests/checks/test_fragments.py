# SPDX-License-Identifier: GPL-2.0-or-later
"""Facts out of hunks that start and end anywhere."""

from __future__ import annotations

import pytest

from checks.source.change import FileChange
from checks.source.image import Image
from tests.checks.build import diff_of, patch_of

DRIVER = """\
#include <linux/dma-buf.h>

struct frob {
	struct dma_buf_attachment *attach;
	int count;
};

/**
 * frob_start - start frobbing
 * @frob: what to frob
 *
 * Returns 0 or an error.
 */
static int frob_start(struct frob *frob, struct device *dev,
		      unsigned long flags)
{
	int ret;

	if (flags) {
		ret = frob_prepare(frob);
		if (ret)
			goto err;
		frob->count++;
	}
	return frob_go(frob);

err:
	frob_undo(frob);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(frob_start, "FROB");

static const struct dma_buf_attach_ops frob_ops = {
	.allow_peer2peer = true,
	.invalidate_mappings = frob_invalidate,
};
MODULE_IMPORT_NS("DMA_BUF");
"""


def after(line: str, new: str, context: int = 3, path: str = "drivers/misc/frob.c") -> Image:
    diff = diff_of(DRIVER, DRIVER.replace(line, new, 1), path, context)
    return patch_of(diff).change.files[0].after


@pytest.mark.parametrize("context", range(8))
@pytest.mark.parametrize(
    "line", ["frob->count++;", "goto err;", "return frob_go(frob);", "frob_undo(frob);", "int ret;"]
)
def test_the_function_around_a_hunk_is_known(line: str, context: int) -> None:
    image = after(line, line + "\n\tnew_call(frob);", context)
    assert [f.name for f in image.functions if any(c.name == "new_call" for c in f.calls)] == [
        "frob_start"
    ]


@pytest.mark.parametrize("context", range(1, 6))
def test_a_call_knows_its_line(context: int) -> None:
    image = after("frob->count++;", "frob->count++;\n\t\tnew_call(frob);", context)
    (function,) = [f for f in image.functions if any(c.name == "new_call" for c in f.calls)]
    call = next(c for c in function.calls if c.name == "new_call")
    line = function.fragment.shown(call.row)
    assert line is not None
    assert line.whole == "+\t\tnew_call(frob);"


@pytest.mark.parametrize("context", range(8))
def test_a_cut_comment_is_not_code(context: int) -> None:
    image = after(" * Returns 0", " * Returns dma_buf_pin(x) or 0", context)
    assert not any(call.name == "dma_buf_pin" for f in image.functions for call in f.calls)


def test_a_whole_function_is_complete_and_has_its_parameters() -> None:
    (image,) = [patch_of(diff_of("", DRIVER)).change.files[0].after]
    (function,) = image.functions
    assert (function.complete, function.returns) == (True, "static int")
    assert [(p.type, p.name) for p in function.parameters] == [
        ("struct frob *", "frob"),
        ("struct device *", "dev"),
        ("unsigned long", "flags"),
    ]
    assert [c.name for c in function.calls] == ["frob_prepare", "frob_go", "frob_undo"]


def test_calls_through_members_name_the_way() -> None:
    image = after("frob->count++;", "attach->dmabuf->ops->pin(attach);")
    (call,) = [c for f in image.functions for c in f.calls if c.name == "pin"]
    assert (call.through, call.arguments) == ("attach->dmabuf->ops", ("attach",))


def test_exports_and_imports() -> None:
    image = patch_of(diff_of("", DRIVER)).change.files[0].after
    assert [(e.macro, e.arguments) for e in image.exports] == [
        ("EXPORT_SYMBOL_NS_GPL", ("frob_start", '"FROB"')),
        ("MODULE_IMPORT_NS", ('"DMA_BUF"',)),
    ]


@pytest.mark.parametrize("context", range(5))
def test_an_initialiser_is_known_from_its_heading(context: int) -> None:
    image = after("frob_invalidate,", "frob_revoke,", context)
    members = [(i.struct, m.name, m.value) for i in image.initialisers for m in i.members]
    assert ("dma_buf_attach_ops", "invalidate_mappings", "frob_revoke") in members


@pytest.mark.parametrize(("context", "starts"), [(0, False), (2, False), (8, True)])
def test_a_kernel_doc_that_is_shown_in_part(context: int, starts: bool) -> None:
    image = after(" * Returns 0", " * Returns 1", context)
    (doc,) = image.kernel_docs
    assert (doc.starts, doc.name) == (starts, "frob_start" if starts else "")
    assert doc.added_rows


def test_a_member_comment_knows_its_struct() -> None:
    header = "struct frob_ops {\n\t/**\n\t * @go: makes it go\n\t *\n\t * Slowly.\n\t */\n\tint (*go)(void);\n};\n"
    diff = diff_of(header, header.replace("Slowly", "Fast"), "include/linux/dma-buf.h")
    (doc,) = patch_of(diff).change.files[0].after.kernel_docs
    assert (doc.kind, doc.name, doc.owner) == ("member", "go", "frob_ops")


def test_renamed_and_moved_lines_are_not_new() -> None:
    before = "int f(void)\n{\n\tops->move_notify(a);\n\tg();\n}\n"
    changed = "int f(void)\n{\n\tg();\n\tops->invalidate_mappings(a);\n\th();\n}\n"
    file: FileChange = patch_of(diff_of(before, changed)).change.files[0]
    assert [line.text.strip() for line in file.added if file.is_new(line)] == ["h();"]


def test_a_hunk_that_starts_with_a_directive_is_in_its_function() -> None:
    before = "void frob_close(void)\n{\n#ifdef X\n\tx();\n#endif\n\ta();\n\tb();\n}\n"
    diff = diff_of(before, before.replace("\ta();\n", "\ta();\n\tnew();\n"), context=2)
    (function,) = patch_of(diff).change.files[0].after.functions
    assert [call.name for call in function.calls] == ["a", "new", "b"]
