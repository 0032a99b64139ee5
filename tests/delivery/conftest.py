# SPDX-License-Identifier: GPL-2.0-or-later
"""The mail that is delivered, and a user whose git configuration the tests write."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from nacl.signing import SigningKey

from bot.outgoing import Envelope
from bot.settings import DeliverySettings

RAW = """\
From: revokebot <bot@example.org>
To: A U Thor <author@example.org>
Cc: list@example.org
Subject: Re: [PATCH] toy: one
Message-ID: <revokebot-1@example.org>
In-Reply-To: <a@example.org>
References: <a@example.org>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

> +	toy_first(x);
.one dot
..two
From here on: gr\u00fc\u00dfe  
""".encode()
LARGE = RAW + (b"x" * 900 + b"\n") * 6000
"""More than the buffers between a client and a server that does not read take."""
ENVELOPE = Envelope(
    "revokebot-1@example.org", "bot@example.org", ("author@example.org", "list@example.org"), RAW
)
SETTINGS = DeliverySettings(timeout=1.0, deadline=8.0)

Configure = Callable[..., None]


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Writes sendemail.* into the configuration of a user of the test's own."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.delenv("GIT_CONFIG_GLOBAL", raising=False)

    def write(**values: object) -> None:
        lines = "".join(f'\t{key} = "{value}"\n' for key, value in values.items())
        (home / ".gitconfig").write_text(
            f"[user]\n\tname = revokebot\n\temail = bot@example.org\n[sendemail]\n{lines}"
        )

    return write


class Key(NamedTuple):
    """A key of patatt's."""

    secret: str
    """As `delivery.sign` has it."""
    public: bytes


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Key:
    """A key of the test's own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    made = SigningKey.generate()
    file = tmp_path / "bot.key"
    file.write_bytes(base64.b64encode(bytes(made)))
    return Key(f"ed25519:{file}", base64.b64encode(bytes(made.verify_key)))
