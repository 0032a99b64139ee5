# SPDX-License-Identifier: GPL-2.0-or-later
"""Read raw mails from files: mbox, mboxrd, a single mail, a Maildir; plain, `.gz` or `.xz`.

Files are streamed: memory holds one mail and one chunk.  What a file is, its
content says, not its name.  A file that is cut short or no mail is refused in
one line; nothing is written and nothing is locked.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from bot.errors import InputError
from bot.sources.inflate import GZIP, XZ, inflate
from bot.sources.mail import MAIL_CAP
from bot.sources.mime import in_seven_bits
from checks.source.pattern import pattern

__all__ = [
    "Progress",
    "as_draft",
    "as_mboxrd",
    "is_maildir",
    "maildir_mails",
    "read_file",
    "read_stdin",
    "split_mbox",
]

Progress = Callable[[int, int], None]
"""Told how much is done of how much, in bytes or in mails; a total of 0 is unknown."""

CHUNK = 1 << 20
"""Bytes read at a time."""

_FROM_LINE = pattern(
    rb"From \S{1,300}(?: at \S{1,300})? {1,9}(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) "
    rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d[^\n]{0,60}\n"
)
_FROM_LINE_MAX = 800
_ESCAPED = pattern(rb"\n>(>*From )")
_FROM = pattern(rb"^(>*From )", re.MULTILINE)
_FROM_SPLIT = pattern(rb"^(>*)F(?=rom )", re.MULTILINE)
_ENCODING = pattern(
    rb"^(Content-Transfer-Encoding:[ \t]*)(7bit|8bit|quoted-printable)[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)
_HEADER = pattern(rb"[!-9;-~]{1,80}[ \t]*:")
_BARE_DIFF = (b"diff --git ", b"--- ", b"Index: ")


def read_file(path: Path, progress: Progress | None = None) -> Iterator[bytes]:
    """Yield the raw mails of a file, in its order.

    Raises InputError when the file is empty, cut short, or no mail.
    """
    try:
        with path.open("rb") as stream:
            yield from _read(stream, str(path), path.stat().st_size, progress)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{path}: {reason}; give a file that can be read") from error


def read_stdin(progress: Progress | None = None) -> Iterator[bytes]:
    """Yield the raw mails of standard input.  Raises InputError like `read_file`."""
    yield from _read(sys.stdin.buffer, "standard input", 0, progress)


def is_maildir(path: Path) -> bool:
    """Whether `path` is a Maildir."""
    return (path / "cur").is_dir() and (path / "new").is_dir()


def maildir_mails(path: Path, progress: Progress | None = None) -> Iterator[bytes]:
    """Yield the raw mails of a Maildir, by file name, which begins with the time of delivery."""
    files = sorted(
        (file for folder in ("cur", "new") for file in (path / folder).iterdir() if file.is_file()),
        key=lambda file: file.name,
    )
    for done, file in enumerate(files, 1):
        try:
            with file.open("rb") as stream:
                mail = stream.read(MAIL_CAP + 1)
        except OSError as error:
            reason = error.strerror
            raise InputError(f"{file}: {reason}; make it readable or move it away") from error
        yield mail
        if progress:
            progress(done, len(files))


def _read(stream: IO[bytes], name: str, size: int, progress: Progress | None) -> Iterator[bytes]:
    chunks = _chunks(stream, name, size, progress)
    first = next(chunks, b"").removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    if not first:
        raise InputError(f"{name}: is empty; give a mail, an mbox or a Maildir")
    if first.startswith((b"From ", b">From ")):
        yield from split_mbox(_chain(first, chunks))
    elif b"\0" in first[:8192] or not (_HEADER.match(first) or first.startswith(_BARE_DIFF)):
        raise InputError(
            f"{name}: is no mail; give a mail, an mbox, a Maildir or a public-inbox clone"
        )
    elif first.startswith(_BARE_DIFF):
        raise InputError(
            f"{name}: is a bare diff; give the mail that `git format-patch` makes of it"
        )
    else:
        mail = bytearray(first)
        for chunk in chunks:
            mail += chunk[: max(0, MAIL_CAP + 1 - len(mail))]
        yield bytes(mail)


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _chunks(stream: IO[bytes], name: str, size: int, progress: Progress | None) -> Iterator[bytes]:
    """Chunks of a file, inflated when its first bytes say that it is compressed."""
    first = stream.read(CHUNK)
    if first.startswith((GZIP, XZ)):
        chunks = inflate(first, stream, name)
    else:
        chunks = _chain(first, iter(lambda: stream.read(CHUNK), b""))
    done = 0
    for chunk in chunks:
        yield chunk
        if progress:
            done += len(chunk)
            progress(min(stream.tell(), size) if size else done, size)


def split_mbox(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the mails of an mbox stream, each with its `From ` line, `>From` undone.

    A line begins a mail only when it is a whole mbox separator with a date: many
    mboxes leave `From ` in text unescaped.  Of a mail over the cap the start is kept.
    """
    rest = b""
    look = 0
    for chunk in chunks:
        data = rest + chunk
        start = 0
        hit = data.find(b"\nFrom ", look)
        while hit >= 0 and len(data) - hit > _FROM_LINE_MAX:
            if _FROM_LINE.match(data, hit + 1):
                yield _unescape(data[start : hit + 1])
                start = hit + 1
            hit = data.find(b"\nFrom ", hit + 5)
        rest = data[start:]
        look = max(0, (hit - start) if hit >= 0 else len(rest) - 6)
        if len(rest) > 2 * MAIL_CAP:
            tail = rest[look:]
            rest, look = rest[: MAIL_CAP + 1] + tail, MAIL_CAP + 1
    start = 0
    hit = rest.find(b"\nFrom ", look)
    while hit >= 0:
        if _FROM_LINE.match(rest, hit + 1):
            yield _unescape(rest[start : hit + 1])
            start = hit + 1
        hit = rest.find(b"\nFrom ", hit + 5)
    if rest[start:]:
        yield _unescape(rest[start:])


def _unescape(mail: bytes) -> bytes:
    if mail.endswith(b"\n\n"):
        mail = mail[:-1]
    return _ESCAPED.sub(rb"\n\1", mail) if b">From " in mail else mail


def as_mboxrd(mail: bytes) -> bytes:
    """`mail` as one entry of an mbox, with `From ` lines quoted."""
    return b"From mboxrd@z Thu Jan  1 00:00:00 1970\n" + _FROM.sub(rb">\1", mail) + b"\n"


def as_draft(mail: bytes) -> bytes:
    """`mail` as one entry of an mbox that a person sends from.

    mutt and `git send-email` take no `>` off again.  A text with a `From ` line is therefore
    encoded, so that none is left to be quoted.
    """
    head, blank, body = mail.partition(b"\n\n")
    encoding = _ENCODING.search(head)
    if encoding and _FROM.search(body):
        if encoding[2].lower() != b"quoted-printable":
            head, blank, body = in_seven_bits(mail).partition(b"\n\n")
        mail = head + blank + _FROM_SPLIT.sub(rb"\1=46=\n", body)
    return as_mboxrd(mail)
