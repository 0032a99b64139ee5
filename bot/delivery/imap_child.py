# SPDX-License-Identifier: GPL-2.0-or-later
"""The child process that puts a draft into an IMAP folder.

It reads one request, finds the password, and answers with a frame for each
stage that it has come through.  What a server can make it keep is bounded by
the memory that it may have.
"""

from __future__ import annotations

import resource
from contextlib import suppress
from pathlib import Path
from typing import Any

from bot.delivery.attempt import ConfigError, begin, envelope_of
from bot.delivery.imap_folder import Folder, connect, put, why
from bot.delivery.imap_password import password_of
from bot.delivery.imap_url import Place
from bot.delivery.servers import discreet, shortened
from bot.outgoing import Outcome, Result

MEMORY = 1 << 30
"""Bytes."""


def main() -> None:
    request, out = begin()
    place = Place(*request["place"])
    envelope = envelope_of(request)
    folder: Folder | None = None
    password = ""
    try:
        password = password_of(place, request["password_file"])
        # Not before: credential helpers may want more.
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        folder = connect(place, password, _authorities(request), request["timeout"], out.stage)
        outcome = put(folder, place, envelope)
    except ConfigError as error:
        # The mail is as good as ever, and goes once the operator has put it right.
        outcome = Outcome(Result.LATER, f"{place}: {error}")
    except Exception as error:  # imaplib has its own for every turn, and none for garbage
        outcome = why(error, place, folder)
    outcome = discreet(outcome, place.user, password)
    out.stage("done", result=outcome.result.value, words=shortened(outcome.words), refused={})
    if folder is not None:
        with suppress(Exception):  # whatever the server makes of it changes nothing
            folder.farewell()


def _authorities(request: dict[str, Any]) -> str | None:
    ca: str | None = request["ca_file"]
    if ca and not Path(ca).exists():
        raise ConfigError(f"{ca}: no such file; mend delivery.ca_file")
    return ca


if __name__ == "__main__":
    main()
