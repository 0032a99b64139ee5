# SPDX-License-Identifier: GPL-2.0-or-later
"""Functions and calls of a fragment, read with tree-sitter.

tree-sitter makes a tree of any text; what it could not make sense of is an
ERROR node, and nothing is read out of it that is not a function or a call all
the same.  Only this module, `flow` and `locks` know the syntax tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, cached_property
from typing import TYPE_CHECKING, NamedTuple

from checks.source.enclose import enclose
from checks.source.masking import mask, mask_comments

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

    from checks.source.diff import Line
    from checks.source.image import Fragment

__all__ = ["Call", "Function", "Parameter", "Unit", "calls_in", "loops_with", "parse", "text_of"]


class Call(NamedTuple):
    """One call expression."""

    name: str
    """Function or, for a call through a pointer, the member's name."""
    through: str
    """The expression before the member, e.g. `attach->dmabuf->ops`; empty for a plain call."""
    arguments: tuple[str, ...]
    row: int
    """0-based row in the fragment."""


class Parameter(NamedTuple):
    """One parameter of a function: its type as written, and its name."""

    type: str
    name: str


class _FunctionFields(NamedTuple):
    name: str
    parameters: tuple[Parameter, ...]
    returns: str
    """Return type with storage class, as written."""
    start: int
    """0-based row of the first line shown, header included."""
    end: int
    """0-based row of the last line shown."""
    complete: bool
    """Whether header and body are shown from start to end."""
    fragment: Fragment
    body: Node
    offset: int
    """Rows that the parser saw before the fragment."""


class Function(_FunctionFields):
    """A function definition, or what a hunk shows of it."""

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """The calls of the body in the order of their evaluation, branches in text order."""
        return tuple(calls_in(self.body, self.offset))

    @cached_property
    def text(self) -> str:
        """The lines shown, comments blanked."""
        return mask_comments("\n".join(self.fragment.texts[self.start : self.end + 1]))

    @property
    def named(self) -> bool:
        """Whether the line with its name is shown; git's heading can be of a name that is gone."""
        head = self.fragment.texts[self.start : self.start + 4]
        return any(self.name in text for text in head)

    def line_at(self, offset: int) -> Line | None:
        """The diff line at `offset` of `text`; None where the diff does not show it."""
        return self.fragment.shown(self.start + self.text.count("\n", 0, offset))

    def row_of(self, text: str) -> int | None:
        """First row of the body with `text` in its code, preferring rows that the diff adds."""
        rows = [self.start + n for n, line in enumerate(self.text.split("\n")) if text in line]
        added = [row for row in rows if self.fragment.is_added(row)]
        return next(iter(added or rows), None)


class Unit:
    """The parsed text of a fragment, and how many rows the parser saw before it."""

    def __init__(self, fragment: Fragment, root: Node, offset: int) -> None:
        self.fragment = fragment
        self.root = root
        self.offset = offset

    @cached_property
    def functions(self) -> tuple[Function, ...]:
        return tuple(self._functions(self.root))

    def _functions(self, node: Node) -> Iterator[Function]:
        for child in node.children:
            if child.type == "function_definition":
                function = self._function(child)
                if function:
                    yield function
            elif child.type in ("ERROR", "linkage_specification", "declaration_list"):
                yield from self._functions(child)

    def _function(self, node: Node) -> Function | None:
        declarator, body = _declarator(node), node.child_by_field_name("body")
        name = declarator.child_by_field_name("declarator") if declarator else None
        if declarator is None or body is None or name is None:
            return None
        kind = node.child_by_field_name("type")
        words = [text_of(c) for c in node.children if c.type in _SPECIFIERS or c == kind]
        start, end = node.start_point[0] - self.offset, node.end_point[0] - self.offset
        last = len(self.fragment.texts) - 1
        return Function(
            name=text_of(name),
            parameters=tuple(_parameters(declarator)),
            returns=" ".join(words),
            start=max(start, 0),
            end=min(end, last),
            complete=start >= 0 and end <= last,
            fragment=self.fragment,
            body=body,
            offset=self.offset,
        )


_SPECIFIERS = frozenset({"storage_class_specifier", "type_qualifier"})


@cache
def _parser() -> Parser:
    import tree_sitter
    import tree_sitter_c

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_c.language()))


def _tree(text: str) -> Node:
    # A file of a tree may hold Latin-1, which came here as surrogates: any other byte will do.
    return _parser().parse(text.encode("utf-8", "replace")).root_node


def parse(fragment: Fragment) -> Unit:
    """Parse `fragment`, completed by what its heading and braces say stands around it."""
    if fragment.whole:
        text = mask(mask_comments("\n".join(fragment.texts)))
        return Unit(fragment, _tree(text), 0)
    plain = mask_comments("\n".join(fragment.texts)).split("\n")
    around = enclose(fragment.texts, plain, fragment.heading)
    skip = around.in_comment
    if skip:
        plain[skip:] = mask_comments("\n".join(fragment.texts[skip:])).split("\n")
    body = [""] * skip + mask("\n".join(plain[skip:])).split("\n")
    if around.header:
        body[skip : around.header] = [""] * (around.header - skip)
    text = "\n".join([around.prelude, *body, around.postlude])
    return Unit(fragment, _tree(text), 1)


def text_of(node: Node) -> str:
    """The source text of `node`."""
    return (node.text or b"").decode(errors="replace")


def _declarator(node: Node) -> Node | None:
    """The function_declarator of a definition, behind the stars of a pointer return type."""
    current = node.child_by_field_name("declarator")
    while current is not None and current.type != "function_declarator":
        current = current.child_by_field_name("declarator")
    return current


def _parameters(declarator: Node) -> Iterator[Parameter]:
    listed = declarator.child_by_field_name("parameters")
    for node in listed.children if listed else ():
        if node.type != "parameter_declaration":
            continue
        inner = node.child_by_field_name("declarator")
        while inner is not None and inner.type != "identifier":
            inner = inner.child_by_field_name("declarator") or next(
                (
                    c
                    for c in inner.named_children
                    if "declarator" in c.type or c.type == "identifier"
                ),
                None,
            )
        name = text_of(inner) if inner else ""
        yield Parameter(" ".join(text_of(node).removesuffix(name).split()), name)


def calls_in(node: Node, offset: int) -> Iterator[Call]:
    """Yield the calls below `node`, arguments before the call they belong to."""
    stack: list[tuple[Node, bool]] = [(node, False)]
    while stack:
        current, done = stack.pop()
        if done:
            call = as_call(current, offset)
            if call:
                yield call
            continue
        if current.type == "call_expression":
            stack.append((current, True))
        stack.extend((child, False) for child in reversed(current.named_children))


_LOOPS = frozenset({"for_statement", "while_statement", "do_statement"})


def loops_with(function: Function, names: re.Pattern[str]) -> bool:
    """Whether `names` matches in a loop of `function`."""
    stack = [function.body]
    while stack:
        node = stack.pop()
        if node.type in _LOOPS and names.search(text_of(node)):
            return True
        stack += node.named_children
    return False


def as_call(node: Node, offset: int) -> Call | None:
    """Read one call_expression; None when what is called has no name."""
    function = node.child_by_field_name("function")
    arguments = node.child_by_field_name("arguments")
    if function is None or arguments is None:
        return None
    given = tuple(" ".join(text_of(a).split()) for a in arguments.named_children)
    row = node.start_point[0] - offset
    if function.type == "identifier":
        return Call(text_of(function), "", given, row)
    if function.type == "field_expression":
        field, argument = (
            function.child_by_field_name("field"),
            function.child_by_field_name("argument"),
        )
        if field is not None and argument is not None:
            return Call(text_of(field), text_of(argument), given, row)
    return None
