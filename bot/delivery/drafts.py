# SPDX-License-Identifier: GPL-2.0-or-later
"""Put a mail where a person's mail program shows it as a draft: a Maildir or an mbox.

A mail that is there already is left alone, whatever its flags: its name in
the Maildir, or its Message-ID in the mbox, says so.  Nothing is sent, and
nothing that is there is changed.
"""

from __future__ import annotations

import hashlib
import mailbox
import os
import re
from contextlib import suppress
from pathlib import Path

from bot.errors import UsageError
from bot.outgoing import Envelope, Outcome, Result
from bot.settings import DeliverySettings
from bot.sources.mbox import as_draft

__all__ = ["maildir", "mbox"]


def maildir(envelope: Envelope, settings: DeliverySettings) -> Outcome:
    """Put `envelope` into the Maildir `settings.path`, flagged as a draft.

    Raises:
        UsageError: no path is set.
    """
    folder = _path(settings)
    digest = hashlib.sha256(envelope.msgid.encode()).hexdigest()
    name = f"revokebot-{digest[:32]}"
    try:
        for part in ("tmp", "new", "cur"):
            (folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)
        there = [*folder.glob(f"cur/{name}*"), *folder.glob(f"new/{name}*")]
        if there:
            return Outcome(Result.SENT, f"{there[0]}: was there already")
        place = folder / "cur" / f"{name}:2,D"
        draft = folder / "tmp" / f"{name}.{os.getpid()}"
        draft.unlink(missing_ok=True)
        try:
            _write(draft, envelope.raw)
            with suppress(FileExistsError):  # somebody else put the same mail there
                os.link(draft, place)
        finally:
            draft.unlink(missing_ok=True)
        _sync(place.parent)
    except OSError as error:
        return Outcome(Result.LATER, f"{folder}: {error.strerror or error}")
    return Outcome(Result.SENT, f"draft in {place}")


def mbox(envelope: Envelope, settings: DeliverySettings) -> Outcome:
    """Append `envelope` to the mboxrd `settings.path`, as `as_draft` writes it.

    Raises:
        UsageError: no path is set.
    """
    path = _path(settings)
    box: mailbox.mbox | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Made here, since mailbox lets everybody read it: drafts are not public.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        box = mailbox.mbox(path)
        box.lock()
        return _append(path, envelope)
    except mailbox.ExternalClashError:
        words = f"another program holds its lock; if none does, remove {path}.lock"
        return Outcome(Result.LATER, f"{path}: {words}")
    except OSError as error:
        return Outcome(Result.LATER, f"{path}: {error.strerror or error}")
    finally:
        if box is not None:
            box.close()


def _append(path: Path, envelope: Envelope) -> Outcome:
    with open(path, "r+b", buffering=0) as file:
        there = file.read()
        if envelope.msgid.encode() in _msgids(there):
            return Outcome(Result.SENT, f"{path}: has it already")
        gap = b"" if not there or there.endswith(b"\n\n") else b"\n\n"
        entry = gap + as_draft(envelope.raw)
        try:
            if file.write(entry) != len(entry):
                raise OSError("written in part only")
            os.fsync(file.fileno())
        except OSError:
            file.truncate(len(there))
            raise
    return Outcome(Result.SENT, f"draft in {path}")


def _msgids(mbox: bytes) -> set[bytes]:
    """Message-IDs in the headers of the mails in `mbox`."""
    found = set()
    for entry in re.split(rb"^From .*\n", mbox, flags=re.MULTILINE)[1:]:
        head = entry.partition(b"\n\n")[0]
        found.update(re.findall(rb"(?im)^message-id:\s*<([^>\s]*)>", head))
    return found


def _path(settings: DeliverySettings) -> Path:
    if settings.path is None:
        raise UsageError(f"delivery.path: needed for delivery.via = {settings.via!r}")
    return settings.path.expanduser().absolute()


def _write(path: Path, raw: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
