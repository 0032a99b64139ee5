# SPDX-License-Identifier: GPL-2.0-or-later
"""Keep the revoked state in the exporter, not in the dma-buf core

A dma-buf that can't be attached or mapped any more is the exporter's matter:
its own attach and map callbacks return an error code, by a flag in its private
data, under the reservation lock.  The core has no such state, does not refuse
attachments or mappings by it, and has no call that revokes from the outside.
"""

import re
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from checks.api import Bad, Confidence, Good, Hit, Meta, Patch, Series, Severity
from checks.source.change import FileChange
from checks.source.diff import Line
from checks.source.image import Fragment
from checks.source.masking import mask_comments
from checks.source.pattern import pattern
from checks.source.vocabulary import ATTACH_OPS, CALLBACKS, CORE, EXPORTER_OPS, HEADER, is_core

META = Meta(
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    sources=(
        "2db90323-9ddc-4408-9074-b44d9178bc68@amd.com",
        "a006b938-cd53-4c56-8131-30f557919ec6@amd.com",
        "30ec9e80-f5a8-4b30-a55a-965f20f62125@amd.com",
    ),
    words=(HEADER, CORE),
    also=("revok", "REVOK", "invalidat", "INVALIDAT"),
)

_STRUCTS = {
    "dma_buf": r"(?:dmabuf|dma_buf|dbuf)",
    "dma_buf_attachment": r"attach(?:ment)?",
    "dma_buf_export_info": r"exp_info",
    EXPORTER_OPS: "ops",
    ATTACH_OPS: "importer_ops",
}
"""The structs of the core that revocation is kept out of, and how their objects are called."""

_STATE = pattern(r"(?:^|_)(?:revok|invalidat)")
_OPENER = pattern(r"(?:struct|union)\s+(\w+)\s*\{?\s*$")
_POINTER = pattern(r"\s+[\w\s*]+\(\s*\*\s*(\w+)\s*\)\s*\(")
_FIELD = pattern(r"\s+[\w\s*]*?[\s*](\w+)\s*(?:\[[^\]]*\]\s*)?(?::\s*\d+\s*)?;")
_TEST = pattern(
    r"(?:(?<!\w)(?:dmabuf|dma_buf|attach(?:ment)?)\s*->\s*(?P<member>\w+)\b(?!\s*(?:->|\()))"
    r"|\bdma_buf_(?:is_)?(?:revoked|invalidated)\s*\("
    r"|\bDMA_BUF_(?:\w+_)?(?:REVOKED|INVALIDATED)\b"
)
_GIVES = pattern(r"attach|map|pin")
_REFUSES = pattern(
    r"\breturn\s+(?:ERR_PTR\s*\(\s*)?-E\w+|\b(?:ret|err|rc)\s*=\s*-E\w+|\bgoto\s+\w+"
)


class Member(NamedTuple):
    """A new member of one of the core's structs that is about revocation."""

    patch: Patch
    file: FileChange
    line: Line
    struct: str
    name: str
    pointer: bool
    """Whether it is a callback."""


def check(series: Series) -> Iterator[Hit]:
    members: list[Member] = []
    for patch in series.mentioning(*META.also):
        for file in patch.change.touching(*META.also):
            if file.path == HEADER:
                found = file.once("revoke members", partial(_members, patch, file))
                members += found
                yield from _of_header(found)
            if file.path == CORE:
                yield from _refusals(patch, file)
    if members:
        yield from _users(series, members)


def _members(patch: Patch, file: FileChange) -> Iterator[Member]:
    gone = {
        (struct, name) for _, _, struct, name, pointer in _fields(file, "before") if pointer
    } - {(struct, name) for _, _, struct, name, _ in _fields(file, "after")}
    renamed = {struct for struct, _ in gone}
    for fragment, row, struct, name, pointer in _fields(file, "after"):
        line = fragment.shown(row)
        if line is None or not file.is_new(line) or not _STATE.search(name):
            continue
        if pointer and (name in CALLBACKS or struct in renamed):
            continue  # the contract's own callback, under whatever name
        yield Member(patch, file, line, struct, name, pointer)


def _fields(file: FileChange, side: str) -> Iterator[tuple[Fragment, int, str, str, bool]]:
    """The members of the core's structs: fragment, row, struct, name, whether it is a callback."""
    image = file.after if side == "after" else file.before
    for fragment in image.fragments:
        opened = _OPENER.match(fragment.heading)
        struct = opened.group(1) if opened else ""
        text = mask_comments(_uncut("\n".join(fragment.texts)))
        for row, line in enumerate(text.split("\n")):
            if line[:1] not in ("", " ", "\t", "#"):
                opened = _OPENER.match(line)
                struct = opened.group(1) if opened else ""
            elif struct in _STRUCTS:
                found, pointer = _POINTER.match(line), True
                if found is None:
                    found, pointer = _FIELD.match(line), False
                if found is not None:
                    yield fragment, row, struct, found.group(1), pointer


def _uncut(text: str) -> str:
    """`text` with the comment blanked that was opened before it."""
    end = text.find("*/")
    if end < 0 or 0 <= text.find("/*") < end:
        return text
    return re.sub(r"[^\n]", " ", text[: end + 2]) + text[end + 2 :]


def _of_header(members: tuple[Member, ...]) -> Iterator[Hit]:
    """One hit a struct: its first member that is about revocation."""
    said: set[str] = set()
    for member in members:
        if member.struct in said:
            continue
        said.add(member.struct)
        importers = member.struct == ATTACH_OPS
        yield Hit(
            member.patch,
            member.file,
            member.line,
            _WHY[member.pointer, importers] % (member.name, member.struct),
            symbol=f"struct {member.struct}",
            severity=Severity.WARNING if importers else None,
            confidence=Confidence.MEDIUM if importers else None,
            facts={"member": member.name, "struct": member.struct, "kind": "member"},
        )


_STATE_WHY = (
    "Please keep %s out of struct %s: whether a buffer is revoked is the exporter's state, and its own "
    "attach and map callbacks return an error by it."
)
_WHY = {
    (False, False): _STATE_WHY,
    (False, True): _STATE_WHY,
    (True, False): (
        "Please drop the %s callback from struct %s: an exporter revokes its buffers by itself, and "
        "who wants that asks it through the exporter's own file descriptor."
    ),
    (True, True): (
        "Is %s needed in struct %s? Importers are told of a revocation by the callback that "
        "is there; whether mapping works again is for the exporter to decide."
    ),
}


def _refusals(patch: Patch, file: FileChange) -> Iterator[Hit]:
    """The core's own functions that return an error by such a state, once each."""
    for function in file.after.functions:
        if not _GIVES.search(function.name):
            continue
        for found in _TEST.finditer(function.text):
            if found["member"] is not None and not _STATE.search(found["member"]):
                continue
            line = function.line_at(found.start())
            begin = function.text.rfind("\n", 0, found.start()) + 1
            tail = function.text[found.end() :].split("\n", 3)[:3]
            tested = re.search(r"\bif\s*\(", function.text[begin : found.start()])
            if line is None or not file.is_new(line) or not tested or not _refuses(tail):
                continue
            yield Hit(
                patch,
                file,
                line,
                f"The core should not refuse this in {function.name}(); if a buffer can't be attached or "
                "mapped any more, the exporter's callback returns an error code.",
                symbol=function.name,
                facts={"kind": "refusal", "function": function.name},
            )
            break


def _refuses(lines: list[str]) -> bool:
    return _REFUSES.search("\n".join(lines)) is not None


def _users(series: Series, members: list[Member]) -> Iterator[Hit]:
    """Drivers that rely on the new state: by the member, or by a function of the core around it."""
    states = [member for member in members if not (member.pointer and member.struct == ATTACH_OPS)]
    if not states:
        return
    calls = _helpers(series, {member.name for member in states if not member.pointer})
    use = re.compile("|".join((*map(_access, states), *(rf"\b{name}\s*\(" for name in calls))))
    for patch in series.mentioning(*calls, *(member.name for member in states)):
        for file in patch.change.touching(*calls, *(member.name for member in states)):
            if file.path.endswith(".c") and not is_core(file.path):
                yield from _first_use(patch, file, use)


def _access(member: Member) -> str:
    variable = _STRUCTS[member.struct]
    if member.pointer:
        return rf"\b{variable}\s*->\s*{member.name}\b"
    return rf"(?<!\w){variable}\s*(?:->|\.)\s*{member.name}\b(?!\s*\()"


def _helpers(series: Series, names: set[str]) -> tuple[str, ...]:
    """Functions that the series adds to the core and that look at, or change, one of `names`."""
    if not names:
        return ()
    state = re.compile(rf"(?:->|\.)\s*(?:{'|'.join(sorted(names))})\b")
    found = []
    for patch in series.mentioning(*names):
        for file in patch.change.touching(*names):
            for function in file.after.functions if is_core(file.path) else ():
                first = function.fragment.shown(function.start)
                if first is not None and file.is_new(first) and state.search(function.text):
                    found.append(function.name)
    return tuple(dict.fromkeys(found))


def _first_use(patch: Patch, file: FileChange, use: re.Pattern[str]) -> Iterator[Hit]:
    for function in file.after.functions:
        for found in use.finditer(function.text):
            line = function.line_at(found.start())
            if line is None or not file.is_new(line):
                continue
            yield Hit(
                patch,
                file,
                line,
                "Please keep this in the driver: a flag of its own, tested in its attach or map callback, "
                "does it without revoked state in the dma-buf core.",
                symbol=function.name,
                facts={"kind": "user", "use": found.group()},
            )
            return


_HEADER = """\
diff --git a/include/linux/dma-buf.h b/include/linux/dma-buf.h
--- a/include/linux/dma-buf.h
+++ b/include/linux/dma-buf.h
@@ -440,4 +440,5 @@ struct %s {
 	int first;
 
 	void *priv;
+	%s
 };
"""
_CORE = """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -1120,6 +1120,9 @@ struct sg_table *dma_buf_map_attachment(struct dma_buf_attachment *attach,
 	if (WARN_ON(!attach || !attach->dmabuf))
 		return ERR_PTR(-EINVAL);
 
+	if (%s)
+		return ERR_PTR(-ENODEV);
+
 	dma_resv_assert_held(attach->dmabuf->resv);
 
 	sg_table = attach->dmabuf->ops->map_dma_buf(attach, direction);
"""
_HELPER = """\
# next patch
diff --git a/include/linux/dma-buf.h b/include/linux/dma-buf.h
--- a/include/linux/dma-buf.h
+++ b/include/linux/dma-buf.h
@@ -640,3 +640,8 @@
 struct dma_buf *dma_buf_iter_begin(void);
 struct dma_buf *dma_buf_iter_next(struct dma_buf *dmbuf);
 
+static inline void dma_buf_allow(struct dma_buf *dmabuf)
+{
+	dmabuf->revoked = false;
+}
+
"""
_DRIVER = """\
# next patch
diff --git a/drivers/frob/frob_dmabuf.c b/drivers/frob/frob_dmabuf.c
--- a/drivers/frob/frob_dmabuf.c
+++ b/drivers/frob/frob_dmabuf.c
@@ -10,5 +10,6 @@ static int frob_export(struct frob *frob)
 	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);
 
 	dma_resv_lock(frob->dmabuf->resv, NULL);
+	%s;
 	dma_resv_unlock(frob->dmabuf->resv);
 }
"""
_PRIVATE = """\
diff --git a/drivers/frob/frob_dmabuf.c b/drivers/frob/frob_dmabuf.c
--- a/drivers/frob/frob_dmabuf.c
+++ b/drivers/frob/frob_dmabuf.c
@@ -5,4 +5,5 @@ struct frob_dmabuf {
 	struct dma_buf *dmabuf;
 
 	size_t size;
+	u8 revoked : 1;
 };
@@ -20,3 +21,6 @@ static struct sg_table *frob_map(struct dma_buf_attachment *attach, enum dma_dat
 
+	if (priv->revoked)
+		return ERR_PTR(-ENODEV);
+
 	return frob_sgt(priv);
 }
"""
_RENAMED = """\
diff --git a/include/linux/dma-buf.h b/include/linux/dma-buf.h
--- a/include/linux/dma-buf.h
+++ b/include/linux/dma-buf.h
@@ -470,5 +470,5 @@ struct dma_buf_attach_ops {
 	/**
-	 * @move_notify: [optional] notification
+	 * @revoke_mappings: [optional] notification
 	 */
-	void (*move_notify)(struct dma_buf_attachment *attach);
+	void (*revoke_mappings)(struct dma_buf_attachment *attach);
 };
"""
_FLAG = "bool revoked;"
_BIT = "unsigned int invalidated : 1;"
_OP = "int (*revoke)(struct dma_buf *dmabuf);"
_NOTIFY = "void (*revoke_notify)(struct dma_buf_attachment *attach);"

BAD = [
    Bad(_HEADER % ("dma_buf", _FLAG), at=(_FLAG,)),
    Bad(_HEADER % ("dma_buf_attachment", _BIT), at=(_BIT,)),
    Bad(_HEADER % ("dma_buf_ops", _OP), at=(_OP,)),
    Bad(_HEADER % ("dma_buf_attach_ops", _NOTIFY), at=(_NOTIFY,)),
    Bad(_CORE % "attach->dmabuf->revoked", at=("if (attach->dmabuf->revoked)",)),
    Bad(
        _CORE % "dma_buf_is_revoked(attach->dmabuf)",
        at=("if (dma_buf_is_revoked(attach->dmabuf))",),
    ),
    Bad(
        _CORE % "test_bit(DMA_BUF_REVOKED, &attach->dmabuf->flags)",
        at=("if (test_bit(DMA_BUF_REVOKED, &attach->dmabuf->flags))",),
    ),
    Bad(
        _HEADER % ("dma_buf_export_info", "bool revoke_semantics;")
        + _DRIVER % "exp_info.revoke_semantics = true",
        at=("bool revoke_semantics;", "exp_info.revoke_semantics = true;"),
    ),
    Bad(
        _HEADER % ("dma_buf", _FLAG) + _HELPER + _DRIVER % "dma_buf_allow(frob->dmabuf)",
        at=(_FLAG, "dma_buf_allow(frob->dmabuf);"),
    ),
]

GOOD = [
    Good(_PRIVATE, why="a flag of the driver, tested in its own callback"),
    Good(_RENAMED, why="the importer's callback under a new name"),
    Good(
        _HEADER % ("frob_ops", _FLAG),
        why="a struct of the header that is none of the core's",
    ),
    Good(
        _HEADER % ("dma_buf_attachment", "bool revocable;"),
        why="what an importer is able to do is no state",
    ),
    Good(
        _CORE % "!attach->dmabuf->ops->map_dma_buf",
        why="a test of something else",
    ),
    Good(
        _HEADER % ("dma_buf", "/* how often it was revoked */"),
        why="a comment declares nothing",
    ),
    Good(
        _DRIVER.removeprefix("# next patch\n") % "frob->dmabuf_revoked = true",
        why="a driver's own member",
    ),
]
