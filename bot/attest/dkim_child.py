# SPDX-License-Identifier: GPL-2.0-or-later
"""The child process in which dkimpy looks at a mail's signatures.

Reads one request, a line of JSON and then the mail, from stdin, and answers
on stdout with one frame.  It trusts neither the mail nor the name servers: it
sets its own limits first, looks at a few signatures only, and repeats no word
of the mail but what is shaped like a domain.  dkimpy takes a signature that
does not cover From:, or not the whole text; here those are no pass.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import resource
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import dkim  # type: ignore[import-untyped]
from dkim.canonicalization import CanonicalizationPolicy  # type: ignore[import-untyped]
from dkim.util import InvalidTagValueList, parse_tag_value  # type: ignore[import-untyped]

from bot.attest import DOMAIN
from bot.attest.keys import Keys, Unanswered
from bot.child import Out

MOST = 5
"""Signatures looked at."""
MAX_FIELD = 16 << 10
"""Bytes of a signature; dkimpy has patterns that take quadratic time."""
MAX_KEY = 4 << 10
"""Bytes of a key's record; the longest RSA keys in use take a quarter."""
CPU_SECONDS = 5
MEMORY = 512 << 20
"""Bytes of address space."""

_SELECTOR = re.compile(rb"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63}){0,9}")


class Flaw(Exception):
    """Why a signature says nothing for its domain; told in a few words."""


class Signature(NamedTuple):
    """One DKIM-Signature of the mail."""

    place: int
    """Among all of the mail, from 0."""
    domain: str
    """Its d=, lower case; empty where it names none."""
    tags: dict[bytes, bytes]


def main() -> None:
    request = json.loads(sys.stdin.buffer.readline())
    end = time.monotonic() + request["deadline"]
    _confine(int(request["wall"]))
    out = Out()
    keys = Keys([(address, port) for address, port in request["servers"]], end)
    covered = tuple(request["covered"])
    out.stage("done", **look(sys.stdin.buffer.read(), request["domain"], keys, covered))


def _confine(wall: int) -> None:
    """Set the limits of this process; it ends by itself also when the parent is gone."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(wall + 1)


def look(raw: bytes, domain: str, keys: Keys, covered: Sequence[str] = ()) -> dict[str, Any]:
    """Look at the signatures of `domain` and its parents, or where there are none at the others.

    Each has to cover From: and the fields that `covered` names.

    Returns `unread`, why nothing can be said; or `aligned`, whether they are those of `domain`,
    `more`, how many were not looked at, and `found`, the domain, result and reason of each.
    """
    try:
        mail = dkim.DKIM(raw)
    except (dkim.DKIMException, IndexError):  # the latter where the first line is a folded one
        return {"unread": "the header is damaged"}
    authors = sum(name.lower() == b"from" for name, _value in mail.headers)
    if authors != 1:
        return {"unread": f"the mail has {authors} From: fields"}
    fields = [value for name, value in mail.headers if name.lower() == b"dkim-signature"]
    signatures = [_signature(place, field) for place, field in enumerate(fields)]
    aligned = [each for each in signatures if f".{domain}".endswith(f".{each.domain}")]
    chosen = aligned or signatures
    found = [(each.domain, *_judged(mail, each, keys, covered)) for each in chosen[:MOST]]
    return {"aligned": bool(aligned), "more": len(chosen[MOST:]), "found": found}


def _signature(place: int, field: bytes) -> Signature:
    tags: dict[bytes, bytes] = {}
    if len(field) <= MAX_FIELD:
        with contextlib.suppress(InvalidTagValueList):  # then it names no domain to count for
            tags = parse_tag_value(field)
    domain = tags.get(b"d", b"").decode("ascii", "replace").lower()
    return Signature(place, domain if DOMAIN.fullmatch(domain) else "", tags)


def _judged(mail: Any, signature: Signature, keys: Keys, covered: Sequence[str]) -> tuple[str, str]:
    """`pass`, `fail` or `unknown`, and why."""
    try:
        _check_text(mail, signature, covered)
        _check_key(mail, signature, keys)
    except Unanswered as unknown:
        return "unknown", str(unknown)
    except Flaw as flaw:
        return "fail", str(flaw)
    return "pass", ""


def _check_text(mail: Any, signature: Signature, covered: Sequence[str]) -> None:
    """Raise Flaw for what is wrong whatever the key is; no name server is asked about those."""
    tags = signature.tags
    try:
        if int(tags.get(b"x", b"9" * 20)) < time.time():
            raise Flaw("expired")
        _tags, signed, _fields = mail.verify_headerprep(signature.place)
        policy = CanonicalizationPolicy.from_c_value(tags.get(b"c"))
        body = policy.canonicalize_body(mail.body)
        length = int(tags.get(b"l", len(body)))
        promised = base64.b64decode(re.sub(rb"\s+", b"", tags[b"bh"]), validate=True)
    except (Flaw, MemoryError):
        raise
    except Exception as error:  # dkimpy's own, and what numbers and base64 raise
        raise Flaw("malformed") from error
    if not (signature.domain and _SELECTOR.fullmatch(tags[b"s"])):
        raise Flaw("malformed")
    for name in ("from", *covered):
        if name.encode() not in signed:
            raise Flaw(f"{name.capitalize()}: is not signed")
    if tags[b"a"].endswith(b"-sha1"):
        raise Flaw("SHA-1")
    if hashlib.sha256(body[:length]).digest() != promised:
        raise Flaw("body hash")
    if length < len(body):
        raise Flaw("the end is not signed")


def _check_key(mail: Any, signature: Signature, keys: Keys) -> None:
    """Raise Flaw unless the header is signed by a key of the domain that is fit for it."""
    record = keys.record(signature.tags[b"s"].decode(), signature.domain)
    if record is None:
        raise Flaw("no key")
    try:
        if len(record) > MAX_KEY:
            raise Flaw("bad key")
        tags = parse_tag_value(record)
        if b"y" in tags.get(b"t", b"").split(b":"):
            raise Flaw("the key is for tests")
        if tags.get(b"p") == b"":
            raise Flaw("the key is revoked")
        dkim.evaluate_pk(signature.domain, record)
        verified = mail.verify(signature.place, dnsfunc=lambda _name, timeout: record)
    except (Flaw, MemoryError):
        raise
    except Exception as error:  # dkimpy's own (a short key too), and what its parsers raise
        raise Flaw("bad key") from error
    if not verified:
        raise Flaw("header hash")


if __name__ == "__main__":
    main()
