# SPDX-License-Identifier: GPL-2.0-or-later
"""Mails as a parser reads them that shares nothing with Python's: perl's Email::MIME.

Needs Debian's `libemail-mime-perl` and `libemail-address-xs-perl`, which
`public-inbox` brings.  Where they are missing the tests are skipped with a
line that names them; under CI=true that is a failure.
"""

from __future__ import annotations

import json
import subprocess
from base64 import b64decode
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.conftest import absent

__all__ = ["Box", "Read", "read"]

SCRIPT = Path(__file__).parent / "read_mails.pl"
MODULES = ("-MEmail::MIME", "-MEmail::Address::XS")
REASON = "perl has no Email::MIME: apt-get install libemail-mime-perl libemail-address-xs-perl"


class Box(NamedTuple):
    """One mailbox of an address header."""

    name: str
    email: str
    valid: bool
    """Whether it is one by the grammar, in no group and without a comment."""


class Read(NamedTuple):
    """A mail as it was read."""

    names: tuple[str, ...]
    """Of all header fields, in their order."""
    raw: Mapping[str, str]
    """Values, unfolded and not decoded."""
    subject: str
    """Decoded."""
    boxes: Mapping[str, tuple[Box, ...]]
    """Of From, To and Cc."""
    kind: str
    """Content type and charset."""
    parts: int
    body: bytes
    """With the transfer encoding undone."""


def read(raws: Sequence[bytes]) -> list[Read]:
    """Read mails; one process reads them all."""
    _needs_perl()
    told = subprocess.run(
        ["perl", str(SCRIPT)],
        input=b"".join(b"%d\n%b" % (len(raw), raw) for raw in raws),
        capture_output=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr.decode()
    assert told.stderr == b""
    found = [_read(line) for line in told.stdout.splitlines()]
    assert len(found) == len(raws)
    return found


@cache
def _needs_perl() -> None:
    if subprocess.run(["perl", *MODULES, "-e1"], capture_output=True, check=False).returncode:
        absent(REASON)


def _read(line: bytes) -> Read:
    found = json.loads(line)
    boxes = {
        header: tuple(
            Box(
                one["name"] or "",
                one["email"] or "",
                one["valid"] and one["group"] is None and one["comment"] is None,
            )
            for one in listed
        )
        for header, listed in found["addresses"].items()
    }
    return Read(
        tuple(found["names"]),
        found["raw"],
        found["subject"],
        boxes,
        f"{found['type']}; {found['charset']}",
        found["parts"],
        b64decode(found["body"]),
    )
