# SPDX-License-Identifier: GPL-2.0-or-later
"""Tell success, timeout and error of a fence wait apart

dma_resv_wait_timeout() and dma_fence_wait_timeout() return a long: negative is
an error, 0 is a timeout, and what is left of the timeout, so anything above
zero, is success.  Passed on as an errno, or tested for being non-zero, success
becomes a failure; with MAX_SCHEDULE_TIMEOUT an int cuts it down to -1.

After the importers were told, only a wait that can't be interrupted and has no
timeout may go without a look at its result: false and MAX_SCHEDULE_TIMEOUT.
"""

import re
from collections.abc import Iterator

from checks.api import Bad, Confidence, Good, Hit, Meta, Patch, Series, Severity
from checks.source.c import Function
from checks.source.change import FileChange
from checks.source.diff import Line
from checks.source.pattern import pattern
from checks.source.revoke import CALLS
from checks.source.steps import Step
from checks.source.told import told
from checks.source.vocabulary import is_exempt

META = Meta(
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    sources=(
        "20260131-dmabuf-revoke-v7-4-463d956bd527@nvidia.com",
        "drivers/dma-buf/dma-resv.c",
        "drivers/dma-buf/dma-fence.c",
    ),
    words=("dma_resv_wait_timeout(", "dma_fence_wait_timeout("),
    whole=True,
)

FOREVER = "MAX_SCHEDULE_TIMEOUT"
_NEW = pattern(r"^\+.*\bdma_(?:resv|fence)_wait_timeout\(", re.MULTILINE)
_WAITS = pattern(r"\bdma_(?:resv|fence)_wait_timeout\(")
_WAIT = pattern(
    r"(?:\breturn|(?<![\w.>])(?P<variable>\w+)\s*=)\s*(?P<name>dma_(?:resv|fence)_wait_timeout)"
    r"\s*(?P<arguments>\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))\s*;"
)
_FAILS = r"(?:return\s+%s\s*;|goto\s+(?:\w*_)?(?:err|fail|free|undo|unlock|unpin|put)\w*\s*;)"


def check(series: Series) -> Iterator[Hit]:
    for patch in series.mentioning(*META.words):
        for file in patch.change.touching(*META.words, where=_NEW):
            if file.path.endswith((".c", ".h")) and not is_exempt(file.path):
                for function in file.after.functions_with(_WAITS):
                    yield from _function(patch, file, function)
    yield from _ignored(series)


def _function(patch: Patch, file: FileChange, function: Function) -> Iterator[Hit]:
    for found in _WAIT.finditer(function.text):
        called = function.line_at(found.start("name"))
        wrong = _wrong(function, found)
        if wrong is None or called is None or not file.is_new(called) or _was_there(file, found):
            continue
        offset, message = wrong
        line = function.line_at(offset)
        yield Hit(
            patch,
            file,
            line if line is not None and file.is_new(line) else called,
            message,
            symbol=function.name,
            facts={"call": found["name"]},
        )


def _was_there(file: FileChange, found: re.Match[str]) -> bool:
    """Whether a removed line did the same with other arguments: not this patch's doing."""
    start = " ".join(found.group().split("(")[0].split()) + "("
    return any(start in line.text for line in file.removed)


def _wrong(function: Function, found: re.Match[str]) -> tuple[int, str] | None:
    """Where the result is taken for what it is not, and what to say; None where it is not."""
    name, variable = found["name"], found["variable"]
    returns = _returns(function).split()
    errno = "int" in returns and "unsigned" not in returns
    forever = FOREVER in found["arguments"]
    passes_on = errno and (forever or "wait" not in function.name)
    if not variable:
        return (found.start("name"), _not_an_errno(name)) if passes_on else None
    if forever and _is_int(function, variable):
        return found.start("variable"), (
            f"Please make {variable} a long: {name}() returns what is left of the timeout, and of "
            f"{FOREVER} an int keeps -1."
        )
    used = _next_use(function, found)
    if used is None:
        return None
    text = function.text[used:]
    tested = re.match(
        rf"if\s*\((?:unlikely\()?{variable}\)?\)\s*\{{?\s*(?P<fails>{_FAILS % variable})", text
    )
    if tested is not None and (errno or tested["fails"].startswith("return")):
        return used, _not_an_errno(name)
    if passes_on and re.match(rf"return\s+{variable}\s*;", text):
        return used, _not_an_errno(name)
    return None


def _returns(function: Function) -> str:
    """The return type as written; of a function that the hunk cuts, by git's section heading."""
    before, name, _ = function.fragment.heading.partition(f"{function.name}(")
    return before.rstrip("*") if name and not function.complete else function.returns


def _not_an_errno(name: str) -> str:
    return (
        f"{name}() returns a positive value on success and 0 after a timeout; please return an "
        "error only for < 0, and -ETIMEDOUT for 0."
    )


def _is_int(function: Function, variable: str) -> bool:
    declared = re.search(
        rf"^[ \t]*int\s+(?:[\w\s=,*]*[\s,])?{variable}\b", function.text, re.MULTILINE
    )
    return declared is not None


def _next_use(function: Function, found: re.Match[str]) -> int | None:
    """Offset of the statement that uses the variable next; None when nothing shows one."""
    variable = found["variable"]
    used = re.compile(rf"\b{variable}\b").search(function.text, found.end())
    if used is None:
        return None
    between = function.text[found.end() : used.start()]
    if "}" in between or re.search(r"\b(?:else|case|default)\b|^\w+:", between, re.MULTILINE):
        return None  # another branch, whose own value it may be
    at = found.end() + between.rfind(";") + 1
    return at + len(function.text[at:]) - len(function.text[at:].lstrip())


def _ignored(series: Series) -> Iterator[Hit]:
    """Waits in a revoke sequence that can end early, and nobody looks."""
    if not any(series.mentioning(*CALLS)):
        return
    for patch, file, found in told(series):
        seen: set[int] = set()
        for _, wait in found.fence_waits:
            line = wait.step.line
            early = _ends_early(wait.step)
            if line is None or not early or not _is_statement(wait.step) or line.at in seen:
                continue
            seen.add(line.at)
            if file.is_new(line):
                yield _ignores(patch, file, wait.step, line, early)


def _ignores(patch: Patch, file: FileChange, step: Step, line: Line, early: str) -> Hit:
    return Hit(
        patch,
        file,
        line,
        f"{early} Please wait with false and {FOREVER}, or look at what {step.name}() returns "
        "before going on.",
        symbol=step.function.name,
        facts={"call": step.name},
    )


def _ends_early(step: Step) -> str:
    if len(step.arguments) != 4:
        return ""
    if step.arguments[2] in ("true", "1"):
        return "A signal ends this wait while importers still use the memory."
    if re.search(r"jiffies|\bHZ\b|^\d+\w*$", step.arguments[3]):
        return "This wait can run into its timeout while importers still use the memory."
    return ""


def _is_statement(step: Step) -> bool:
    """Whether the call stands alone, so that its result is dropped."""
    texts = step.function.fragment.texts
    before = texts[step.row - 1].rstrip() if step.row else ""
    alone = re.match(rf"\s*(?:\(void\)\s*)?{step.name}\s*\(", texts[step.row])
    return alone is not None and not before.endswith(("=", "(", "return", ","))


_HEAD = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -10,3 +10,3 @@
 
 #include "frob.h"
 
"""
_WAIT_ON = "dma_resv_wait_timeout(frob->resv, DMA_RESV_USAGE_KERNEL, %s);"
_SURE = _WAIT_ON % "false, MAX_SCHEDULE_TIMEOUT"
_SHORT = _WAIT_ON % "true, timeout"


def _diff(*body: str, header: str = "static int frob_map(struct frob *frob)") -> str:
    lines = "".join(f"+{line}\n" for line in (header, "{", *("\t" + x for x in body), "}"))
    return _HEAD.replace("+10,3", f"+10,{6 + len(body)}") + lines


_REVOKE = (
    "dma_resv_lock(frob->dmabuf->resv, NULL);",
    "frob->revoked = true;",
    "dma_buf_invalidate_mappings(frob->dmabuf);",
    "dma_resv_wait_timeout(frob->dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP, %s);",
    "dma_resv_unlock(frob->dmabuf->resv);",
)


def _revoke(how: str) -> str:
    return _diff(
        *(line.replace("%s", how) for line in _REVOKE), header="void frob_revoke(struct f *frob)"
    )


BAD = [
    Bad(_diff(f"return {_SURE}"), at=(f"return {_SURE}",)),
    Bad(
        _diff(
            "long ret;", "", f"ret = {_SHORT}", "if (ret)", "\treturn ret;", "return frob_go(frob);"
        ),
        at=("if (ret)",),
    ),
    Bad(
        _diff("long ret;", "", f"ret = {_SURE}", "frob_unlock(frob);", "return ret;"),
        at=("return ret;",),
    ),
    Bad(
        _diff("int ret;", "", f"ret = {_SURE}", "if (ret < 0)", "\treturn ret;", "return 0;"),
        at=(f"ret = {_SURE}",),
    ),
    Bad(
        _diff("return dma_fence_wait_timeout(frob->fence, true, MAX_SCHEDULE_TIMEOUT);"),
        at=("return dma_fence_wait_timeout(frob->fence, true, MAX_SCHEDULE_TIMEOUT);",),
    ),
    Bad(
        """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -68,8 +68,5 @@ int frob_map_pages(struct frob *frob)
 	 * Wait for the exporter to finish
 	 * the migration.
 	 */
-	if (frob->fence)
-		return dma_fence_wait(frob->fence, false);
-
-	return 0;
+	return dma_resv_wait_timeout(frob->resv, false, false, MAX_SCHEDULE_TIMEOUT);
 }
""",
        at=("return dma_resv_wait_timeout(frob->resv, false, false, MAX_SCHEDULE_TIMEOUT);",),
    ),
    Bad(
        _revoke("true, MAX_SCHEDULE_TIMEOUT"),
        at=(_REVOKE[3].replace("%s", "true, MAX_SCHEDULE_TIMEOUT"),),
    ),
    Bad(
        _revoke("false, msecs_to_jiffies(100)"),
        at=(_REVOKE[3].replace("%s", "false, msecs_to_jiffies(100)"),),
    ),
]

GOOD = [
    Good(_revoke("false, MAX_SCHEDULE_TIMEOUT"), why="can only succeed"),
    Good(
        _diff(f"return {_SHORT}", header="static long frob_wait(struct frob *frob)"),
        why="hands on what is left of the timeout, as a long",
    ),
    Good(
        _diff(
            "long ret;",
            "",
            f"ret = {_SHORT}",
            "if (ret < 0)",
            "\treturn ret;",
            "if (ret == 0)",
            "\treturn -ETIMEDOUT;",
            "return 0;",
        ),
        why="all three are told apart",
    ),
    Good(
        _diff(
            "long ret;",
            "",
            f"ret = {_SHORT}",
            "if (!ret)",
            "\tret = -EBUSY;",
            "else if (ret > 0)",
            "\tret = 0;",
            "return ret;",
        ),
        why="made an errno before it is returned",
    ),
    Good(
        _diff(
            "long ret;",
            "",
            f"ret = {_SHORT}",
            "if (ret > 0)",
            "\treturn 0;",
            "return ret ?: -EBUSY;",
        ),
        why="success is taken out first",
    ),
    Good(
        _diff(
            f"return {_SHORT.replace(');', ') > 0;')}",
            header="static bool frob_idle(struct f *frob)",
        ),
        why="a comparison",
    ),
    Good(
        _diff("dma_resv_wait_timeout(frob->resv, DMA_RESV_USAGE_READ, true, HZ);", "return 0;"),
        why="no importer was told; a driver may give its own work a moment",
    ),
]
