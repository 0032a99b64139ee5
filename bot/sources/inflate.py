# SPDX-License-Identifier: GPL-2.0-or-later
"""Read a gzip or xz stream piece by piece, and refuse one that is cut short or a bomb.

Python's own file objects do neither: memory for a piece is bounded here, and
so is what a file may inflate to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import IO, Protocol

from bot.errors import InputError

__all__ = ["GZIP", "XZ", "inflate"]

GZIP = b"\x1f\x8b"
XZ = b"\xfd7zXZ\0"
BOMB_BYTES = 256 << 20
BOMB_RATIO = 200
"""A stream that inflates over both is refused: mail shrinks to a tenth, not to a 200th."""
CHUNK = 1 << 20
"""Bytes inflated at a time."""


class _Inflater(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def inflate(first: bytes, stream: IO[bytes], name: str) -> Iterator[bytes]:
    """Yield the inflated chunks of `first` and the rest of `stream`.

    Several members behind one another count as one.  Raises InputError with
    `name` when the stream is cut short, damaged or inflates out of proportion.
    """
    start, failures = _kind(first)
    read, written = len(first), 0
    packed = first
    try:
        while packed.strip(b"\0"):
            inflater, pending = start(), packed
            while not inflater.eof:
                if not pending and getattr(inflater, "needs_input", True):
                    pending = stream.read(CHUNK)
                    read += len(pending)
                chunk = inflater.decompress(pending, CHUNK)
                if not chunk and not pending and not inflater.eof:
                    raise InputError(f"{name}: is cut short; fetch or copy it again")
                pending = getattr(inflater, "unconsumed_tail", b"")
                written += len(chunk)
                if written > BOMB_BYTES and written > BOMB_RATIO * read:
                    raise InputError(f"{name}: inflates as no mailbox does; look at it by hand")
                if chunk:
                    yield chunk
            packed = inflater.unused_data or stream.read(CHUNK)
    except failures as error:
        raise InputError(f"{name}: is damaged ({error}); fetch or copy it again") from error


def _kind(first: bytes) -> tuple[Callable[[], _Inflater], type[Exception]]:
    """How to inflate what begins with `first`, and what that raises."""
    if first.startswith(GZIP):
        import zlib

        return lambda: zlib.decompressobj(wbits=31), zlib.error
    import lzma

    return lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ), lzma.LZMAError
