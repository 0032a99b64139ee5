# SPDX-License-Identifier: GPL-2.0-or-later
"""The words of replies and comments: `templates/`, filled with plain values.

A value that a template names and nobody gives is an error, never an empty
space.  A mail is plain text, so nothing is escaped in one.  In Markdown
(`*.md.j2`, and the words of a rule in a comment) every value is, unless a
filter has made Markdown of it: none can be forgotten.
"""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from bot.errors import InputError
from bot.render import markdown
from bot.render.plain import wrap

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["fill", "folder", "remark"]

_HERE = Path(__file__).resolve().parent.parent
DEFAULT = "rules/default.txt.j2"


@cache
def folder() -> Path:
    """The templates: beside the code in a wheel, at the top in a checkout."""
    for path in (_HERE / "templates", _HERE.parent / "templates"):
        if (path / DEFAULT).is_file():
            return path
    raise InputError(f"templates: not in {_HERE} nor beside it; install revokebot again")


def fill(name: str, values: dict[str, object], *, marked: bool = False) -> str:
    """Fill template `name`; empty lines at its end go, the blanks of a diff there stay.

    Parameters
    ----------
    marked: make Markdown, as a template does that is named `*.md.j2`
    """
    from jinja2 import TemplateError

    marked = marked or name.endswith(".md.j2")
    try:
        text = _environment(marked).get_template(name).render(values).rstrip("\n")
    except TemplateError as err:
        raise InputError(f"templates/{name}: {err.message or type(err).__name__}; mend it") from err
    return markdown.Made(text) if marked else text


def remark(rule: str, values: dict[str, object], *, marked: bool = False) -> str:
    """Fill the template of `rule`, or the default one where it has none of its own."""
    return fill(_template_of(rule), values, marked=marked)


@cache
def _template_of(rule: str) -> str:
    own = f"rules/{rule}.txt.j2"
    return own if (folder() / own).is_file() else DEFAULT


@cache
def _environment(marked: bool) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(folder()),
        undefined=StrictUndefined,
        autoescape=marked,
        finalize=_finished if marked else None,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(_MARKED if marked else _PLAIN)
    # A template gets the values that are given to it, and none of jinja2's own functions.
    environment.globals.clear()
    return environment


def _finished(value: object) -> object:
    """A value as a template puts it into Markdown."""
    return value if hasattr(value, "__html__") else markdown.text(str(value))


def _same(value: str) -> str:
    return value


_PLAIN = {"wrap": wrap, "change": _same, "source": _same}
"""What a template makes of a value: running text, a suggested change, a source of a rule."""
_MARKED = {
    "wrap": markdown.wrap,
    "change": partial(markdown.fence, info="diff"),
    "source": markdown.source,
    "code": markdown.code,
    "fence": markdown.fence,
    "text": markdown.text,
}
