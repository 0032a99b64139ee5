# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a series changes the contract itself, and where it documents that.

The contract's text is the kernel-doc of the notify function and of the
callback; its code is the notify function, the test in dma_buf_dynamic_attach()
and the helpers about revocation, all in the dma-buf core.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from checks.source.c import Function
from checks.source.diff import Line
from checks.source.kerneldoc import KernelDoc
from checks.source.pattern import pattern
from checks.source.vocabulary import CALLBACKS, NOTIFY, SENTINEL, is_core

if TYPE_CHECKING:
    from checks.api import Patch, Series
    from checks.source.change import FileChange

__all__ = [
    "WORDS",
    "ContractChange",
    "Predicate",
    "contract_changes",
    "docs_of",
    "is_opt_out",
    "may_be_documented",
    "predicates",
]

WORDS = ("revok", "revoc", *CALLBACKS)
"""One of these stands in every diff that changes the contract."""

_SPEAKS = pattern(r"revok|revoc|invalidat", re.IGNORECASE)
_IDLE = pattern(
    r"\s*(?:[{}]*\s*$|/?\*|//|(?:trace|pr|dev|lockdep|might)_\w+\s*\(|DMA_BUF_TRACE\b|WARN\w*\s*\()"
)
"""A line that does nothing that anybody could rely on."""
_LISTED = pattern(r"\s*[-*]\s+&?\w[\w.]*(?:\(\))?\s*$")
"""An entry of a list of names, as "DOC: locking convention" has them."""
_TEST = pattern(rf"importer_ops\s*(?:->|\.)\s*(?:{'|'.join(CALLBACKS)})\b")


class ContractChange(NamedTuple):
    """One place where the series changes what exporters and importers may rely on."""

    kind: str
    """`helper`, `notify` (its body) or `policy` (whether the callback may be NULL)."""
    patch: Patch
    file: FileChange
    line: Line
    symbol: str
    doc: KernelDoc | None = None
    """For a helper: its kernel-doc."""
    definition: Line | None = None
    """For a helper: the line that has its name."""


class Predicate(NamedTuple):
    """A new or changed function of the core that answers a question about an attachment."""

    patch: Patch
    file: FileChange
    function: Function
    doc: KernelDoc | None

    @property
    def tests_callback(self) -> bool:
        """Whether it looks at the importer's callback."""
        return _TEST.search(self.function.text) is not None

    @property
    def about_revoke(self) -> bool:
        """Whether its name or its kernel-doc speaks of revocation, or it tests the callback."""
        prose = self.doc.prose if self.doc else ""
        return bool(
            _SPEAKS.search(self.function.name) or "revok" in prose.lower() or self.tests_callback
        )


def _core_files(series: Series) -> Iterator[tuple[Patch, FileChange]]:
    for patch in series.mentioning(*WORDS):
        for file in patch.change.touching(*WORDS):
            if is_core(file.path) and file.path.endswith((".c", ".h")):
                yield patch, file


def _changes(file: FileChange, function: Function) -> list[Line]:
    """The added lines of a function that say something new."""
    shown = (function.fragment.shown(row) for row in range(function.start, function.end + 1))
    return [line for line in shown if line is not None and file.is_new(line)]


def predicates(series: Series) -> Iterator[Predicate]:
    """Yield the predicates about an attachment that the series adds or changes."""
    for patch, file in _core_files(series):
        yield from file.once("predicates", partial(_predicates, patch, file))


def _predicates(patch: Patch, file: FileChange) -> Iterator[Predicate]:
    docs = {doc.name: doc for doc in file.after.kernel_docs if doc.kind == "function"}
    for function in file.after.functions:
        takes = any("struct dma_buf_attachment" in p.type for p in function.parameters)
        if takes and "bool" in function.returns.split() and _changes(file, function):
            predicate = Predicate(patch, file, function, docs.get(function.name))
            if predicate.about_revoke:
                yield predicate


def contract_changes(series: Series) -> tuple[ContractChange, ...]:
    """The changes of the contract in `series`, helpers first, each kind in patch order."""
    found = [_of_helper(predicate) for predicate in predicates(series)]
    for patch, file in _core_files(series):
        found += file.once("core functions", partial(_core_changes, patch, file))
    return tuple(sorted(found, key=lambda change: _KINDS.index(change.kind)))


_KINDS = ("helper", "policy", "notify")


def _core_changes(patch: Patch, file: FileChange) -> Iterator[ContractChange]:
    """Changes of the notify function and of the test in dma_buf_dynamic_attach()."""
    for function in file.after.functions:
        if function.name not in (*NOTIFY, "dma_buf_dynamic_attach"):
            continue
        changed = _changes(file, function) or _only_removed(file, function)
        changed = [line for line in changed if not _IDLE.match(line.text)]
        if function.name in NOTIFY:
            lines, kind = changed, "notify"
        else:
            lines, kind = [x for x in changed if re.search(r"!\s*importer_ops->", x.text)], "policy"
        for line in lines[:1]:
            yield ContractChange(kind, patch, file, line, function.name)


def _only_removed(file: FileChange, function: Function) -> list[Line]:
    """The removed lines inside a function to which nothing was added."""
    first = next(
        (n for n, x in enumerate(file.lines) if x == function.fragment.shown(function.start)), 0
    )
    last = next(
        (n for n, x in enumerate(file.lines) if x == function.fragment.shown(function.end)), -1
    )
    return [
        line
        for line in file.lines[first : last + 1]
        if line.sign == "-" and not file.was_renamed(line)
    ]


def _of_helper(predicate: Predicate) -> ContractChange:
    patch, file, function = predicate.patch, predicate.file, predicate.function
    definition = function.fragment.shown(function.row_of(function.name) or function.start)
    if definition is None or not definition.added:
        definition = _changes(file, function)[0]
    line = _title_line(predicate) or definition
    return ContractChange("helper", patch, file, line, function.name, predicate.doc, definition)


def _title_line(predicate: Predicate) -> Line | None:
    """The added line of the kernel-doc that has the function's name."""
    if predicate.doc is None:
        return None
    rows = (row for row, text in predicate.doc.text if predicate.function.name in text)
    lines = (predicate.doc.fragment.shown(row) for row in rows)
    return next((line for line in lines if line is not None and line.added), None)


def docs_of(
    series: Series, names: tuple[str, ...], kind: str
) -> Iterator[tuple[Patch, FileChange, KernelDoc]]:
    """Yield the kernel-doc comments about one of `names` in which the series says something new.

    `kind` is `function` or `member`.
    """
    for patch, file in _core_files(series):
        for doc in file.after.kernel_docs:
            if _is_about(doc, names, kind) and _says_something(file, doc):
                yield patch, file, doc


def _says_something(file: FileChange, doc: KernelDoc) -> bool:
    """Whether the diff adds words to a comment: more than a delimiter, a new name or a list entry.

    Git's hunks slide: the opening line of the comment below can be the one that is added.
    """
    rows = (row for row, text in doc.text if text.strip() and not _LISTED.match(text))
    return any(line is not None and file.is_new(line) for line in map(doc.fragment.shown, rows))


def _is_about(doc: KernelDoc, names: tuple[str, ...], kind: str) -> bool:
    if kind == "member" or doc.kind == "member":
        return doc.kind == kind and doc.name in names
    return doc.name in names or doc.owner in names


def may_be_documented(series: Series) -> bool:
    """Whether the series writes into a core comment of which nothing tells whose it is."""
    return any(
        doc.kind == "unknown" and not doc.owner and _says_something(file, doc)
        for _, file in _core_files(series)
        if file.path.endswith(".c")
        for doc in file.after.kernel_docs
    )


def is_opt_out(name: str) -> bool:
    """Whether `name` is a function whose only use is to opt out of the callback."""
    return name == SENTINEL or ("unsupported" in name and _SPEAKS.search(name) is not None)
