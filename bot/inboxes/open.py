# SPDX-License-Identifier: GPL-2.0-or-later
"""Open an inbox by the name that it has in the settings; connects to nothing yet."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from bot.config import Settings
from bot.errors import UsageError
from bot.hiding import without_logins
from bot.inboxes import Inbox

__all__ = ["open_inbox"]

FORMS = (
    "write https://HOST/LIST/, the full path of a public-inbox's folder,"
    " nntp(s)://HOST/GROUP or imap(s)://USER@HOST/FOLDER"
)


def open_inbox(name: str, settings: Settings, state: Path) -> Inbox:
    """Return the inbox `name` of `watch.inboxes`.

    Parameters
    ----------
    name: an URL, or the absolute path of a folder
    settings: the operator's
    state: folder for what an inbox keeps on disk between two runs, such as clones

    Raises `UsageError` when it is neither.
    """
    if "://" not in name:
        return _folder(name, settings, state)
    try:
        parts = urlsplit(name)
        host = parts.hostname
        _ = parts.port
    except ValueError as error:
        raise UsageError(f"watch.inboxes: a URL that is none ({error}); {FORMS}") from error
    shown = without_logins(name)
    if not host or not parts.path.strip("/"):
        raise UsageError(f"watch.inboxes: {shown!r} lacks a host or an inbox; {FORMS}")
    match parts.scheme:
        case "http" | "https":
            return _git(name, settings, state)
        case "nntp" | "nntps":
            from bot.inboxes.nntp import NntpInbox

            return NntpInbox(name, settings)
        case "imap" | "imaps":
            from bot.inboxes.imap import ImapInbox

            return ImapInbox(name, settings)
    raise UsageError(f"watch.inboxes: {shown!r}: no way to watch {parts.scheme}://; {FORMS}")


def _git(name: str, settings: Settings, state: Path) -> Inbox:
    from bot.inboxes.git import GitInbox

    parts = urlsplit(name)
    if "@" in parts.netloc:
        raise UsageError("watch.inboxes: credentials in an http URL are refused; remove them")
    if parts.query or parts.fragment:
        raise UsageError(f"watch.inboxes: {name!r}: an inbox has no query; {FORMS}")
    return GitInbox(name, settings.watch, settings.archive, state)


def _folder(name: str, settings: Settings, state: Path) -> Inbox:
    from bot.inboxes.git import GitInbox

    if not name.startswith("/"):
        raise UsageError(f"watch.inboxes: {name!r} is neither an URL nor a full path; {FORMS}")
    if not Path(name).is_dir():
        raise UsageError(f"watch.inboxes: {name}: no such folder; {FORMS}")
    return GitInbox(name, settings.watch, settings.archive, state)
