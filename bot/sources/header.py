# SPDX-License-Identifier: GPL-2.0-or-later
"""Read mail headers from raw bytes: fields, encoded words, addresses, dates, message-ids.

Linear in the size of the header whatever it holds, and without the `email`
package, whose import and header parsing cost more than the rest of the bot.
It does not validate: what is damaged is read as far as it goes.
"""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64, a2b_qp
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

from bot.model import Address
from checks.source.pattern import pattern

__all__ = [
    "addresses",
    "bare_msgids",
    "decode_bytes",
    "decode_words",
    "fields",
    "parse_date",
    "split_head",
    "unfold",
]

HEADER_CAP = 64 << 10
"""Bytes of header read; real patches have up to 24 KiB, of relays' stamps."""
SUBJECT_CAP = 2000
"""Bytes of a subject read; no patch comes near."""
ADDRESS_CAP = 1000
"""Addresses of one header read."""
MSGID_CAP = 998
"""Bytes of a message-id: RFC 5322 (2.1.1) has no longer lines, databases no longer keys."""
YEARS = range(1900, 9999)
"""Of a date: RFC 5322 (3.3) has no earlier ones, and a day more or less has to be a date, too."""

_FIELD = pattern(
    rb"\n(?=[SsMmIiRrFfTtCcDdXxLlAa])(Subject|Message-ID|In-Reply-To|References|From|To|Cc|Date|Reply-To|X-Original-From"
    rb"|List-Id|List-Post|Auto-Submitted|Content-Type|Content-Transfer-Encoding"
    rb"|Content-Disposition)[ \t]*:[ \t]*([^\n]*(?:\n[ \t][^\n]*)*)",
    re.IGNORECASE,
)
_FOLD = pattern(r"[\r\n]+[ \t]*")
_MSGID = pattern(r"<([^<>\s]{1,998})>")
_WORD = pattern(r"=\?([^?*\s]{1,40})(?:\*[^?\s]{0,40})?\?([bBqQ])\?([^?]*)\?=")
_ADDRESS_TOKEN = pattern(
    r'"[^"\\]*(?:\\.[^"\\]*)*"?|\([^()]*\)|<[^<>]*>?|[,;]|[^",;<(]+|.', re.DOTALL
)
_DATE = pattern(
    r"\s*(?:[A-Za-z]{3},?\s+)?(\d{1,2})\s+([A-Za-z]{3})[a-z]*\s+(\d{4})\s+"
    r"(\d{1,2}):(\d{2})(?::(\d{2}))?\s*([+-]\d{4}|[A-Z]{1,4})?"
)
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_CHARSET = pattern(
    r"iso-?8859-\d{1,2}|(?:windows|cp)-?125\d|koi8-[ru]|gbk|gb18030|big5(?:-?hkscs)?|euc-(?:jp|kr)"
    r"|ks_c_5601-1987|iso-2022-(?:jp(?:-\d)?|kr)|shift[-_]jis|utf-?16(?:le|be)?|macintosh|latin-?\d"
)
_CHARSET_ALIAS = {"gb2312": "gb18030", "eucgb2312_cn": "gb18030", "x-gbk": "gbk"}
"""GB 18030 is a superset that real mailers label as its older kin."""
_UNICODE = frozenset({"", "us-ascii", "ascii", "utf-8", "utf8", "unknown-8bit", "unknown"})


def split_head(raw: bytes) -> tuple[bytes, bytes]:
    """Split a mail into header (with a leading LF, no trailing one) and body.

    An mbox `From ` line is dropped.  A mail whose header ends in CRLF lines
    was stored as on the wire, and comes back with LF throughout.
    """
    start = 0
    while raw.startswith((b"From ", b">From "), start):
        start = raw.find(b"\n", start) + 1
        if not start:
            return b"\n", b""
    end = raw.find(b"\n\n", start)
    wire = raw.find(b"\r\n\r\n", start, end if end >= 0 else len(raw))
    if wire >= 0 or (end < 0 and b"\r\n" in raw):
        raw = raw[start:].replace(b"\r\n", b"\n")
        start, end = 0, raw.find(b"\n\n")
    if raw.startswith(b"\n", start):
        return b"\n", raw[start + 1 :]
    if end < 0:
        return b"\n" + raw[start:].rstrip(b"\n"), b""
    return b"\n" + raw[start:end], raw[end + 2 :]


def fields(head: bytes) -> dict[bytes, bytes]:
    """Raw values of the header fields that the bot knows, by lower-case name.

    Of a field that stands twice the first counts, but recipients add up.
    """
    found: dict[bytes, bytes] = {}
    for name, value in _FIELD.findall(head[:HEADER_CAP]):
        name = name.lower()
        if name not in found:
            found[name] = value
        elif name in (b"to", b"cc"):
            found[name] += b", " + value
    return found


def unfold(value: bytes) -> str:
    """Text of a raw header value, unfolded to single spaces, encoded words left alone."""
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    if "\n" in text or "\r" in text:
        text = _FOLD.sub(" ", text)
    return text.strip()


def decode_bytes(data: bytes, charset: str) -> tuple[str, bool]:
    """Decode `data`; the flag tells whether the charset it declares was right.

    Only charsets that mailers use are tried, since Python's registry also
    holds codecs that are slow or no text at all.  Latin-1 is last and takes all.
    """
    charset = charset.strip("\"' \t").lower()
    charset = _CHARSET_ALIAS.get(charset, charset)
    try:
        if charset not in _UNICODE and _CHARSET.fullmatch(charset):
            return data.decode(charset), True
        text = data.decode("utf-8")
        return text, charset in _UNICODE or text.isascii()
    except (UnicodeError, LookupError):
        pass
    try:
        return data.decode("utf-8"), data.isascii()
    except UnicodeError:
        return data.decode("latin-1"), False


def decode_words(text: str) -> str:
    """Undo the encoded words of RFC 2047 in an unfolded header value.

    Neighbouring words of one charset are joined before decoding: mailers cut
    multi-byte characters in two.
    """
    if "=?" not in text:
        return text
    out: list[str] = []
    pending, pending_charset, at = b"", "", 0
    for word in _WORD.finditer(text):
        gap = text[at : word.start()]
        charset = word[1].lower()
        if pending_charset and (gap.strip() or charset != pending_charset):
            out.append(decode_bytes(pending, pending_charset)[0])
            pending = b""
        if not pending_charset or gap.strip():
            out.append(gap)
        pending += _word_bytes(word[2], word[3])
        pending_charset, at = charset, word.end()
    if pending_charset:
        out.append(decode_bytes(pending, pending_charset)[0])
    out.append(text[at:])
    return _FOLD.sub(" ", "".join(out))


def _word_bytes(encoding: str, payload: str) -> bytes:
    raw = payload.encode("utf-8")
    if encoding in "qQ":
        return a2b_qp(raw, header=True)
    try:
        return a2b_base64(raw + b"=" * (-len(raw) % 4))
    except Base64Error:
        return raw


def bare_msgids(value: bytes) -> tuple[str, ...]:
    """Message-ids of a header value, without angle brackets, in their order, each once.

    Ids that a mailer wrote without brackets are taken when they hold an `@`; one that is too
    long is none.
    """
    # PostgreSQL keeps no NUL; an id that came out of it as another one would be unknown again.
    text = value.decode("utf-8", "replace").replace("\0", "\ufffd")
    found = _MSGID.findall(text)
    if not found:
        found = [word.strip("<>,;") for word in text.split() if "@" in word]
    return tuple(one for one in dict.fromkeys(found) if len(one.encode()) <= MSGID_CAP)


@lru_cache(maxsize=1024)  # the mails of a series have the same recipients
def addresses(value: bytes) -> tuple[Address, ...]:
    """Addresses of a header value (RFC 5322 3.4), decoded; groups are flattened."""
    found: list[Address] = []
    name: list[str] = []
    bare: list[str] = []
    email = comment = ""
    for token in [*_ADDRESS_TOKEN.findall(unfold(value)), ","]:
        first = token[0]
        if first == "<":
            email = token.strip("<> ")
        elif first == "(" and len(token) > 1:
            comment = token[1:-1]
        elif first in ",;":
            _take(found, "".join(name).strip(), "".join(bare), email, comment)
            name, bare, email, comment = [], [], "", ""
            if len(found) >= ADDRESS_CAP:
                break
        else:
            bare.append(token)
            name.append(_unquoted(token) if first == '"' else token)
    return tuple(found)


def _unquoted(token: str) -> str:
    return token.strip('"').replace('\\"', '"').replace("\\\\", "\\")


def _take(found: list[Address], name: str, bare: str, email: str, comment: str) -> None:
    if not email:
        # `undisclosed-recipients:;` and group names end in a colon and hold no address.
        # Quotes stay: what is in them is no group, and no address that a person has.
        email, name = bare.rpartition(":")[2].strip(), comment
    if email and (name or "@" in email):
        found.append(Address(decode_words(name).strip(), email))


def parse_date(text: str) -> datetime | None:
    """The aware time of a `Date:` value (RFC 5322 3.3), or None when it cannot be read."""
    match = _DATE.match(text[:200])
    if match is None:
        return None
    day, month, year, hour, minute, second, zone = match.groups()
    try:
        if int(year) not in YEARS:
            return None
        offset = UTC
        if zone and zone[0] in "+-":
            minutes = int(zone[1:3]) * 60 + int(zone[3:5])
            offset = timezone(timedelta(minutes=-minutes if zone[0] == "-" else minutes))
        return datetime(
            int(year),
            _MONTHS[month.lower()],
            int(day),
            int(hour),
            int(minute),
            min(int(second or 0), 59),
            tzinfo=offset,
        )
    except (KeyError, ValueError):
        return None
