# SPDX-License-Identifier: GPL-2.0-or-later
"""Let the revoke helper test what says that an importer can't be revoked

Before the merged contract, a NULL callback is not the signal: importers are to
support invalidation, and dropping a NULL into the ops must not be the easy way
out.  The helper compares with a named "unsupported" function instead.  Where a
tree has that function, a plain NULL test misses it.

From the merged contract on it is the other way round.  The callback is
optional, NULL is the signal, and there is no function to compare with.
"""

import re
from collections.abc import Iterator

from checks.api import Bad, Confidence, Edition, Good, Hit, Meta, Series, Severity
from checks.source.contract import WORDS, Predicate, predicates
from checks.source.diff import Line
from checks.source.pattern import pattern
from checks.source.vocabulary import CALLBACKS, HELPER, SENTINEL

META = Meta(
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    sources=(
        "20260119164421.GF961572@ziepe.ca",
        "4fe42e7e-846c-4aae-8274-3e9a5e7f9a6d@amd.com",
        "20260131-dmabuf-revoke-v7-6-463d956bd527@nvidia.com",
    ),
    words=WORDS,
    whole=True,
)

_TEST = pattern(
    rf"importer_ops\s*->\s*(?P<callback>{'|'.join(CALLBACKS)})\b"
    r"(?:\s*(?:==|!=)\s*(?P<operand>&?\s*\w+))?"
)


def check(series: Series) -> Iterator[Hit]:
    for predicate in predicates(series):
        function = predicate.function
        tests = list(_TEST.finditer(function.text))
        compared = [test for test in tests if _is_function(test["operand"])]
        edition = series.edition(predicate.patch)
        if edition is Edition.MERGED:
            if compared:
                yield from _hit(predicate, compared[0], _compares(compared[0]), "sentinel")
            elif not tests and function.name == HELPER and function.complete:
                yield from _untested(series, predicate)
        elif tests and not compared:
            message = _null_is_no_signal(edition, tests[0]["callback"])
            yield from _hit(predicate, tests[0], message, "null")


def _is_function(operand: str | None) -> bool:
    return operand is not None and operand.strip("& ") not in ("NULL", "0")


def _compares(test: re.Match[str]) -> str:
    return (
        f"The callback is optional and NULL is the signal; please test {test['callback']} for NULL "
        f"in place of comparing it with {test['operand'].strip('& ')}."
    )


def _null_is_no_signal(edition: Edition, callback: str) -> str:
    if edition is Edition.SEED:
        return f"{SENTINEL}() is how an importer opts out here; a test of {callback} for NULL misses it."
    return (
        f"Please do not use a NULL {callback} to signal this: importers are to support it, and leaving "
        "it out should not be an easy way around that."
    )


def _hit(predicate: Predicate, test: re.Match[str], message: str, kind: str) -> Iterator[Hit]:
    function = predicate.function
    line = function.line_at(test.start())
    if line is not None and predicate.file.is_new(line):
        facts: dict[str, object] = {
            "kind": kind,
            "callback": test["callback"],
            "sentinel": SENTINEL,
        }
        yield Hit(predicate.patch, predicate.file, line, message, symbol=function.name, facts=facts)


def _untested(series: Series, predicate: Predicate) -> Iterator[Hit]:
    line: Line | None = predicate.function.fragment.shown(predicate.function.start)
    if line is not None and predicate.file.is_new(line):
        callback = series.callback(predicate.patch)
        yield Hit(
            predicate.patch,
            predicate.file,
            line,
            f"An importer without {callback} can't be revoked; the helper has to test it.",
            symbol=predicate.function.name,
            facts={"kind": "untested", "callback": callback, "sentinel": SENTINEL},
        )


_PREDICATE = """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -1252,3 +1252,9 @@ void frob(struct dma_buf_attachment *attach)
 }
 EXPORT_SYMBOL_NS_GPL(frob, "DMA_BUF");
 
+bool %(name)s(struct dma_buf_attachment *attach)
+{
+	return attach->importer_ops &&
+	       %(test)s;
+}
+
"""
_NULL = "attach->importer_ops->invalidate_mappings"
_COMPARE = f"attach->importer_ops->invalidate_mappings != {SENTINEL}"

BAD = [
    Bad(
        _PREDICATE % {"name": "dma_buf_attach_can_revoke", "test": _NULL},
        at=(_NULL + ";",),
        edition=Edition.RENAMED,
    ),
    Bad(
        _PREDICATE % {"name": "dma_buf_attach_can_revoke", "test": _NULL},
        at=(_NULL + ";",),
        edition=Edition.SEED,
    ),
    Bad(
        _PREDICATE % {"name": HELPER, "test": _COMPARE},
        at=(_COMPARE + ";",),
        edition=Edition.MERGED,
    ),
    Bad(
        _PREDICATE % {"name": HELPER, "test": "attach->importer_ops->allow_peer2peer"},
        at=(f"bool {HELPER}(struct dma_buf_attachment *attach)",),
        edition=Edition.MERGED,
    ),
]

GOOD = [
    Good(
        _PREDICATE % {"name": HELPER, "test": _NULL},
        why="the callback is optional in the merged contract",
        edition=Edition.MERGED,
    ),
    Good(
        _PREDICATE % {"name": HELPER, "test": _COMPARE},
        why="compares with the function that opts out",
        edition=Edition.SEED,
    ),
]
