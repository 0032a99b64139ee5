# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the password for an IMAP server comes from: a file, or git's credential helper.

It is never in a URL, in an argument of a program or in the environment.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from bot.delivery.attempt import ConfigError
from bot.delivery.imap_url import Place
from bot.errors import UsageError
from bot.secret import first_line

__all__ = ["password_of"]

PATIENCE = 30.0
"""Seconds that a credential helper has."""


def password_of(
    place: Place, file: str | os.PathLike[str] | None, key: str = "delivery.password_file"
) -> str:
    """The password of `place.user`: the first line of `file`, else what git's helper says.

    Parameters
    ----------
    key: the setting that names `file`

    Raises `ConfigError`.
    """
    if file is None:
        return _helped(place, key)
    try:
        return first_line(Path(file), key)
    except UsageError as error:
        raise ConfigError(str(error)) from error


def _helped(place: Place, key: str) -> str:
    """Ask git's credential helper, as `git imap-send` does; nobody is asked at a terminal."""
    asked = f"protocol={place.scheme}\nhost={place.server}\nusername={place.user}\n\n"
    try:
        run = subprocess.run(
            ["git", "credential", "fill"], input=asked.encode(), capture_output=True, check=False,
            timeout=PATIENCE, env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
        )  # fmt: skip
    except OSError as error:
        raise ConfigError(f"git: {error.strerror}; set {key}") from error
    except subprocess.TimeoutExpired as error:
        raise ConfigError(f"git credential fill: no end in {PATIENCE:g} s; set {key}") from error
    for line in run.stdout.decode("utf-8", "replace").splitlines():
        if line.startswith("password=") and line != "password=":
            return line.removeprefix("password=")
    raise ConfigError(f"no password; set {key}, or use `git credential approve`")
