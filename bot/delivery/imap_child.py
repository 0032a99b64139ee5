# SPDX-License-Identifier: GPL-2.0-or-later
"""The child process that puts a draft into an IMAP folder.

It reads one request, finds the password, and answers with a frame for each
stage that it has come through.  What a server can make it keep is bounded by
the memory that it may have.
"""

from __future__ import annotations

import resource
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from bot.delivery.attempt import ConfigError, begin, envelope_of
from bot.delivery.imap_folder import Folder, connect, put, why
from bot.delivery.imap_url import Place
from bot.delivery.servers import shortened
from bot.outgoing import Outcome, Result

MEMORY = 1 << 30
"""Bytes."""


def main() -> None:
    request, out = begin()
    place = Place(*request["place"])
    envelope = envelope_of(request)
    folder: Folder | None = None
    try:
        password = _password(request, place)
        # Not before: credential helpers may want more.
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        folder = connect(place, password, _authorities(request), request["timeout"], out.stage)
        outcome = put(folder, place, envelope)
    except ConfigError as error:
        # The mail is as good as ever, and goes once the operator has put it right.
        outcome = Outcome(Result.LATER, f"{place}: {error}")
    except Exception as error:  # imaplib has its own for every turn, and none for garbage
        outcome = why(error, place, folder)
    out.stage("done", result=outcome.result.value, words=shortened(outcome.words), refused={})
    if folder is not None:
        with suppress(Exception):  # whatever the server makes of it changes nothing
            folder.farewell()


def _authorities(request: dict[str, Any]) -> str | None:
    ca: str | None = request["ca_file"]
    if ca and not Path(ca).exists():
        raise ConfigError(f"{ca}: no such file; mend delivery.ca_file")
    return ca


def _password(request: dict[str, Any], place: Place) -> str:
    """The password: the first line of delivery.password_file, else of git's credential helper."""
    path = request["password_file"]
    if path is None:
        return _helped(place)
    try:
        lines = Path(path).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"delivery.password_file cannot be read: {error}") from error
    if not lines or not lines[0]:
        raise ConfigError(f"delivery.password_file: the first line of {path} is empty")
    return lines[0]


def _helped(place: Place) -> str:
    """Ask git's credential helper, as `git imap-send` does."""
    asked = f"protocol={place.scheme}\nhost={place.server}\nusername={place.user}\n\n"
    try:
        run = subprocess.run(
            ["git", "credential", "fill"], input=asked.encode(), capture_output=True, check=False
        )
    except OSError as error:
        raise ConfigError(f"git: {error.strerror}; set delivery.password_file") from error
    for line in run.stdout.decode("utf-8", "replace").splitlines():
        if line.startswith("password=") and line != "password=":
            return line.removeprefix("password=")
    raise ConfigError("no password; set delivery.password_file, or use `git credential approve`")


if __name__ == "__main__":
    main()
