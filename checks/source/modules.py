# SPDX-License-Identifier: GPL-2.0-or-later
"""Modules as they are built once a series is applied: who is linked into what, under which symbol.

The makefiles, Kconfig files and sources are those of the tree with the
series' changes on top, or, without a tree, what the series shows of them.
What neither has is unknown, and is told as None, not as "there is none".
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from checks.source.kbuild import BUILTIN, MODULE, Makefile, Target, read_makefile
from checks.source.kconfig import Symbol, ensures, read_kconfig
from checks.source.pattern import pattern
from checks.source.vocabulary import brings_dma_buf

if TYPE_CHECKING:
    from checks.api import Blobs, Series
    from checks.source.change import FileChange

__all__ = ["Build", "Module", "Text"]

UP = 4
"""How many directories above a source file its makefile may be."""
GOAL = "DMA_SHARED_BUFFER"

_IMPORT = pattern(r"\s*MODULE_IMPORT_NS\(\s*\"?(\w+)\"?\s*\)")
_ENTRY = pattern(r"\s*(?:menu)?config\s+(\w+)")


class Text(NamedTuple):
    """What is known of a file after the series: headings and texts of its parts."""

    parts: tuple[tuple[str, str], ...]
    whole: bool
    """Whether the parts are all of it."""

    @property
    def joined(self) -> str:
        return "\n".join(text for _, text in self.parts)


class Module(NamedTuple):
    """A module or built-in object, and the directory of the makefile that says so."""

    target: Target
    directory: str
    whole: bool
    """Whether all of that makefile is known."""

    @property
    def name(self) -> str:
        return self.target.name


class Build:
    """What the makefiles and Kconfig files say of the sources of a series."""

    def __init__(self, series: Series) -> None:
        self.series = series
        self.blobs: Blobs | None = series.patches[-1].blobs if series.patches else None
        self._makefiles: dict[str, tuple[Makefile, bool] | None] = {}
        self._imports: dict[str, frozenset[str] | None] = {}

    @cached_property
    def changes(self) -> dict[str, list[FileChange]]:
        """All changes of the series by path, in patch order."""
        found: dict[str, list[FileChange]] = {}
        for patch in self.series.patches:
            for file in patch.change.all_files:
                found.setdefault(file.path, []).append(file)
        return found

    def text(self, path: str) -> Text | None:
        """What is known of the file `path` after the series; None for nothing, or no such file."""
        changes = [file for file in self.changes.get(path, ()) if file.damage is None]
        if not changes:
            content = self.blobs.file(path) if self.blobs is not None else None
            if content is None:
                return None
            return Text((("", content.decode("utf-8", "replace")),), whole=True)
        last = changes[-1]
        if last.diff.new_path is None:
            return None
        if last.whole is not None:
            return Text((("", "\n".join(last.whole.after)),), whole=True)
        parts = tuple(
            (fragment.heading, "\n".join(fragment.texts))
            for file in changes
            for fragment in file.after.fragments
        )
        return Text(parts, whole=changes[0].diff.old_path is None)

    def makefile(self, directory: str) -> tuple[Makefile, bool] | None:
        """The makefile of `directory` and whether it is known as a whole."""
        if directory not in self._makefiles:
            self._makefiles[directory] = self._read_makefile(directory)
        return self._makefiles[directory]

    def _read_makefile(self, directory: str) -> tuple[Makefile, bool] | None:
        for name in ("Kbuild", "Makefile"):
            text = self.text(f"{directory}/{name}")
            if text is not None:
                parts = (read_makefile(part, heading) for heading, part in text.parts)
                return sum(parts, Makefile(())), text.whole
        return None

    def modules(self, path: str) -> tuple[Module, ...]:
        """What the source file `path` is built into; empty when nothing is known of it."""
        return tuple(
            Module(target, directory, whole)
            for directory, thing, makefile, whole in self._listings(path)
            for target in makefile.targets(thing)
        )

    def composites(self, path: str) -> frozenset[tuple[str, str]]:
        """Directory and name of the lists that are seen to have the object of `path`."""
        return frozenset(
            (directory, name)
            for directory, thing, makefile, _ in self._listings(path)
            for name in makefile.composites(thing)
        )

    def _listings(self, path: str) -> Iterator[tuple[str, str, Makefile, bool]]:
        """The makefiles that may list the object of `path`, and what they would call it."""
        directory, _, name = path.removesuffix(".c").rpartition("/")
        thing = name
        for _ in range(UP):
            if not directory:
                return
            found = self.makefile(directory)
            if found is not None:
                yield directory, thing, *found
            directory, _, last = directory.rpartition("/")
            thing = f"{last}/{thing}"

    def sources(self, module: Module) -> tuple[str, ...]:
        """The paths of the C files that a module is linked from."""
        found = self.makefile(module.directory)
        members = found[0].members(module.name) if found is not None else ()
        return tuple(f"{module.directory}/{member}.c" for member in members)

    def imports(self, path: str) -> frozenset[str] | None:
        """The namespaces that the file `path` imports; None when the file is not known."""
        if path not in self._imports:
            text = self.text(path)
            self._imports[path] = _imports(text.joined) if text is not None else None
        return self._imports[path]

    def symbols(self, directory: str) -> dict[str, Symbol]:
        """The CONFIG symbols that `directory` and those above it define, by name.

        Their dependencies have those of the blocks in which their file is read.
        Of a Kconfig file that is not known as a whole, only new entries count.
        """
        found: dict[str, Symbol] = {}
        around: dict[str, tuple[str, ...]] = {}
        for path in _upwards(directory):
            text = self.text(path)
            if text is None:
                continue
            kconfig = read_kconfig(text.joined)
            for source in kconfig.sources:
                around[source.path] = (*around.get(path, ()), *source.depends)
            new = None if text.whole else self._new_entries(path)
            for symbol in kconfig.symbols:
                if new is None or symbol.name in new:
                    depends = (*around.get(path, ()), *symbol.depends)
                    found[symbol.name] = symbol._replace(depends=depends)
        return found

    def _new_entries(self, path: str) -> frozenset[str]:
        return frozenset(
            found.group(1)
            for file in self.changes.get(path, ())
            for line in file.added
            if (found := _ENTRY.match(line.text)) is not None
        )

    def is_modular(self, module: Module) -> bool | None:
        """Whether it can be a module at all, by its CONFIG symbol's type; None when not shown."""
        if module.target.condition in (BUILTIN, MODULE):
            return module.target.condition == MODULE
        symbol = self.symbols(module.directory).get(module.target.condition)
        return symbol.modular if symbol is not None else None

    def brings_dma_buf(self, module: Module) -> bool | None:
        """Whether DMA_SHARED_BUFFER is on wherever `module` is built; None when it is not known."""
        symbols = self.symbols(module.directory)
        names = set(module.target.guards)
        if module.target.condition not in ("", "y", "m"):
            names.add(module.target.condition)

        def lookup(name: str) -> Symbol | bool | None:
            return symbols.get(name) or brings_dma_buf(name)

        found = [
            ensures(name, GOAL, lookup)
            if name in symbols
            else brings_dma_buf(name) or None  # not shown: it may
            for name in names
        ]
        return True if True in found else None if None in found or not found else False


def _imports(text: str) -> frozenset[str]:
    if "MODULE_IMPORT_NS" not in text:
        return frozenset()
    lines = (_IMPORT.match(line) for line in text.split("\n"))
    return frozenset(found.group(1) for found in lines if found is not None)


def _upwards(directory: str) -> list[str]:
    """The Kconfig files from the top down to `directory`."""
    parts = directory.split("/")
    return ["/".join((*parts[:count], "Kconfig")) for count in range(len(parts) + 1)]
