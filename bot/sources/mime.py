# SPDX-License-Identifier: GPL-2.0-or-later
"""From the body of a mail to its text: transfer encoding, charset, multipart, line ends.

Does what a reader's mail program would do, in time linear in the size of the
mail, and without the `email` package.  It renders no HTML and opens no
attachment other than a patch.  It never raises; what could not be read
exactly comes back as (kind, message) pairs.
"""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64, a2b_qp, b2a_qp

from bot.sources.header import decode_bytes, fields, split_head
from checks.source.pattern import pattern

__all__ = ["Trouble", "body_text", "in_seven_bits", "quoted_printable", "transfer_decoded"]

Trouble = tuple[str, str]
"""Kind and message of a `Problem` that does not know its mail yet."""

DEPTH_CAP = 8
"""Multiparts in multiparts."""
PARTS_CAP = 200
"""Parts of one multipart."""
FOOTER_LINES = 12
"""LF lines that a list appends to a body which it re-encoded with CRLF."""

_PARAM = pattern(r';\s*([a-z-]{1,40})\*?\d?\*?\s*=\s*(?:"([^"]*)"|([^\s;"]*))', re.IGNORECASE)
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\r\n\t "
_BASE64_LINE = pattern(rb"[A-Za-z0-9+/=\r\t ]*(?:\n|$)")
_ENCODING = pattern(rb"^(content-transfer-encoding:).*$", re.MULTILINE | re.IGNORECASE)
_PATCH_TYPES = frozenset({"text/x-patch", "text/x-diff", "text/patch", "application/x-patch"})


def _undo_crlf(text: str) -> str:
    """Undo CRLF that transport or a list's re-encoding put on every line.

    A patch on a file that truly has CRLF carries it on hunk lines only, never
    on git's own header lines; without such a line the LF lines are counted.
    """
    crlf = text.count("\r\n")
    if not crlf:
        return text
    header = ("\n" + text).find("\ndiff --git ")
    if header >= 0:
        transport = text.endswith("\r", header, text.find("\n", header))
    else:
        bare = text.count("\n") - crlf
        transport = bare <= FOOTER_LINES and crlf >= bare
    return text.replace("\r\n", "\n") if transport else text


def parameters(value: str) -> tuple[str, dict[str, str]]:
    """Main value and parameters of a Content-Type or Content-Disposition, lower case keys."""
    main = value.partition(";")[0].strip().lower()
    return main, {key.lower(): quoted or bare for key, quoted, bare in _PARAM.findall(value)}


def in_seven_bits(mail: bytes) -> bytes:
    """`mail`, of one part and with LF line ends, in quoted-printable."""
    head, blank, body = mail.partition(b"\n\n")
    return _ENCODING.sub(rb"\1 quoted-printable", head) + blank + quoted_printable(body)


def quoted_printable(body: bytes) -> bytes:
    """The lines of `body` encoded (RFC 2045 6.7)."""
    return b"\n".join(b2a_qp(line, istext=False) for line in body.split(b"\n"))


def body_text(head: dict[bytes, bytes], body: bytes) -> tuple[str, list[Trouble]]:
    """Text of a mail, given its header fields and its raw body."""
    troubles: list[Trouble] = []
    plain, patches, html = _walk(head, body, troubles, DEPTH_CAP)
    text = "\n".join(plain)
    if patches and "\ndiff --git " not in text:
        text = "\n".join([text, *patches])
    if html and not text.strip():
        troubles.append(("html-only", "the mail has HTML only; ask for plain text"))
    return text, troubles


def _walk(
    head: dict[bytes, bytes], body: bytes, troubles: list[Trouble], depth: int
) -> tuple[list[str], list[str], bool]:
    """Plain texts, attached patches, and whether there is an HTML part."""
    kind = "text/plain"
    params: dict[str, str] = {}
    if b"content-type" in head:
        kind, params = parameters(_flat(head[b"content-type"]))
    if kind.startswith("multipart/") and params.get("boundary"):
        return _walk_parts(body, params["boundary"], troubles, depth)
    placed = ""
    names: dict[str, str] = {}
    if b"content-disposition" in head:
        placed, names = parameters(_flat(head[b"content-disposition"]))
    name = (names.get("filename") or params.get("name") or "").lower()
    attached_patch = kind in _PATCH_TYPES or name.endswith((".patch", ".diff"))
    if attached_patch or (kind in ("text/plain", "text", "") and placed != "attachment"):
        text = _text(head, body, params, troubles)
        return ([], [text], False) if attached_patch else ([text], [], False)
    return [], [], kind == "text/html"


def _walk_parts(
    body: bytes, boundary: str, troubles: list[Trouble], depth: int
) -> tuple[list[str], list[str], bool]:
    plain: list[str] = []
    patches: list[str] = []
    html = False
    if not depth:
        troubles.append(
            ("nested-mail", "multiparts are nested too deep; the inner ones are left out")
        )
        return plain, patches, html
    mark = b"\n--" + boundary.encode("utf-8", "surrogateescape")
    parts = (b"\n" + body).split(mark, PARTS_CAP)[1:]
    for part in parts:
        if part.startswith(b"--"):
            break
        part_head, part_body = split_head(part.partition(b"\n")[2])
        inner = _walk(fields(part_head), part_body, troubles, depth - 1)
        plain += inner[0]
        patches += inner[1]
        html = html or inner[2]
    if not parts:
        troubles.append(
            ("damaged-mail", "no part of the multipart was found; fetch the mail again")
        )
    return plain, patches, html


def _text(
    head: dict[bytes, bytes], body: bytes, params: dict[str, str], troubles: list[Trouble]
) -> str:
    encoding = _flat(head.get(b"content-transfer-encoding", b"")).lower()
    body = transfer_decoded(body, encoding, troubles)
    charset = params.get("charset", "")
    text, exact = decode_bytes(body, charset)
    if not exact:
        said = f"charset {charset[:40]!r}" if charset else "no charset"
        troubles.append(
            ("charset", f"the mail says {said}, which its bytes are not; text is a guess")
        )
    text = _undo_crlf(text)
    if params.get("format", "").lower() == "flowed":
        text = _flowed(text, params.get("delsp", "").lower() == "yes")
    return text


def transfer_decoded(body: bytes, encoding: str, troubles: list[Trouble]) -> bytes:
    """Undo a Content-Transfer-Encoding (RFC 2045 6), given in lower case."""
    if encoding == "base64":
        return _base64(body, troubles)
    return a2b_qp(body) if encoding == "quoted-printable" else body


def _base64(body: bytes, troubles: list[Trouble]) -> bytes:
    """Decode base64; a footer that a list appended in the clear is kept behind it."""
    tail = b""
    if body.translate(None, _BASE64):
        at = 0
        while (match := _BASE64_LINE.match(body, at)) and match.end() > at:
            at = match.end()
        body, tail = body[:at], b"\n" + body[at:]
    try:
        return a2b_base64(body) + tail
    except Base64Error:
        troubles.append(("damaged-mail", "the base64 body is cut short; fetch the mail again"))
    packed = body.translate(None, b"\r\n\t =")
    return a2b_base64(packed[: len(packed) // 4 * 4]) + tail


def _flowed(text: str, delete_space: bool) -> str:
    """Undo format=flowed (RFC 3676) only where the diff is sound after and not before.

    Many mailers declare it and send the patch untouched.
    """
    from bot.sources.body import split_body

    if "diff --git " not in text or split_body(text).sound:
        return text
    out: list[str] = []
    for line in text.split("\n"):
        line = line[1:] if line.startswith(" ") else line
        # A blank context line is one space, which would read as a soft break.
        soft = line.endswith(" ") and line != "-- " and bool(line.strip())
        out.append(line[:-1] if soft and delete_space else line)
        if not soft:
            out.append("\n")
    joined = "".join(out).removesuffix("\n")
    return joined if split_body(joined).sound else text


def _flat(value: bytes) -> str:
    return value.decode("utf-8", "replace").replace("\n", " ").replace("\r", " ").strip()
