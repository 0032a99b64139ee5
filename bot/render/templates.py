# SPDX-License-Identifier: GPL-2.0-or-later
"""The words of a reply: `templates/`, filled with plain values.

A value that a template names and nobody gives is an error, never an empty
space.  Nothing is escaped: a mail is plain text.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from bot.errors import InputError
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


def fill(name: str, values: dict[str, object]) -> str:
    """Fill template `name`; empty lines at its end go, the blanks of a diff there stay."""
    from jinja2 import TemplateError

    try:
        return _environment().get_template(name).render(values).rstrip("\n")
    except TemplateError as err:
        raise InputError(f"templates/{name}: {err.message or type(err).__name__}; mend it") from err


def remark(rule: str, values: dict[str, object]) -> str:
    """Fill the template of `rule`, or the default one where it has none of its own."""
    return fill(_template_of(rule), values)


@cache
def _template_of(rule: str) -> str:
    own = f"rules/{rule}.txt.j2"
    return own if (folder() / own).is_file() else DEFAULT


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(folder()),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["wrap"] = wrap
    # A template gets the values that are given to it, and none of jinja2's own functions.
    environment.globals.clear()
    return environment
