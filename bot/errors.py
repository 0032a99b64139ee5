# SPDX-License-Identifier: GPL-2.0-or-later
"""What can go wrong, and the exit status it leads to.

    BotError
    ├── UsageError         2  bad flag, unknown rule, unknown configuration key
    ├── InputError         2  a file, mail or range that cannot be read
    ├── UnfitError         2  something that the database does not take, whatever its state
    ├── ArchiveError       3  a server that could not be reached or refused
    │   └── NotFoundError  3  the server answered: no such message
    └── ForgeError         3  a forge, or Patchwork, that could not be reached or refused
        ├── DeniedError    3  it does not know the token, or does not let it do that
        ├── GoneError      3  what was asked for is not there, or has changed meanwhile
        ├── InvalidError   3  it takes the request for wrong, e.g. a line outside its diff
        └── UnsureError    3  no answer: it may have done what was asked, or not

Every message is one line that names the thing and says what to do next.
"""

from __future__ import annotations

__all__ = [
    "ArchiveError", "BotError", "DeniedError", "ForgeError", "GoneError", "InputError",
    "InvalidError", "NotFoundError", "UnfitError", "UnsureError", "UsageError",
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


class ForgeError(BotError):
    """A forge, or Patchwork, could not be reached, or did not do what was asked."""

    status = 3


class DeniedError(ForgeError):
    """The server does not know the token, or does not let it do that."""


class GoneError(ForgeError):
    """What was asked for is not there, or somebody has changed it meanwhile."""


class InvalidError(ForgeError):
    """The server takes the request for wrong, e.g. since a line is outside its diff."""


class UnsureError(ForgeError):
    """No answer came: the server may have done what was asked, or not."""

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait
        """Seconds that the server asked us to wait, where it did."""
