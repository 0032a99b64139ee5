# SPDX-License-Identifier: GPL-2.0-or-later
"""Patch mails of our own, signed by dkimpy with keys that openssl made."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from typing import NamedTuple

import dkim  # type: ignore[import-untyped]
from dkim.canonicalization import CanonicalizationPolicy  # type: ignore[import-untyped]
from dkim.crypto import parse_pem_private_key  # type: ignore[import-untyped]
from nacl.encoding import Base64Encoder
from nacl.signing import SigningKey

from bot.attest import attest
from bot.settings import DkimSettings
from bot.sources.mail import parse_mail

__all__ = ["BODY", "FOOTER", "Key", "make_ed25519_key", "make_key", "patch", "sign", "verdict"]

BODY = b"""\
The counter is read without the lock.

Signed-off-by: A U Thor <author@example.org>
---
 drivers/frob/frob.c | 2 +-

diff --git a/drivers/frob/frob.c b/drivers/frob/frob.c
index 1111111..2222222 100644
--- a/drivers/frob/frob.c
+++ b/drivers/frob/frob.c
@@ -1,3 +1,3 @@ static int frob_count(struct frob *frob)
 {
-\treturn frob->count;
+\treturn READ_ONCE(frob->count);
 }
-- 
2.47.0
"""
FOOTER = b"_______________________________________________\nfrob mailing list\n"


class Key(NamedTuple):
    """An RSA key, or an Ed25519 one."""

    private: bytes
    """PEM, or base64."""
    record: bytes
    """What the domain publishes of it."""


def make_key(folder: Path, bits: int = 2048) -> Key:
    """Make a key of `bits` bits."""
    file = str(folder / "key.pem")
    subprocess.run(["openssl", "genrsa", "-out", file, str(bits)], check=True, capture_output=True)
    public = ["openssl", "rsa", "-in", file, "-pubout", "-outform", "DER"]
    der = subprocess.run(public, check=True, capture_output=True).stdout
    return Key(Path(file).read_bytes(), b"v=DKIM1; k=rsa; p=" + base64.b64encode(der))


def make_ed25519_key() -> Key:
    """Make a key of the other kind that RFC 8463 adds."""
    private = SigningKey.generate()
    public = base64.b64encode(bytes(private.verify_key))
    return Key(base64.b64encode(bytes(private)), b"v=DKIM1; k=ed25519; p=" + public)


def patch(body: bytes = BODY, sender: str = "A U Thor <author@example.org>") -> bytes:
    """An unsigned patch mail."""
    return (
        f"From: {sender}\nTo: frob@lists.example.net\nSubject: [PATCH] frob: read the counter once\n"
        "Date: Mon, 02 Nov 2026 10:00:00 +0000\nMessage-ID: <20261102.1-author@example.org>\n\n"
    ).encode() + body


def sign(
    raw: bytes,
    key: Key,
    domain: str = "example.org",
    selector: str = "good",
    signed: str = "from:to:subject:date:message-id",
    **tags: str,
) -> bytes:
    """`raw` with a signature on top, without the line that an mbox puts there.

    Parameters
    ----------
    signed: names of the header fields that it covers
    tags: more of them, or instead of the usual ones; `l` says how much of the text it covers
    """
    if raw.startswith(b"From "):
        raw = raw.partition(b"\n")[2]
    tags = {"v": "1", "a": "rsa-sha256", "c": "relaxed/relaxed", "d": domain, "s": selector} | tags
    signer = dkim.DKIM(raw, signature_algorithm=tags["a"].encode())
    signer.hasher = dkim.HASH_ALGORITHMS[tags["a"].encode()]
    policy = CanonicalizationPolicy.from_c_value(tags["c"].encode())
    body = policy.canonicalize_body(signer.body)[: int(tags.get("l", len(raw) * 2))]
    tags |= {"h": signed, "bh": base64.b64encode(signer.hasher(body).digest()).decode()}
    if tags["a"].startswith("ed25519"):
        private = SigningKey(key.private, encoder=Base64Encoder)
    else:
        private = parse_pem_private_key(key.private)
    field: bytes = signer.gen_header(
        [*((name.encode(), value.encode()) for name, value in tags.items()), (b"b", b"0" * 60)],
        [name.encode() for name in signed.split(":")],
        policy,
        b"DKIM-Signature",
        private,
    )
    return b"DKIM-Signature: " + field.replace(b"\r\n", b"\n") + raw


def verdict(raw: bytes, server: str, deadline: float = 10.0) -> str:
    """What is said of `raw` when `server` is asked, which may think for `deadline` seconds."""
    return attest(DkimSettings((server,), deadline))(raw, parse_mail(raw))
