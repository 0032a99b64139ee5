# SPDX-License-Identifier: GPL-2.0-or-later
"""How header fields are spelt (RFC 5322, RFC 2047).

A value that comes from a mail can't add a header: control characters are
refused in addresses and message-ids, and encoded everywhere else.
"""

from __future__ import annotations

import re

from bot.model import Address
from checks.source.pattern import pattern

__all__ = ["fold", "printable", "spelt", "usable_msgid"]

MAX_LINE = 78
"""Characters; RFC 5322 2.1.1 asks for no more."""

MOST_NAME = 200
"""Characters of a display name; with the longest address it still fits on one line."""

_CONTROL = pattern(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ATOMS = pattern(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")
_MSGID = pattern(r"[!-;=?-~]{1,900}")


def usable_msgid(msgid: str) -> bool:
    """Whether `msgid` can stand in a header, and is one that a mail really had."""
    return _MSGID.fullmatch(msgid) is not None and not msgid.endswith(".invalid")


def printable(value: str) -> str:
    """`value` with a blank for each control character: decoders differ in what they make of one."""
    return _CONTROL.sub(" ", value)


def spelt(address: Address) -> str:
    """`address` as one item of an address header."""
    name = " ".join(printable(address.name).split())[:MOST_NAME].rstrip()
    if not name:
        return address.email
    if not (name.isascii() and name.isprintable() and "=?" not in name):
        name = _encoded(name, "")
    elif not _ATOMS.fullmatch(name):
        name = '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'
    return f"{name} <{address.email}>"


def fold(name: str, value: str) -> str:
    """Return the header `name: value`, folded at blanks; what is not plain ASCII is encoded."""
    value = printable(value)
    if value.isascii() and value.isprintable() and "=?" not in value:
        folded = _folded(f"{name}: {value}")
        if max(map(len, folded.split("\n"))) <= 900:
            return folded
    return f"{name}: {_encoded(value, name)}"


def _folded(line: str) -> str:
    """Break `line` in front of single blanks, so that unfolding gives back the same."""
    lines = [""]
    for word in re.split(r"(?<=\S) (?=\S)", line):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > MAX_LINE and not lines[-1].endswith(":"):
            lines.append(word)
        else:
            lines[-1] += (" " if lines[-1] else "") + word
    return "\n ".join(lines)


def _encoded(value: str, name: str) -> str:
    """RFC 2047 words for `value`, with room for the header's `name` on the first line."""
    from email.header import Header

    clean = value.encode("utf-8", "replace").decode("utf-8")
    return Header(clean, "utf-8", 75, name).encode(linesep="\n")
