# SPDX-License-Identifier: GPL-2.0-or-later
"""Suggested text for a comment that the series or the tree shows, as a diff.

What a patch owes to a comment need not be in a file that it touches: the
latest version of that file, as far as it is known once the patch is applied,
is what the diff is against.  A comment of which the end is not shown gets
none, and the rule falls back on plain lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from checks.source.image import Image, whole_image
from checks.source.pattern import pattern
from checks.source.suggest import replace_rows

if TYPE_CHECKING:
    from checks.api import Patch, Series
    from checks.source.kerneldoc import KernelDoc

__all__ = ["append", "doc_after", "image_after", "retag"]

_RETURNS = pattern(r"(?:Returns?|Context)\b")


def image_after(series: Series, patch: Patch, path: str) -> Image | None:
    """What is known of the file `path` once `patch` is applied; None for nothing or no file."""
    for earlier in reversed([p for p in series.patches if p.number <= patch.number]):
        file = earlier.change.file(path)
        if file is not None:
            return file.after if file.diff.new_path is not None else None
    content = patch.blobs.file(path) if patch.blobs is not None else None
    if content is None:
        return None
    return whole_image(tuple(content.decode("utf-8", "surrogateescape").split("\n")[:-1]), {})


def doc_after(
    series: Series, patch: Patch, path: str, names: tuple[str, ...], kind: str
) -> KernelDoc | None:
    """The kernel-doc of one of `names` in `path` after `patch`, a `function`'s or a `member`'s."""
    image = image_after(series, patch, path)
    if image is None or not any(map(image.has, names)):
        return None
    return next(_docs(image, names, kind), None)


def _docs(image: Image, names: tuple[str, ...], kind: str) -> Iterator[KernelDoc]:
    for doc in image.kernel_docs:
        if kind == "member" or doc.kind == "member":
            if doc.kind == kind and doc.name in names:
                yield doc
        elif doc.name in names or doc.owner in names:
            yield doc


def append(path: str, doc: KernelDoc | None, text: tuple[str, ...]) -> str:
    """A diff that puts the lines `text` at the end of the comment, before what it returns.

    Empty when the end of the comment is not shown.
    """
    if doc is None or not doc.ends:
        return ""
    texts = doc.fragment.texts
    indent, close, rest = texts[doc.end].partition("*/")
    if not close or indent.strip() or rest.strip() or doc.end == doc.start:
        return ""
    row = next((row for row, line in doc.text if _RETURNS.match(line)), doc.end)
    lines = [f"{indent}* {line}".rstrip() for line in text]
    if texts[row - 1].strip() != "*":
        lines.insert(0, f"{indent}*")
    if row != doc.end:
        lines.append(f"{indent}*")
    return replace_rows(path, doc.fragment, row, row - 1, tuple(lines))


def retag(path: str, doc: KernelDoc | None, old: str, new: str) -> str:
    """A diff that puts `new` in place of `old` in the first line of the comment that has it."""
    if doc is None:
        return ""
    texts = doc.fragment.texts
    for row, _ in doc.text:
        if old in texts[row]:
            right = texts[row].replace(old, new, 1)
            return replace_rows(path, doc.fragment, row, row, (right,))
    return ""
