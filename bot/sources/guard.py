# SPDX-License-Identifier: GPL-2.0-or-later
"""What b4 may see of a mail: nothing that its patterns cannot bear, and no list tag.

b4 and liblore have patterns that take quadratic time, and read a reply behind
a list's `[tag]` as a patch.  This looks at raw bytes, in linear time, and
decides nothing else: a mail withheld from b4 is still a mail of the thread.
"""

from __future__ import annotations

import re

__all__ = ["parents", "risk", "without_list_tag"]

MAX_BYTES = 4 << 20
MAX_HEADER = 64 << 10
"""Answers that went through Exchange have up to 30 KiB."""
MAX_SUBJECT = 2000
MAX_BLANK_LINES = 200
"""In a row.  In sixteen thousand mails of a list, these four refuse spam only."""

_BLANK = re.compile(rb"\n\r?\n")
_SUBJECT = re.compile(rb"^subject:([^\n]*(?:\n[ \t][^\n]*)*)", re.IGNORECASE | re.MULTILINE)
_TAG = re.compile(rb"^(subject:[ \t]*)\[([\w.@+-]{1,60})\][ \t]*", re.IGNORECASE | re.MULTILINE)
_PATCH_WORD = re.compile(rb"patch|rf[ct]|resend|pull|v\d+|\d+/\d+", re.IGNORECASE)
_PARENTS = re.compile(
    rb"^(?:references|in-reply-to):([^\n]*(?:\n[ \t][^\n]*)*)", re.IGNORECASE | re.MULTILINE
)
_MSGID = re.compile(rb"<([^<>\s]{1,998})>")


def risk(mail: bytes) -> str:
    """Why `mail` is not for b4, in a few words; empty when it is fit."""
    if len(mail) > MAX_BYTES:
        return f"larger than {MAX_BYTES >> 20} MiB"
    head = _head(mail)
    if len(head) > MAX_HEADER:
        return f"header over {MAX_HEADER >> 10} KiB"
    if any(len(match[1]) > MAX_SUBJECT for match in _SUBJECT.finditer(head)):
        return f"subject over {MAX_SUBJECT} bytes"
    blank = 0
    for line in mail.split(b"\n"):
        blank = blank + 1 if not line.strip() else 0
        if blank > MAX_BLANK_LINES:
            return f"more than {MAX_BLANK_LINES} blank lines in a row"
    return ""


def without_list_tag(mail: bytes) -> bytes:
    """`mail` with a mailing list's `[tag]` gone from the start of its subject."""
    head = _head(mail)
    match = _TAG.search(head)
    if match is None or _PATCH_WORD.search(match[2]):
        return mail
    return mail[: match.end(1)] + mail[match.end() :]


def parents(mail: bytes) -> set[str]:
    """Bare message-ids that `mail` names as its parents."""
    return {
        found.decode("utf-8", "replace")
        for field in _PARENTS.findall(_head(mail)[:MAX_HEADER])
        for found in _MSGID.findall(field)
    }


def _head(mail: bytes) -> bytes:
    end = _BLANK.search(mail)
    return mail[: end.start() + 1] if end else mail
