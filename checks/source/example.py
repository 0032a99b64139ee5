# SPDX-License-Identifier: GPL-2.0-or-later
"""Diffs for the BAD and GOOD examples of rules, made of the code that they are about.

Only for examples that differ in nothing but that code; all others are spelt
out where they stand, because they are documentation.
"""

__all__ = ["added"]

_HEAD = (
    "diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c\n"
    "--- a/drivers/misc/frob.c\n"
    "+++ b/drivers/misc/frob.c\n"
    "@@ -10,3 +10,%d @@\n"
    ' \n #include "frob.h"\n \n'
)


def added(code: str) -> str:
    """A diff that adds `code` to a driver, below its includes."""
    rows = code.strip("\n").split("\n")
    return _HEAD % (3 + len(rows)) + "".join(f"+{row}\n" for row in rows)
