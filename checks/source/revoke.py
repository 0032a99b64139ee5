# SPDX-License-Identifier: GPL-2.0-or-later
"""The steps of an exporter's revoke, by name: flag, lock, call, waits, count.

The sequence of the contract is: say no to new mappings, tell the importers,
wait for the fences, drop the lock, wait until every mapping is gone.  Source:
20260131-dmabuf-revoke-v7-0-463d956bd527@nvidia.com and the kernel-doc of
dma_buf_invalidate_mappings().  Nothing here decides whether that is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from checks.source.pattern import pattern
from checks.source.vocabulary import NOTIFY, is_no_exporter

if TYPE_CHECKING:
    from checks.api import Patch, Series
    from checks.source.c import Function
    from checks.source.change import FileChange
    from checks.source.steps import Step

__all__ = [
    "CALLS",
    "DROPS",
    "LOCKS",
    "REARMS",
    "UNLOCKS",
    "UNMAP_WAITS",
    "admits",
    "base_of",
    "exporters",
    "flag_store",
    "is_of",
    "is_revoke_flag",
    "resolver",
    "roots",
    "same_buffer",
    "waits_later",
]

_STORES = pattern(r"^(?:WRITE_ONCE|smp_store_(?:release|mb)|atomic\w*_set|xchg)$")
_BITS = pattern(r"^(?:__|test_and_)*(?:set|clear)_bit(?:_unlock)?$")
_BIT = pattern(r"REVOK|DEAD|GONE|INVALID|DEFUNCT|UNPLUG")
CALLS = tuple(name + "(" for name in NOTIFY)
"""One of these stands in every diff that tells importers, or shows where they are told."""

_FLAG_WORDS = r"revok|invalidated|defunct|unplugged"
_FLAG = pattern(rf"(?:->|\.)\w*(?:{_FLAG_WORDS})\w*$", re.IGNORECASE)
_REVOKED = pattern(r"(?<![a-z])REVOK")
_STATE = pattern(r"(?:->|\.)\w*(?:state|status)$")
_ADMITS = pattern(r"^(?:false|0|\w+_(?:OK|ACTIVE|VALID|NORMAL|LIVE|ENABLED|READY|MAPPABLE))$")
_NOTIFIES = pattern(r"\b(?:" + "|".join(NOTIFY) + r")\s*\(")

ROUNDS = 2
"""Levels of callers of the function that tells which are looked at too."""

UNMAP_WAITS = pattern(
    r"^s?wait_for_completion|^s?wait_event|^wait_var_event|^wait_on_bit|^swait_event|^percpu_ref_.*wait"
)
_WAITS = pattern(
    r"\bdma_resv_wait_timeout\s*\(|\bwait_(?:for_completion|event)|\w*_(?:wait|drain)\w*\s*\("
)
LOCKS = pattern(r"(?:^|_)resv(?:_\w+)?_(?:try)?lock")
UNLOCKS = pattern(
    r"(?:^|_)(?:resv|bo|gem|obj|object|buf|dmabuf)(?:_\w+)?_unlock|unreserve|exec_fini"
)
DROPS = pattern(r"^(?:kref_put|refcount_dec|atomic\w*_(?:dec|sub)|percpu_ref_(?:kill|put))")
REARMS = pattern(
    r"^(?:kref_init|refcount_set|(?:re)?init_completion|percpu_ref_re(?:init|surrect))$"
)


def is_revoke_flag(name: str, value: str = "") -> bool:
    """Whether storing `value` to `name` says that a buffer is, or is no longer, revoked."""
    if _FLAG.search(name) or (_REVOKED.search(value) and "->" in name):
        return True
    return _STATE.search(name) is not None and admits(value)


def same_buffer(function: Function, resv: str, dmabuf: str) -> bool:
    """Whether the expression `resv` is surely the reservation object of `dmabuf`."""
    resv, dmabuf = resv.replace(" ", ""), dmabuf.replace(" ", "")
    if resv in (dmabuf + "->resv", dmabuf + ".resv"):
        return True
    owner = resv.removesuffix("->resv")
    if owner == resv:
        return _is_set(function, resv, dmabuf + "->resv")
    return _is_set(function, owner, dmabuf) or _is_set(function, dmabuf, owner)


def is_of(function: Function, dmabuf: str, base: str) -> bool:
    """Whether `dmabuf` is surely the buffer of the exporter's object `base`."""
    if not base or dmabuf == base or base_of(dmabuf) == base:
        return bool(base)
    return _is_set(function, dmabuf, base + "->", rest=r"\w*buf\w*") or _is_set(
        function, base, dmabuf + "->priv"
    )


def _is_set(function: Function, variable: str, value: str, rest: str = "") -> bool:
    """Whether `function` sets the local `variable` to `value`."""
    if not variable.isidentifier():
        return False
    pattern_of = rf"\b{variable}\s*=\s*{re.escape(value)}{rest}\s*[;,]"
    return re.search(pattern_of, function.text) is not None


def flag_store(step: Step) -> tuple[str, str] | None:
    """The flag that a step sets or clears and the value, also by a macro or as a bit."""
    if step.kind == "store":
        return (step.name, step.value) if is_revoke_flag(step.name, step.value) else None
    if step.kind != "call" or len(step.arguments) != 2:
        return None
    first, second = step.arguments
    if _STORES.match(step.name) and is_revoke_flag(first.lstrip("&("), second):
        return first.lstrip("&("), second
    if _BITS.match(step.name) and _BIT.search(first):
        return second.lstrip("&("), "false" if "clear" in step.name else "true"
    return None


def admits(value: str) -> bool:
    """Whether `value`, stored in a flag, lets importers in."""
    return _ADMITS.match(value) is not None


def base_of(expression: str) -> str:
    """The object of `priv->flag` or `&priv->count`: everything before the last member."""
    return expression.lstrip("&( ").rpartition("->")[0]


def exporters(series: Series) -> Iterator[tuple[Patch, FileChange]]:
    """Yield the files of exporters that tell importers; not tests, not DRM."""
    for patch in series.mentioning(*CALLS):
        for file in patch.change.touching(*CALLS):
            if file.path.endswith((".c", ".h")) and not is_no_exporter(file.path):
                yield patch, file


def resolver(series: Series, near: FileChange) -> Callable[[str], Function | None]:
    """For `steps.follow`: what a patch leaves in its own file before what the series leaves."""
    own = near.once(
        "own functions", lambda: ({f.name: f for f in near.after.functions if f.complete},)
    )[0]
    program = series.program.resolver(near)
    return lambda name: own.get(name) or program(name)


def waits_later(series: Series, patch: Patch, function: str) -> bool:
    """Whether a later patch adds a wait to the function of that name."""
    later = (p for p in series.program.places(function) if p.patch.number > patch.number)
    return any(_adds_wait(place.function) for place in later)


def _adds_wait(function: Function) -> bool:
    fragment = function.fragment
    rows = range(function.start, function.end + 1)
    return any(fragment.is_added(row) and _WAITS.search(fragment.texts[row]) for row in rows)


def roots(series: Series, file: FileChange) -> Iterator[tuple[FileChange, Function]]:
    """The functions of `file` that tell importers, and those of the series that call them."""
    seen: dict[int, tuple[FileChange, Function]] = {}
    for function in file.after.functions_with(_NOTIFIES):
        seen[id(function)] = (file, function)
    for _ in range(ROUNDS):
        names = {function.name for _, function in seen.values()}
        calls = (
            re.compile(r"\b(?:" + "|".join(map(re.escape, names)) + r")\s*\(") if names else None
        )
        before = len(seen)
        for patch in series.mentioning(*names) if calls else ():
            for other in patch.change.touching(*names):
                if calls and other.path.endswith((".c", ".h")):
                    seen |= {
                        id(f): (other, f)
                        for f in other.after.functions_with(calls)
                        if id(f) not in seen
                    }
        if len(seen) == before:
            break
    yield from seen.values()
