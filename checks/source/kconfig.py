# SPDX-License-Identifier: GPL-2.0-or-later
"""Kconfig files: what a symbol depends on and selects, with the menus and ifs around it.

Reads entries, dependencies, selects, defaults and `source` lines.  Macros are
left as they are, and nothing is evaluated: `ensures` says what follows from a
symbol being on, and None where that can't be known.  Text in, facts out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from checks.source.pattern import pattern

__all__ = ["Kconfig", "Sourced", "Symbol", "ensures", "read_kconfig"]

DEPTH = 12
"""How many symbols in a row are followed."""

_ENTRY = pattern(r"^\s*(?:menu)?config\s+(\w+)")
_TYPE = pattern(r"^\s*(def_)?(bool|tristate|string|int|hex)\b\s*(.*)$")
_DEPENDS = pattern(r"^\s*(?:depends\s+on|visible\s+if)\s+(.*)$")
_SELECT = pattern(r"^\s*select\s+(\w+)(?:\s+if\s+(.*))?$")
_DEFAULT = pattern(r"^\s*default\s+(.*)$")
_PROMPT = pattern(r"^\s*prompt\b")
_BLOCK = pattern(r"^\s*(if|menu|choice)\b\s*(.*)$")
_END = pattern(r"^\s*(?:endif|endmenu|endchoice)\b")
_SOURCE = pattern(r"^\s*[or]*source\s+\"([^\"]+)\"")
_HELP = pattern(r"^\s*(?:---)?help(?:---)?\s*$")
_TOKEN = pattern(r"\s*(&&|\|\||!=|<=|>=|[!()=<>]|\$\([^()]*\)|\"[^\"]*\"|'[^']*'|[\w.-]+)")


class Symbol(NamedTuple):
    """One `config` entry, or what a hunk shows of it."""

    name: str
    type: str
    """`tristate`, `bool` or another; empty when it is not shown."""
    prompt: bool
    """Whether the user is asked; others are on by default or because somebody selects them."""
    depends: tuple[str, ...]
    """Expressions, all of which hold when it is on, those of the blocks around it included."""
    selects: tuple[tuple[str, str], ...]
    """What it turns on, and the expression after `if`, or empty."""
    defaults: tuple[str, ...]
    """The expressions after `if` in the defaults; empty ones for `default y`."""

    @property
    def modular(self) -> bool | None:
        """Whether it can be `m`; None when its type is not shown."""
        return self.type == "tristate" if self.type else None


class Sourced(NamedTuple):
    """A file that is read at a `source` line."""

    path: str
    depends: tuple[str, ...]


class Kconfig(NamedTuple):
    """One Kconfig file."""

    symbols: tuple[Symbol, ...]
    sources: tuple[Sourced, ...]


class _Reader:
    """The state between lines."""

    def __init__(self) -> None:
        self.symbols: list[Symbol] = []
        self.sources: list[Sourced] = []
        self.blocks: list[list[str]] = []
        self.current: Symbol | None = None

    def around(self) -> tuple[str, ...]:
        return tuple(expression for block in self.blocks for expression in block)

    def close(self) -> None:
        if self.current is not None:
            self.symbols.append(self.current)
            self.current = None

    def take(self, line: str) -> None:
        entry, block = _ENTRY.match(line), _BLOCK.match(line)
        source = _SOURCE.match(line)
        if entry:
            self.close()
            self.current = Symbol(entry.group(1), "", False, self.around(), (), ())
        elif block:
            self.close()
            self.blocks.append([block.group(2)] if block.group(1) == "if" else [])
        elif _END.match(line):
            self.close()
            if self.blocks:
                self.blocks.pop()
        elif source:
            self.close()
            self.sources.append(Sourced(source.group(1), self.around()))
        elif line.lstrip().startswith("comment "):
            self.close()
            self.blocks.append([])  # its dependencies are its own
            self.blocks.pop()
        elif self.current is not None:
            self.current = _with_property(self.current, line)
        elif self.blocks and (found := _DEPENDS.match(line)):
            self.blocks[-1].append(found.group(1))


def _with_property(symbol: Symbol, line: str) -> Symbol:
    """The symbol with what one line of its entry says."""
    if found := _TYPE.match(line):
        rest = found.group(3)
        if not found.group(1):
            return symbol._replace(type=found.group(2), prompt=symbol.prompt or bool(rest))
        symbol = symbol._replace(type=found.group(2))
        return symbol._replace(defaults=(*symbol.defaults, *_default(rest)))
    if found := _DEPENDS.match(line):
        return symbol._replace(depends=(*symbol.depends, found.group(1)))
    if found := _SELECT.match(line):
        return symbol._replace(
            selects=(*symbol.selects, (found.group(1), (found.group(2) or "").strip()))
        )
    if found := _DEFAULT.match(line):
        return symbol._replace(defaults=(*symbol.defaults, *_default(found.group(1))))
    return symbol._replace(prompt=True) if _PROMPT.match(line) else symbol


def _default(text: str) -> tuple[str, ...]:
    """What has to hold for a default to turn the symbol on; nothing for `default n`."""
    value, _, condition = text.partition(" if ")
    value, condition = value.strip(), condition.strip()
    if value == "n":
        return ()
    if value in ("y", "m"):
        return (condition,)
    return (f"({value}) && ({condition})" if condition else value,)


def read_kconfig(text: str) -> Kconfig:
    """Read a Kconfig file, or a part of one.

    A part that begins inside of an entry gives nothing for that one.
    """
    reader = _Reader()
    for line in _lines(text):
        reader.take(line)
    reader.close()
    return Kconfig(tuple(reader.symbols), tuple(reader.sources))


def _lines(text: str) -> Iterator[str]:
    """The lines without comments and help texts, continued ones joined."""
    help_above: int | None = None
    indent: int | None = None
    start = ""
    for raw in text.expandtabs().split("\n"):
        if help_above is not None:
            own = len(raw) - len(raw.lstrip())
            if not raw.strip() or (own > help_above if indent is None else own >= indent):
                indent = own if indent is None and raw.strip() else indent
                continue
            help_above = indent = None
        if _HELP.match(raw):
            help_above = len(raw) - len(raw.lstrip())
            continue
        if raw.rstrip().endswith("\\"):
            start += raw.rstrip()[:-1] + " "
            continue
        line = (start + raw).split("#")[0].rstrip()
        start = ""
        if line.strip():
            yield line


Lookup = Callable[[str], Symbol | bool | None]
"""A symbol by its name: its entry, or whether it is known to bring the goal, or None."""


def ensures(name: str, goal: str, lookup: Lookup) -> bool | None:
    """Whether `goal` is on wherever the symbol `name` is; None when it can't be known."""
    return _Search(goal, lookup).symbol(name)


class _Search:
    """What follows from symbols being on, each looked at once."""

    def __init__(self, goal: str, lookup: Lookup) -> None:
        self.goal = goal
        self.lookup = lookup
        self.known: dict[str, bool | None] = {goal: True}
        self.depth = 0

    def symbol(self, name: str) -> bool | None:
        if name not in self.known:
            self.known[name] = False  # what depends on itself brings nothing
            self.depth += 1
            self.known[name] = self._found(name) if self.depth < DEPTH else None
            self.depth -= 1
        return self.known[name]

    def _found(self, name: str) -> bool | None:
        symbol = self.lookup(name)
        if symbol is None or isinstance(symbol, bool):
            return symbol
        found = [_holds(expression, self.symbol) for expression in symbol.depends]
        for target, condition in symbol.selects:
            brought = self.symbol(target)
            found.append(None if condition and brought else brought)
        if not symbol.prompt and symbol.defaults and all(symbol.defaults):
            found.append(_all([_holds(expression, self.symbol) for expression in symbol.defaults]))
        return _any(found)


def _any(found: list[bool | None]) -> bool | None:
    if True in found:
        return True
    return None if None in found else False


def _all(found: list[bool | None]) -> bool | None:
    if False in found:
        return False
    return None if None in found else True


def _holds(expression: str, atom: Callable[[str], bool | None]) -> bool | None:
    """Whether an expression being true makes sure of what `atom` says of a symbol being on."""
    tokens = [found.group(1) for found in _TOKEN.finditer(expression)]
    value, rest = _either(tokens, atom, 0)
    return value if not rest else None


_Parsed = tuple[bool | None, list[str]]


def _either(tokens: list[str], atom: Callable[[str], bool | None], depth: int) -> _Parsed:
    value, tokens = _both(tokens, atom, depth)
    values = [value]
    while tokens[:1] == ["||"]:
        value, tokens = _both(tokens[1:], atom, depth)
        values.append(value)
    return _all(values), tokens


def _both(tokens: list[str], atom: Callable[[str], bool | None], depth: int) -> _Parsed:
    value, tokens = _single(tokens, atom, depth)
    values = [value]
    while tokens[:1] == ["&&"]:
        value, tokens = _single(tokens[1:], atom, depth)
        values.append(value)
    return _any(values), tokens


def _single(tokens: list[str], atom: Callable[[str], bool | None], depth: int) -> _Parsed:
    """One operand: a negation or a comparison with `n` says nothing of what is on."""
    if not tokens or depth > DEPTH:
        return None, []
    first, rest = tokens[0], tokens[1:]
    if first == "!":
        _, rest = _single(rest, atom, depth + 1)
        return False, rest
    if first == "(":
        value, rest = _either(rest, atom, depth + 1)
        return value, rest[1:]
    if len(rest) > 1 and rest[0] in ("=", "!=", "<", ">", "<=", ">="):
        off = (rest[0], rest[1].strip("\"'")) in (("=", "n"), ("!=", "y"), ("!=", "m"))
        return (False if off or rest[0] not in ("=", "!=") else atom(first)), rest[2:]
    return atom(first), rest
