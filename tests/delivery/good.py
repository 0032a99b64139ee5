# SPDX-License-Identifier: GPL-2.0-or-later
"""A real SMTP server, aiosmtpd, that wants TLS and a login, and keeps what arrives."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from tests.conftest import free_port
from tests.delivery.tls import certificate

__all__ = ["Good", "Keeper", "serving"]

XOAUTH2 = b"user=bot\x01auth=Bearer right\x01\x01"
CHALLENGE = b'{"status":"401","schemes":"bearer","scope":"https://mail.example.org/"}'
"""What a server says of a token that it does not take, before it refuses the login."""


class Keeper:
    """aiosmtpd's handler: keeps what arrives, and takes the token `right`."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.mechanisms: list[str] = []
        self.answers: list[bytes] = []
        """What was said to the challenge."""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(envelope.original_content)
        return "250 kept"

    async def auth_XOAUTH2(self, server: Any, args: list[str]) -> AuthResult:
        self.mechanisms.append("XOAUTH2")
        if base64.b64decode(args[1]) == XOAUTH2:
            return AuthResult(success=True, auth_data="bot")
        self.answers.append(await server.challenge_auth(CHALLENGE))
        return AuthResult(success=False, handled=False)

    def password(
        self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any
    ) -> AuthResult:
        """Take `bot` with the password `right`."""
        self.mechanisms.append(mechanism)
        return AuthResult(success=(data.login, data.password) == (b"bot", b"right"), handled=False)


class Good(NamedTuple):
    """A running server."""

    port: int
    pem: Path
    """Its certificate."""
    encryption: str
    keeper: Keeper

    def login(self, **values: object) -> dict[str, object]:
        """What git is told of it: `sendemail.*`, for `configure`."""
        return {
            "smtpserver": "127.0.0.1",
            "smtpserverport": self.port,
            "smtpencryption": self.encryption,
            "smtpuser": "bot",
            **values,
        }


@contextmanager
def serving(folder: Path, encryption: str, name: str = "127.0.0.1") -> Iterator[Good]:
    """A server with a login over STARTTLS (`tls`) or TLS from the first byte (`ssl`).

    Parameters
    ----------
    name: whom its certificate, made in `folder`, is for
    """
    pem, context = certificate(folder, name)
    keeper = Keeper()
    starttls = encryption == "tls"
    port = free_port()
    controller = Controller(
        keeper,
        hostname="127.0.0.1",
        port=port,
        ssl_context=None if starttls else context,
        tls_context=context if starttls else None,
        require_starttls=starttls,
        authenticator=keeper.password,
        auth_required=True,
        # aiosmtpd counts STARTTLS only, and warns of a server that does not insist on it.
        auth_require_tls=starttls,
    )
    controller.start()
    try:
        yield Good(port, pem, encryption, keeper)
    finally:
        controller.stop()
