# SPDX-License-Identifier: GPL-2.0-or-later
"""A real SMTP server on loopback that puts what it takes into a public-inbox.

On request it kills the sending process with SIGKILL while it answers a given
verb: before the answer, or right after it.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from pathlib import Path
from typing import Any, NamedTuple

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.conftest import free_port
from tests.integration.conftest import Inbox

__all__ = ["VERBS", "Office", "opened"]

VERBS = ("connect", "EHLO", "MAIL", "RCPT", "DATA", "dot", "filed", "QUIT")
"""Where the server can kill: `dot` before the mail is filed, `filed` after it and before the 250."""


class Office:
    """The server's own state, which the test reads."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox
        self.deliveries: Counter[str] = Counter()
        self.victim = 0
        """Process to kill; 0 for none."""
        self.verb = ""
        """At which verb."""
        self.lock = threading.Lock()

    def reached(self, verb: str) -> None:
        """Kill the victim if this is where it is to die."""
        with self.lock:
            if verb == self.verb and self.victim:
                os.kill(self.victim, signal.SIGKILL)
                self.victim = 0

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, answers: list[str]
    ) -> list[str]:
        self.reached("EHLO")
        session.host_name = hostname
        return answers

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.reached("MAIL")
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.reached("RCPT")
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.reached("dot")
        content = envelope.content
        assert isinstance(content, bytes)
        raw = content.replace(b"\r\n", b"\n")
        msgid = str(message_from_bytes(raw)["Message-ID"]).strip("<>")
        self.deliveries[msgid] += 1
        self.inbox.inject(raw)
        self.reached("filed")
        return "250 OK"

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.reached("QUIT")
        return "221 Bye"


class _Server(SMTP):
    """Tells the office of the two moments that no hook is for."""

    def connection_made(self, transport: Any) -> None:
        self.event_handler.reached("connect")
        super().connection_made(transport)

    async def smtp_DATA(self, arg: str) -> None:
        self.event_handler.reached("DATA")
        await super().smtp_DATA(arg)


class _Controller(Controller):
    def factory(self) -> SMTP:
        return _Server(self.handler, **self.SMTP_kwargs)


class Address(NamedTuple):
    """Where the server listens."""

    office: Office
    port: int

    def git_config(self, path: Path) -> None:
        """Write the sendemail settings that lead here."""
        path.write_text(
            f"[sendemail]\n\tsmtpserver = 127.0.0.1\n\tsmtpserverport = {self.port}\n"
            "\tfrom = revokebot <bot@example.org>\n"
        )


@contextmanager
def opened(inbox: Inbox) -> Iterator[Address]:
    """A server that files into `inbox`, on a free port."""
    office = Office(inbox)
    port = free_port()
    controller = _Controller(office, hostname="127.0.0.1", port=port, decode_data=False)
    controller.start()
    try:
        yield Address(office, port)
    finally:
        controller.stop()
