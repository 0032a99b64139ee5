# SPDX-License-Identifier: GPL-2.0-or-later
"""Give the reference of get_file_active() back with fput()

An exporter that keeps its buffers on a list of its own takes a live reference
with get_file_active() before it touches one, since the last user may be gone
already.  That is a reference on the file, and its pair is fput() of the same
file.  dma_buf_put() pairs with dma_buf_get() and get_dma_buf(); mixing the two
works today, and hides from the reader which reference is dropped.
"""

import re
from collections.abc import Iterator

from checks.api import Bad, Confidence, Good, Hit, Meta, Patch, Series, Severity
from checks.source.c import Call, Function
from checks.source.change import FileChange
from checks.source.pattern import pattern
from checks.source.suggest import replace_rows
from checks.source.vocabulary import is_exempt

META = Meta(
    severity=Severity.NOTE,
    confidence=Confidence.HIGH,
    sources=("20251118142849.GG17968@ziepe.ca", "20251119194120.GR17968@ziepe.ca"),
    words=("get_file_active(",),
    also=("dma_buf_put(",),
    once=True,
)

_ACTIVE = pattern(r"\bget_file_active\s*\(")
_FILE = pattern(r"&?(.+)->file$")
_TAKES = ("dma_buf_get", "get_dma_buf")


def check(series: Series) -> Iterator[Hit]:
    for patch in series.mentioning(*META.words):
        for file in patch.change.touching(*META.words):
            if file.mentions(*META.also) and file.path.endswith(".c") and not is_exempt(file.path):
                for function in file.after.functions_with(_ACTIVE):
                    yield from _function(patch, file, function)


def _function(patch: Patch, file: FileChange, function: Function) -> Iterator[Hit]:
    taken: dict[str, Call] = {}
    others = {c.arguments[0] for c in function.calls if c.name in _TAKES and c.arguments}
    for call in function.calls:
        found = _FILE.match(call.arguments[0]) if call.arguments else None
        if call.name == "get_file_active" and found:
            taken[found.group(1)] = call
        elif call.name == "fput" and found:
            taken.pop(found.group(1), None)
        elif call.name == "dma_buf_put" and call.arguments[0] in taken.keys() - others:
            yield from _hit(patch, file, function, call)


def _hit(patch: Patch, file: FileChange, function: Function, put: Call) -> Iterator[Hit]:
    line = function.fragment.shown(put.row)
    if line is None or not file.is_new(line):
        return
    (dmabuf,) = put.arguments
    text = function.fragment.texts[put.row]
    right = re.sub(r"dma_buf_put\s*\(.*\)\s*;", f"fput({dmabuf}->file);", text)
    yield Hit(
        patch,
        file,
        line,
        f"get_file_active() took a reference on the file; its pair is fput({dmabuf}->file).",
        symbol=function.name,
        suggestion=replace_rows(file.path, function.fragment, put.row, put.row, (right,)),
        facts={"dmabuf": dmabuf},
    )


_WALK = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -10,3 +10,14 @@
 
 #include "frob.h"
 
+static void frob_walk(struct frob *frob)
+{
+	struct frob_buf *buf;
+
+	list_for_each_entry(buf, &frob->bufs, node) {
+		if (!get_file_active(&buf->dmabuf->file))
+			continue;
+		frob_revoke(buf);
+		%s
+	}
+}
"""

BAD = [
    Bad(_WALK % "dma_buf_put(buf->dmabuf);", at=("dma_buf_put(buf->dmabuf);",)),
]

GOOD = [
    Good(_WALK % "fput(buf->dmabuf->file);", why="the pair"),
    Good(_WALK % "dma_buf_put(buf->other);", why="a reference on another buffer"),
    Good(
        _WALK.replace("frob_revoke(buf);", "get_dma_buf(buf->dmabuf);")
        % "dma_buf_put(buf->dmabuf);",
        why="another reference is dropped",
    ),
]
