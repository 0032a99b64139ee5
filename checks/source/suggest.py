# SPDX-License-Identifier: GPL-2.0-or-later
"""Suggested changes, as a unified diff against the after image of a file.

`git apply` takes it on top of the patch, as long as the fragment shows enough
context.  Only lines that the fragment shows are used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from checks.source.image import Fragment

__all__ = ["replace_rows"]


def replace_rows(
    path: str, fragment: Fragment, start: int, end: int, new: tuple[str, ...], context: int = 3
) -> str:
    """Return a diff that puts the lines `new` in place of rows `start` to `end`, both included.

    `end` may be `start - 1`: then `new` is put before `start` and nothing goes.
    """
    texts = fragment.texts
    first = max(start - context, 0)
    last = min(end + context, len(texts) - 1)
    before, after = texts[first:start], texts[end + 1 : last + 1]
    old = texts[start : end + 1]
    number = fragment.first + first
    length = len(before) + len(after)
    lines = [
        f"--- a/{path}",
        f"+++ b/{path}",
        f"@@ -{number},{length + len(old)} +{number},{length + len(new)} @@",
        *(" " + text for text in before),
        *_body(old, new),
        *(" " + text for text in after),
    ]
    return "\n".join(lines) + "\n"


def _body(old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[str]:
    """The lines of the change itself; what stays is context."""
    if len(old) < 2 or not new:
        yield from ("-" + text for text in old)
        yield from ("+" + text for text in new)
        return
    from difflib import SequenceMatcher

    for what, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            yield from (" " + text for text in old[a:b])
        else:
            yield from _body(old[a:b], ())
            yield from ("+" + text for text in new[c:d])
