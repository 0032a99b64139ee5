# SPDX-License-Identifier: GPL-2.0-or-later
"""Say why a symbol gets exported, and for whom

An export of a function that is there already is the whole of what such a patch
does, and the diff shows that much.  The commit message says why: which module
needs it, or what can't be built without.  A user in the same series says it
too, and so does the cover letter.

A function that is exported as it is added comes with its own reason.
"""

import re
from collections.abc import Iterator

from checks.api import Bad, Confidence, Good, Hit, Meta, Patch, Series, Severity
from checks.source.change import FileChange
from checks.source.diff import Line
from checks.source.pattern import pattern
from checks.source.vocabulary import CORE_DIRS

META = Meta(
    severity=Severity.NOTE,
    confidence=Confidence.MEDIUM,
    sources=("dffbd709-def0-47af-93ff-a48686f04153@amd.com",),
    words=CORE_DIRS,
    also=("+EXPORT_SYMBOL",),
    once=True,
    mail=True,
)

WORDS = 40
"""A message with more words than this says more than what the diff does."""

_REASON = pattern(
    r"\b(?:because|since|so|as|thus|hence|therefore|otherwise|need\w*|requir\w+|necessary|use[ds]?|using"
    r"|usage|users?|call(?:s|ed|ers?|ing)?|consumers?|allow\w*|enabl\w+|lets?|permit\w*|support\w*"
    r"|prepar\w+|for|to|in order|will|want\w*|would|can(?:not|'t)?|could|may|should|must"
    r"|drivers?|modules?|modular|loadable|tristate|buil[dt]\w*|link\w*|compil\w+|undefined|errors?"
    r"|fix\w*|warn\w*|revert\w*|missing|fail\w*|broke\w*|break\w*|out[- ]of[- ]tree)\b",
    re.IGNORECASE,
)
_TRAILER = pattern(r"[A-Z][A-Za-z-]+: \S|\(cherry picked|\[[^\]]*\]\s*$")
_CAUSE = pattern(r"^(?:Fixes|Closes|Reported-by|Link): ", re.MULTILINE)


def check(series: Series) -> Iterator[Hit]:
    for patch in series.mentioning("+EXPORT_SYMBOL"):
        if _gives_reason(patch):
            continue
        for file in patch.change.touching("+EXPORT_SYMBOL"):
            if file.path.startswith(CORE_DIRS) and file.path.endswith(".c"):
                yield from _exports(series, patch, file)


def _gives_reason(patch: Patch) -> bool:
    """Whether the message says more than that something is exported."""
    if _CAUSE.search(patch.message):
        return True
    lines = (line for line in patch.message.split("\n") if not _TRAILER.match(line))
    text = " ".join(lines)
    return len(text.split()) > WORDS or _REASON.search(text) is not None


def _exports(series: Series, patch: Patch, file: FileChange) -> Iterator[Hit]:
    """One hit below the last of the exports that nothing in the series has a reason for."""
    found = list(_bare(series, patch, file))
    if not found:
        return
    line, symbol = found[-1]
    others = f" and {len(found) - 1} more" if len(found) > 1 else ""
    yield Hit(
        patch,
        file,
        line,
        f"Please explain in the commit message why {symbol}{others} should be exported, and who is "
        "going to use it.",
        symbol=symbol,
        confidence=None if series.complete else Confidence.LOW,
        facts={"symbols": [name for _, name in found]},
    )


def _bare(series: Series, patch: Patch, file: FileChange) -> Iterator[tuple[Line, str]]:
    """The new exports of functions that were there, without a user in the series."""
    defined = None
    for export in file.after.exports:
        line = export.fragment.shown(export.row)
        if line is None or not export.is_export or not file.is_new(line) or not export.symbol:
            continue
        if _was_exported(series, export.symbol) or _is_spoken_of(series, patch, export.symbol):
            continue
        if defined is None:
            defined = _defined(file)
        if export.symbol not in defined and not _has_user(series, export.symbol):
            yield line, export.symbol


def _was_exported(series: Series, symbol: str) -> bool:
    """Whether the series takes an export of it away: only the macro or the place changes."""
    gone = re.compile(rf"^-\s*EXPORT_\w+\(\s*{re.escape(symbol)}\b", re.MULTILINE)
    return any(gone.search(patch.diff) for patch in series.mentioning("-EXPORT_"))


def _is_spoken_of(series: Series, patch: Patch, symbol: str) -> bool:
    """Whether the cover letter or the message of another patch says something of it."""
    texts = [series.cover, *(other.message for other in series.patches if other is not patch)]
    return any(symbol in text or re.search(r"\bexport", text, re.IGNORECASE) for text in texts)


def _defined(file: FileChange) -> frozenset[str]:
    """The functions and data whose definitions the diff adds, or changes the head of."""
    found = (re.findall(r"\b(\w+)\s*(?:\(|=|;|\[)", line.text) for line in file.added)
    macros = ("EXPORT_", "MODULE_")
    return frozenset(name for names in found for name in names if not name.startswith(macros))


def _has_user(series: Series, symbol: str) -> bool:
    """Whether any patch adds a line that uses it, but for its export and its declaration."""
    use = re.compile(rf"^\+(?!\s*EXPORT_)(?!.*\bextern\b).*\b{re.escape(symbol)}\b", re.MULTILINE)
    return any(
        use.search(file.section.text)
        for patch in series.mentioning(symbol)
        for file in patch.change.all_files
        if not file.path.endswith(".h") and file.mentions(symbol)
    )


_EXPORT = """\
diff --git a/drivers/dma-buf/frob.c b/drivers/dma-buf/frob.c
--- a/drivers/dma-buf/frob.c
+++ b/drivers/dma-buf/frob.c
@@ -202,3 +202,4 @@ const char *frob_name(struct frob *frob)
 	return frob->name;
 }
%s
 
"""
_USER = """\
# next patch
diff --git a/drivers/tee/frob.c b/drivers/tee/frob.c
--- a/drivers/tee/frob.c
+++ b/drivers/tee/frob.c
@@ -10,3 +10,4 @@ static void frob_show(struct frob *frob)
 
 	frob_first();
+	pr_debug("%s\\n", frob_name(frob));
 }
"""
_NEW = """\
diff --git a/drivers/dma-buf/frob.c b/drivers/dma-buf/frob.c
--- a/drivers/dma-buf/frob.c
+++ b/drivers/dma-buf/frob.c
@@ -202,3 +202,9 @@ int frob_first(struct frob *frob)
 	return frob->first;
 }
 
+const char *frob_name(struct frob *frob)
+{
+	return frob->name;
+}
+EXPORT_SYMBOL_GPL(frob_name);
+
"""
_CHANGED = """\
diff --git a/drivers/dma-buf/frob.c b/drivers/dma-buf/frob.c
--- a/drivers/dma-buf/frob.c
+++ b/drivers/dma-buf/frob.c
@@ -202,4 +202,4 @@ const char *frob_name(struct frob *frob)
 	return frob->name;
 }
-EXPORT_SYMBOL(frob_name);
+EXPORT_SYMBOL_GPL(frob_name);
 
"""
_ELSEWHERE = _EXPORT.replace("drivers/dma-buf/", "drivers/frob/")
_PLAIN = "+EXPORT_SYMBOL(frob_name);"

BAD = [
    Bad(_EXPORT % _PLAIN, at=("EXPORT_SYMBOL(frob_name);",)),
    Bad(
        _EXPORT % '+EXPORT_SYMBOL_NS_GPL(frob_name, "DMA_BUF");',
        at=('EXPORT_SYMBOL_NS_GPL(frob_name, "DMA_BUF");',),
    ),
]

GOOD = [
    Good(_EXPORT % _PLAIN + _USER, why="a user comes in the same series"),
    Good(_NEW, why="the function itself is new"),
    Good(_CHANGED, why="it was exported before"),
    Good(_ELSEWHERE % _PLAIN, why="not the dma-buf core's"),
    Good(_EXPORT % "+/* EXPORT_SYMBOL(frob_name); */", why="a comment exports nothing"),
]
