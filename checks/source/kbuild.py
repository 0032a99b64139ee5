# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernel makefiles: which object belongs to which module, and under which CONFIG symbol.

Reads the part of make that kbuild files use for their lists: assignments with
continued lines, `$(variables)` of the same file, `foo-y`, `foo-objs`,
`foo-$(CONFIG_X)`, and the conditionals around them.  Functions of make are not
called; what they would give is not seen, and an object that no list names is
of no module that is known here.  Text in, facts out: where the text comes
from is the caller's business.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from checks.source.pattern import pattern

__all__ = ["BUILTIN", "MODULE", "Assignment", "Makefile", "Target", "read_makefile"]

BUILTIN = "y"
MODULE = "m"
DEPTH = 8
"""How many variables inside one another are followed."""

_ASSIGNMENT = pattern(
    r"^\s*(?:export\s+)?((?:[\w./-]|\$\((?:[^()=]|\([^()=]*\))*\))+)\s*(\+=|:{0,3}=|\?=)\s*(.*)$"
)
_SUFFIX = pattern(r"^(.+?)-(?:(y|m|objs)|\$\(.*CONFIG_(\w+)\)+)$")
_WORD = pattern(r"(?:\$\((?:[^()]|\([^()]*\))*\)|[^\s$])+")
_VARIABLE = pattern(r"\$\(([\w.-]+)\)|\$\{([\w.-]+)\}")
_CONFIG = pattern(r"CONFIG_(\w+)")
_OPENS = pattern(r"^\s*(ifdef|ifndef|ifeq|ifneq)\b(.*)$")
_ON = pattern(r"^ifdef\b|^ifeq\b.*,\s*[ym]\s*\)|^ifneq\b.*,\s*n?\s*\)")
"""A conditional that holds when the symbol that it names is on."""
_LISTS = ("obj", "lib")


class Assignment(NamedTuple):
    """One assignment, or what a hunk shows of it."""

    stem: str
    """`foo` of `foo-y`, `foo-objs` and `foo-$(CONFIG_X)`; the whole name of other variables."""
    kind: str
    """`y`, `m`, `objs`, the CONFIG symbol without its prefix, or empty for another variable."""
    words: tuple[str, ...]
    around: tuple[str, ...]
    """CONFIG symbols that the conditionals around it name."""

    @property
    def guards(self) -> frozenset[str]:
        """The CONFIG symbols without which it is not in force."""
        own = () if self.kind in ("", "y", "m", "objs") else (self.kind,)
        return frozenset((*own, *self.around))


class Target(NamedTuple):
    """What kbuild makes out of an object: a module, or a part of the kernel image."""

    name: str
    """Module name as the file is called, without `.ko`."""
    condition: str
    """`y` when it is only ever built in, `m`, or the CONFIG symbol that decides."""
    guards: frozenset[str]
    """Further CONFIG symbols that the object needs to be part of it."""

    @property
    def builtin(self) -> bool:
        return self.condition == BUILTIN


Guarded = tuple[str, frozenset[str]]
"""A word of a list, and the CONFIG symbols that it needs."""


class Makefile:
    """One makefile, or the parts of it that are known."""

    def __init__(self, assignments: Sequence[Assignment]) -> None:
        self.assignments = tuple(assignments)

    def __add__(self, other: Makefile) -> Makefile:
        return Makefile((*self.assignments, *other.assignments))

    @cached_property
    def _by_stem(self) -> dict[str, list[Assignment]]:
        found: dict[str, list[Assignment]] = {}
        for assignment in self.assignments:
            found.setdefault(assignment.stem, []).append(assignment)
        return found

    def _expanded(
        self, assignment: Assignment, depth: int = DEPTH
    ) -> Iterator[tuple[str, frozenset[str]]]:
        """The words of an assignment with the variables of this file put in, and their guards."""
        for word in assignment.words:
            found = _VARIABLE.fullmatch(word)
            if found is None:
                yield word.removeprefix("$(obj)/").removeprefix("$(src)/"), assignment.guards
            elif depth:
                stem, kind = _split(found.group(1) or found.group(2))
                for inner in self._by_stem.get(stem, ()):
                    if bool(kind) == bool(inner.kind):
                        for text, guards in self._expanded(inner, depth - 1):
                            yield text, guards | assignment.guards

    @cached_property
    def _listed(self) -> tuple[tuple[str, str, frozenset[str]], ...]:
        """What `obj-` and `lib-` list: the word, its condition and what else it needs."""
        found = []
        for stem in _LISTS:
            for assignment in self._by_stem.get(stem, ()):
                condition = BUILTIN if stem == "lib" else assignment.kind
                for word, guards in self._expanded(assignment):
                    found.append((word, condition, guards - {assignment.kind}))
        return tuple(found)

    @cached_property
    def _members(self) -> dict[str, dict[str, frozenset[str]]]:
        """The objects of each composite object, with what each needs."""
        return {
            stem: {
                word.removesuffix(".o"): guards
                for assignment in assignments
                for word, guards in self._expanded(assignment)
                if word.endswith(".o")
            }
            for stem, assignments in self._by_stem.items()
            if stem not in _LISTS and any(assignment.kind for assignment in assignments)
        }

    def members(self, name: str) -> tuple[str, ...]:
        """The objects that the module `name` is linked from, without `.o`, relative to the file."""
        return tuple(self._members.get(name, {name: frozenset()}))

    def targets(self, thing: str) -> tuple[Target, ...]:
        """What the object `thing` (without `.o`, relative to this file) becomes part of.

        Empty when no list names it.
        """
        found = {}
        for word, condition, needs in self._listed:
            name = word.removesuffix(".o")
            if name == word:
                continue
            if name in self._members:
                guards = self._members[name].get(thing)
            else:
                guards = frozenset() if name == thing else None
            if guards is not None:
                found[name, condition] = Target(name, condition, guards | needs)
        return tuple(found.values())

    def composites(self, thing: str) -> tuple[str, ...]:
        """The names of the composite objects whose lists have `thing`, whoever lists these."""
        return tuple(stem for stem, members in self._members.items() if thing in members)

    def subdirectory(self, name: str) -> tuple[str, ...]:
        """The conditions under which the subdirectory `name` is entered."""
        wanted = name.rstrip("/") + "/"
        return tuple(condition for word, condition, _ in self._listed if word == wanted)


def _split(name: str) -> tuple[str, str]:
    """The stem and kind of a variable's name."""
    found = _SUFFIX.match(name)
    if found is None:
        return name, ""
    return found.group(1), next(group for group in found.groups()[1:] if group)


def read_makefile(text: str, heading: str = "") -> Makefile:
    """Read a makefile, or a part of it that begins after the line `heading` and maybe others.

    A part that begins inside of a continued list is given to the variable of
    its heading, if that is where the list began.
    """
    assignments: list[Assignment] = []
    conditions: list[tuple[str, ...]] = []
    for line in _logical_lines(_with_start(text, heading)):
        line = line.partition("#")[0]
        opens = _OPENS.match(line)
        word = line.split(None, 1)[0] if line.strip() else ""
        if opens:
            on = _ON.match(line.strip())
            conditions.append(tuple(_CONFIG.findall(opens.group(2))) if on else ())
        elif word == "endif" and conditions:
            conditions.pop()
        elif word == "else" and conditions:
            conditions[-1] = ()
        else:
            found = _ASSIGNMENT.match(line)
            if found:
                stem, kind = _split(found.group(1))
                words = tuple(m.group() for m in _WORD.finditer(found.group(3)))
                around = tuple(name for names in conditions for name in names)
                assignments.append(Assignment(stem, kind, words, around))
    return Makefile(assignments)


def _with_start(text: str, heading: str) -> str:
    """Put the heading's list before a text that goes on with it."""
    first = text.partition("\n")[0]
    goes_on = first[:1].isspace() and first.strip() and not _ASSIGNMENT.match(first)
    begins = heading.rstrip().endswith("\\") and _ASSIGNMENT.match(heading)
    return f"{heading}\n{text}" if goes_on and begins else text


def _logical_lines(text: str) -> Iterator[str]:
    """The lines of `text`, continued ones joined."""
    parts: list[str] = []
    for line in text.split("\n"):
        stripped = line.rstrip()
        if stripped.endswith("\\"):
            parts.append(stripped[:-1])
            continue
        yield " ".join((*parts, line)) if parts else line
        parts = []
    if parts:
        yield " ".join(parts)
