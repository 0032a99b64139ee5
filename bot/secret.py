# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads a secret: the first line of the file that a setting `*_file` names.

Where a relative name is looked for is `bot.config`'s business.
"""

from __future__ import annotations

from pathlib import Path

from bot.errors import UsageError

__all__ = ["first_line"]


def first_line(path: Path, key: str) -> str:
    """The secret in the file `path`, that the setting `key` names.

    Raises `UsageError` when it cannot be read, or its first line is empty.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as err:
        raise UsageError(f"{key}: {path}: {err.strerror}; put the password into it") from err
    except UnicodeDecodeError:
        raise UsageError(f"{key}: {path} cannot be read as UTF-8; write it anew") from None
    if not lines or not lines[0]:
        raise UsageError(f"{key}: the first line of {path} is empty; put the password there")
    return lines[0]
