# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon's log on stderr: one line an event, its words from mails made harmless.

Text is logfmt (`polled inbox=... mails=3`) with the time in front; where stderr
is systemd's journal, which keeps the time itself, with the level in its place
(sd-daemon(3)).  JSON has one object a line.  What libraries log comes out in the
same form.  A secret has no business here; should one come all the same, it is
written as `***`.  Nothing here decides what is worth an event.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TextIO

from bot.hiding import without, without_logins
from bot.render.plain import UNSAFE, one_line

__all__ = ["event", "on_trouble", "set_up", "trouble"]

LONGEST = 2000
"""Characters of one value; a header of a mail can have a megabyte."""
PRIORITY = {
    logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7,
}  # fmt: skip
"""syslog(3)'s numbers."""
BARE = re.compile(r'[^\s"=\\]+')

_LOGGER = logging.getLogger("revokebot")
_LISTENERS: list[Callable[[str], None]] = []


def event(name: str, **fields: object) -> None:
    """Log that something happened.

    Parameters
    ----------
    name: one word, e.g. `polled`
    fields: what it was about, e.g. `inbox`, `thread`, `reply` or bare message-ids in `msgid`;
        those that are None are left out
    """
    _LOGGER.info(name, extra={"fields": fields})


def trouble(
    kind: str, place: str, words: str, *, error: BaseException | None = None, **fields: object
) -> None:
    """Log that something went wrong that a person may have to look at.

    Parameters
    ----------
    kind: one word of a small set, as it is counted by
    place: the inbox, thread, reply or setting that it is about
    words: one line that says what is wrong and what to do
    error: what was not foreseen; its traceback is written, too
    """
    for told in _LISTENERS:
        told(kind)
    fields = dict(kind=kind, place=place, words=words, **fields)
    _LOGGER.warning("trouble", exc_info=error, extra={"fields": fields})


def on_trouble(told: Callable[[str], None]) -> None:
    """Let `told` hear the kind of every trouble in this process, to count it."""
    _LISTENERS.append(told)


def set_up(form: str, secrets: Iterable[str] = (), stream: TextIO | None = None) -> None:
    """Let all that is logged in this process go to `stream`, stderr by default.

    Parameters
    ----------
    form: `text` or `json`, the setting `watch.log`
    secrets: what must not be written, as `bot.hiding.secrets_of` has it
    """
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Formatter(form, secrets, journal=_is_journal(stream)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    _LOGGER.setLevel(logging.INFO)
    # A full disk under the log is no reason to stop, nor to print tracebacks into it.
    logging.raiseExceptions = False


def _is_journal(stream: TextIO) -> bool:
    """Whether `stream` is the one that systemd has connected to its journal (systemd.exec(5))."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class _Formatter(logging.Formatter):
    def __init__(self, form: str, secrets: Iterable[str], journal: bool) -> None:
        super().__init__()
        self._json = form == "json"
        self._journal = journal
        self._secrets = frozenset(secrets)

    def format(self, record: logging.LogRecord) -> str:
        """One line, without its end."""
        name, fields = self._taken(record)
        fit = {key: self._fit(value) for key, value in fields.items() if value is not None}
        moment = f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
        if self._json:
            level = record.levelname.lower()
            line = json.dumps({"time": moment, "level": level, "event": name, **fit})
        else:
            line = " ".join([name, *(f"{key}={_value(value)}" for key, value in fit.items())])
        if self._journal:
            return f"<{PRIORITY.get(record.levelno, 6)}>{line}"
        return line if self._json else f"{moment} {line}"

    def _taken(self, record: logging.LogRecord) -> tuple[str, dict[str, object]]:
        """The event and its fields; those of a library's words are ours to name."""
        name = "library"
        fields: dict[str, object] = {"logger": record.name, "words": record.getMessage()}
        if hasattr(record, "fields"):
            name, fields = record.getMessage(), dict(record.fields)
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return name, fields

    def _fit(self, value: object) -> str | int | float:
        """A value as it may be written; a traceback keeps its end, which tells most."""
        if isinstance(value, int | float):
            return value
        text = without_logins(without(str(value), self._secrets))
        half = LONGEST // 2
        return text if len(text) <= LONGEST else f"{text[:half]} [...] {text[-half:]}"


def _value(value: str | int | float) -> str:
    """As logfmt has it; what could end the value, the line or a terminal's state is escaped."""
    text = str(value)
    if BARE.fullmatch(text) and not UNSAFE.search(text):
        return text
    return '"' + one_line(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'
