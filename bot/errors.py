# SPDX-License-Identifier: GPL-2.0-or-later
"""What can go wrong, and the exit status it leads to.

    BotError
    ├── UsageError         2  bad flag, unknown rule, unknown configuration key
    ├── InputError         2  a file, mail or range that cannot be read
    ├── UnfitError         2  something that the database does not take, whatever its state
    └── ArchiveError       3  a server that could not be reached or refused
        └── NotFoundError  3  the server answered: no such message

Every message is one line that names the thing and says what to do next.
"""

from __future__ import annotations

__all__ = [
    "ArchiveError", "BotError", "InputError", "NotFoundError", "UnfitError", "UsageError",
]  # fmt: skip


class BotError(Exception):
    """Base of all errors that are told to the user in one line."""

    status = 2


class UsageError(BotError):
    """The command line or the configuration is wrong."""


class InputError(BotError):
    """The input named cannot be read as what it should be."""


class UnfitError(BotError):
    """What is to be kept can't be: trying again is no use, and the database is not at fault."""


class ArchiveError(BotError):
    """The archive could not be reached, or did not answer as a public-inbox does."""

    status = 3


class NotFoundError(ArchiveError):
    """The archive answered, and does not have the message."""
