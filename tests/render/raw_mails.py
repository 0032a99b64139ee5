# SPDX-License-Identifier: GPL-2.0-or-later
"""Hostile patch mails as the bytes that a server gives, from a seeded generator.

What is hostile stands in every header that is read and in the text, in each
spelling that a mailer may choose: raw, encoded, folded, in a group, commented.
Nobody is to be written to at `VICTIM`, which no address header names.
"""

from __future__ import annotations

import random
from base64 import b64encode, encodebytes
from binascii import b2a_qp
from typing import NamedTuple

from tests.render.hostile import text
from tests.sources.mails import BODY, DIFF

__all__ = ["VICTIM", "Hostile", "hostile"]

VICTIM = "victim@evil.example"
LINE = "+\tteapot_warm(pot);"
CHARSETS = (
    "utf-8",
    "us-ascii",
    "iso-8859-1",
    "utf-16",
    "gb2312",
    "x-none",
    "iso-2022-jp",
    "UTF-7",
    "",
)


class Hostile(NamedTuple):
    """One mail, and what is known of it."""

    raw: bytes
    line: str
    """The added line of its diff, sign included."""
    exact: bool
    """Its text says truly how it is encoded, so `line` is what every reader sees."""


def hostile(number: int, seed: str, diff: str = DIFF) -> Hostile:
    """Case `number`; the same at every call.  Another `diff` stays as it is."""
    chance = random.Random(f"{seed}/{number}")
    line = "+" + _flat(text(chance)).rstrip().encode("utf-8", "replace").decode()
    content, extra, exact = _content(chance, _body(chance, diff.replace(LINE, line)))
    own = chance.choice((f"{number}.{seed}@example.org",) * 9 + (_value(chance),))
    head = [
        b"From: " + _sender(chance),
        b"To: " + _list(chance),
        b"Subject: [PATCH] " + _value(chance),
        b"Message-ID: <" + own.encode("utf-8", "replace") + b">"
        if isinstance(own, str)
        else b"Message-ID: " + own,
        b"Date: " + chance.choice((b"Tue, 03 Mar 2026 10:00:00 +0100", _value(chance))),
        *extra,
    ]
    for name in (b"Cc", b"Cc", b"Reply-To", b"X-Original-From"):
        if chance.random() < 0.3:
            head.append(name + b": " + _list(chance))
    for name in (
        b"References",
        b"In-Reply-To",
        b"List-Id",
        b"Auto-Submitted",
        b"X-Other",
        b"List-Post",
    ):
        if chance.random() < (0.05 if name == b"Auto-Submitted" else 0.3):
            head.append(name + b": " + _value(chance))
    chance.shuffle(head)
    lines = b"\n".join(head)
    raw = lines + b"\n\n" + content
    exact = exact and b"\n\r\n" not in lines  # it would end the header
    if chance.random() < 0.2:
        raw = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        exact = exact and "\r" not in line
    return Hostile(raw, line, exact)


def _flat(value: str) -> str:
    """`value` on one line."""
    return value.replace("\n", "\\n").replace("\r", "\\r")


def _value(chance: random.Random) -> bytes:
    """Some header value: it may be folded, and ends where a field may begin or not."""
    value = chance.choice((_plain, _word, _word, _folded, _raw))(chance)
    return value.replace(b"\n\n", b"\n") or b"x"


def _plain(chance: random.Random) -> bytes:
    return _flat(text(chance)).encode("utf-8", "replace")


def _raw(chance: random.Random) -> bytes:
    """Bytes of some charset or of none, which may start a field of their own."""
    return text(chance).encode(chance.choice(("utf-8", "latin-1", "utf-16", "gb18030")), "replace")


def _folded(chance: random.Random) -> bytes:
    return b"\n ".join(_plain(chance) for _ in range(chance.randrange(1, 6)))


def _word(chance: random.Random) -> bytes:
    """Encoded words: of the wrong charset, cut short, of two kinds, or with a header inside."""
    inside = chance.choice(
        (text(chance), f"\r\nBcc: {VICTIM}\r\n", f"x\nTo: {VICTIM}", f"<{VICTIM}>, a")
    )
    said, real = chance.choice(CHARSETS), chance.choice(("utf-8", "latin-1", "utf-16"))
    data = inside.encode(real, "replace")
    words = []
    for part in (data[: len(data) // 2], data[len(data) // 2 :]):
        if chance.random() < 0.5:
            coded = b64encode(part)[: chance.choice((None, -1, -2))]
            words.append(b"=?%b?B?%b?=" % (said.encode(), coded))
        else:
            coded = b"".join(b"=%02X" % byte for byte in part)
            words.append(b"=?%b?q?%b?=" % (said.encode(), coded))
    return chance.choice((b" ", b"\n ", b"", b" x ")).join(words)


def _sender(chance: random.Random) -> bytes:
    good = b"A U Thor <a%d@author.example>" % chance.randrange(40)
    relay = _word(chance) + b" via Relay <devnull+a@kernel.org>"
    return chance.choice((good, good, relay, _box(chance)))


def _box(chance: random.Random) -> bytes:
    """One mailbox in one of the spellings of RFC 5322 3.4, and some that are none."""
    email = b"%c%d@example.org" % (chance.choice(b"abcdefgh"), chance.randrange(40))
    name = chance.choice((_word, _plain))(chance)
    quoted = name.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return chance.choice((
        b"%b <%b>" % (name, email),
        b'"%b" <%b>' % (quoted, email),
        b'"%b\n %b" <%b>' % (quoted, quoted, email),
        b"%b (%b (nested) comment)" % (email, name),
        b"(%b) %b" % (name, email),
        b"<@relay.example,@other.example:%b>" % email,
        b'"%b"@example.org' % quoted,
        b"%b%b" % (email, name),
        b"%b@example.org" % _word(chance),
        b"<%b" % email,
        email,
    ))  # fmt: skip


def _list(chance: random.Random) -> bytes:
    boxes = [_box(chance) for _ in range(chance.randrange(1, 5))]
    return chance.choice((
        b", ".join(boxes),
        b",\n\t".join(boxes),
        b"Friends: " + b", ".join(boxes) + b";",
        b"undisclosed-recipients:;, " + b" ,, ".join(boxes),
        b"; ".join(boxes),
    ))  # fmt: skip


def _body(chance: random.Random, diff: str) -> str:
    author = f"From: {_flat(text(chance))} <in@author.example>\n\n"
    start = chance.choice(("", author, _flat(text(chance)) + "\n\n"))
    return start + BODY.replace(DIFF, diff)


def _content(chance: random.Random, body: str) -> tuple[bytes, list[bytes], bool]:
    """The body's bytes, the fields that tell of them, and whether they tell the truth."""
    said = chance.choice((*("utf-8",) * 9, *CHARSETS))
    data = body.encode("utf-8", "replace")
    coding = chance.choice(("8bit", "base64", "quoted-printable", "nonsense"))
    if coding == "base64":
        data = encodebytes(data)
    elif coding == "quoted-printable":
        data = b2a_qp(data)
    exact = said == "utf-8"
    if chance.random() < 0.1:
        exact = False
        data = data[:-40] + bytes(chance.randrange(256) for _ in range(40))
    kind = b"Content-Type: text/plain; charset=" + said.encode()
    transfer = b"Content-Transfer-Encoding: " + coding.encode()
    if chance.random() < 0.2:
        part = b"\n".join((kind, transfer, b"", data))
        data = b"--b\n" + part + b"\n--b\nContent-Type: text/html\n\n<p>{{ 7 * 7 }}</p>\n--b--\n"
        return data, [b"Content-Type: multipart/mixed; boundary=b"], exact
    return data, [kind, transfer], exact
