# SPDX-License-Identifier: GPL-2.0-or-later
"""What the rules about documentation see in a tree that the series does not show."""

from __future__ import annotations

import difflib
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from checks import load_rules
from checks.api import Finding, Patch, Series, Severity
from checks.runner import run
from checks.source.blobs import blob_oid
from checks.source.vocabulary import HEADER

CORE = "drivers/dma-buf/dma-buf.c"
DRIVER = "drivers/frob/frob.c"
DECLARED = "void dma_buf_invalidate_mappings(struct dma_buf *dma_buf);\n"
BASE_HEADER = f"#include <linux/list.h>\n\n{DECLARED}bool dma_buf_attach_revocable(void);\n"
BASE_DRIVER = (
    "void frob_revoke(struct frob *frob)\n{\n\tfrob_lock(frob);\n\tfrob_unlock(frob);\n}\n"
)
BASE_CORE = """\
/**
 * DOC: locking convention
 *
 * 1. Exporters must hold the dma-buf reservation lock when calling these
 *    functions:
 *
 *     - dma_buf_invalidate_mappings()
 */

"""
BODY = """\
/**
 * dma_buf_invalidate_mappings - tell all importers
 * @dmabuf: the buffer
 */
void dma_buf_invalidate_mappings(struct dma_buf *dmabuf)
{
	dma_resv_assert_held(dmabuf->resv);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_invalidate_mappings, "DMA_BUF");
"""
FILLER = "".join(f"int frob_{number};\n" for number in range(20))


class Tree:
    """Files by path, as `checks.api.Blobs`."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = {path: text.encode() for path, text in files.items()}

    def blob(self, oid: str) -> bytes | None:
        return next((c for c in self.files.values() if blob_oid(c).startswith(oid)), None)

    def file(self, path: str) -> bytes | None:
        return self.files.get(path)


BASE = {HEADER: BASE_HEADER, DRIVER: BASE_DRIVER, CORE: BASE_CORE + FILLER + BODY}


def diff_of(path: str, before: str, after: str, oid: str = "") -> str:
    """A diff as git writes it; `oid` in place of the right hash of `before`."""
    old, new = oid or blob_oid(before.encode()), blob_oid(after.encode())
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{path}", f"b/{path}"
    )
    return f"diff --git a/{path} b/{path}\nindex {old}..{new} 100644\n{''.join(lines)}"


def findings_of(rule: str, diff: str, tree: dict[str, str] | None) -> tuple[Finding, ...]:
    """What `rule` says of one patch; with the tree's files, or by the diff alone."""
    patch = Patch(1, "t@example.org", "[PATCH] frob", "", diff)
    series = Series(patch.msgid, patch.subject, 1, (patch,), 1, datetime(2026, 5, 1, tzinfo=UTC))
    rules = tuple(found for found in load_rules() if found.id == rule)
    outcome = run(series, rules, blobs=Tree(tree) if tree is not None else None)
    assert outcome.errors == ()
    return outcome.findings


def applied(suggestion: str, path: str, text: str, folder: Path) -> str:
    """The file `path` with `text` in it, once git has taken the suggestion."""
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    argv = ["git", "apply", "--whitespace=error", "-"]
    subprocess.run(argv, input=suggestion, cwd=folder, check=True, text=True)
    return target.read_text()


OLD_CALL = BASE_DRIVER.replace(
    "lock(frob);\n", "lock(frob);\n\tdma_buf_move_notify(frob->dmabuf);\n", 1
)


def test_a_tree_that_is_the_base_tells_the_name() -> None:
    (finding,) = findings_of("stale-name", diff_of(DRIVER, BASE_DRIVER, OLD_CALL), BASE)
    assert finding.severity is Severity.ERROR
    assert finding.symbol == "frob_revoke"
    assert "+\tdma_buf_invalidate_mappings(frob->dmabuf);\n" in finding.suggestion


def test_another_tree_than_the_base_tells_nothing() -> None:
    diff = diff_of(DRIVER, BASE_DRIVER, OLD_CALL, oid="1234567890ab")
    assert findings_of("stale-name", diff, BASE) == ()
    assert findings_of("stale-name", diff_of(DRIVER, BASE_DRIVER, OLD_CALL), None) == ()


def renamed(text: str) -> str:
    """`text` with the function under a new name, but for the comments."""
    keep = "- dma_buf_invalidate_mappings()"
    text = text.replace(keep, "KEEP").replace(" * dma_buf_invalidate", " * KEEP_invalidate")
    text = text.replace("dma_buf_invalidate_mappings", "dma_buf_frob_mappings")
    return text.replace("KEEP_", "dma_buf_").replace("KEEP", keep)


def test_the_list_of_the_tree_still_has_the_old_name(tmp_path: Path) -> None:
    after = renamed(BASE[CORE])
    (finding,) = findings_of("locking-list", diff_of(CORE, BASE[CORE], after), BASE)
    assert finding.severity is Severity.WARNING
    assert finding.symbol == "dma_buf_frob_mappings"
    taken = applied(finding.suggestion, CORE, after, tmp_path)
    assert "- dma_buf_frob_mappings()" in taken
    assert "- dma_buf_invalidate_mappings()" not in taken


def test_another_comment_with_the_old_name_is_a_note() -> None:
    after = renamed(BASE[CORE]).replace(
        "- dma_buf_invalidate_mappings()", "- dma_buf_frob_mappings()"
    )
    (finding,) = findings_of("locking-list", diff_of(CORE, BASE[CORE], after), BASE)
    assert finding.severity is Severity.NOTE
    assert finding.message.startswith(f"{CORE} still has dma_buf_invalidate_mappings()")
    clean = after.replace(" * dma_buf_invalidate_mappings -", " * dma_buf_frob_mappings -")
    assert findings_of("locking-list", diff_of(CORE, BASE[CORE], clean), BASE) == ()


MEMBER = """\
struct dma_buf_attach_ops {
	/**
	 * @invalidate_mappings: [optional] notification
	 *
	 * Old mappings stay valid.
	 */
	void (*invalidate_mappings)(struct dma_buf_attachment *attach);
};

"""
HELPER = """\
static inline bool dma_buf_can_revoke(struct dma_buf_attachment *attach)
{
	return attach->importer_ops && attach->importer_ops->invalidate_mappings;
}

"""


def test_text_for_a_comment_that_only_the_tree_shows(tmp_path: Path) -> None:
    before = MEMBER + FILLER + DECLARED
    diff = diff_of(HEADER, before, MEMBER + FILLER + HELPER + DECLARED)
    tree = {**BASE, HEADER: before}
    (finding,) = findings_of("notify-kernel-doc", diff, tree)
    assert finding.facts["diff"] is True
    taken = applied(finding.suggestion, CORE, BASE[CORE], tmp_path)
    doc = taken[taken.index(" * @dmabuf") : taken.index("void dma_buf_invalidate_mappings(")]
    assert doc.startswith(" * @dmabuf: the buffer\n *\n * A dynamic importer drops")
    assert doc.endswith(
        "Exporters can call dma_buf_can_revoke() from their attach\n"
        " * callback to detect such importers.\n */\n"
    )
    (plain,) = findings_of("notify-kernel-doc", diff, None)
    assert plain.suggestion.startswith("+ * A dynamic importer")
    assert plain.facts["diff"] is False


def test_text_goes_before_what_the_comment_says_of_the_result(tmp_path: Path) -> None:
    text = BASE[CORE].replace(" * @dmabuf: the buffer\n", " * @dmabuf: it\n *\n * Return: none\n")
    header = FILLER + DECLARED
    diff = diff_of(HEADER, header, FILLER + HELPER + DECLARED)
    (finding,) = findings_of("notify-kernel-doc", diff, {**BASE, HEADER: header, CORE: text})
    taken = applied(finding.suggestion, CORE, text, tmp_path)
    assert " * @dmabuf: it\n *\n * A dynamic" in taken
    assert "such importers.\n *\n * Return: none\n */\n" in taken


def test_text_for_the_member_far_from_the_hunk(tmp_path: Path) -> None:
    before, after = MEMBER + FILLER + DECLARED, MEMBER + FILLER + HELPER + DECLARED
    (finding,) = findings_of(
        "callback-kernel-doc", diff_of(HEADER, before, after), {**BASE, HEADER: before}
    )
    taken = applied(finding.suggestion, HEADER, after, tmp_path)
    assert "valid.\n\t *\n\t * See the kernel-doc of dma_buf_invalidate_mappings()" in taken
    assert "\n\t * has to do, and by when.\n\t */\n\tvoid (*inv" in taken


def test_a_member_that_points_to_the_notify_function_owes_nothing() -> None:
    member = MEMBER.replace("Old mappings stay valid.", "See dma_buf_invalidate_mappings().")
    before, after = member + FILLER + DECLARED, member + FILLER + HELPER + DECLARED
    diff = diff_of(HEADER, before, after)
    assert findings_of("callback-kernel-doc", diff, {**BASE, HEADER: before}) == ()
    (finding,) = findings_of("callback-kernel-doc", diff, None)
    assert finding.suggestion.startswith("+\t * See the kernel-doc")


def test_what_the_tree_says_of_the_fences_is_enough() -> None:
    before = FILLER + DECLARED
    diff = diff_of(HEADER, before, FILLER + HELPER + DECLARED)
    tree = {**BASE, HEADER: before}
    assert len(findings_of("notify-fence-doc", diff, tree)) == 1
    says = BASE[CORE].replace("the buffer\n", "the buffer\n *\n * Wait for the fences after it.\n")
    assert findings_of("notify-fence-doc", diff, {**tree, CORE: says}) == ()
