# SPDX-License-Identifier: GPL-2.0-or-later
"""An SMTP connection that verifies, has time limits, and remembers what the server said.

Sends one mail, byte for byte as it is in the envelope, and tells a mail that
was not taken from one of which it cannot be known.  Refuses to log in where
others could listen.  Knows neither b4 nor git.
"""

from __future__ import annotations

import re
import smtplib
import socket
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bot.delivery.servers import broken_tls, loopback, shortened, verified
from bot.outgoing import Envelope, Outcome, Result
from bot.sources.mime import in_seven_bits

__all__ = ["Account", "Connection", "connect", "why"]

FAREWELL = 2.0
"""Seconds that the server has to answer QUIT."""


class Account(NamedTuple):
    """How to reach a server, and as whom."""

    host: str
    port: int
    """0 for the usual one."""
    security: str
    """`tls` from the first byte, `starttls`, or empty."""
    user: str
    password: str
    auth: str
    """`none`, `oauthbearer`-like names for XOAUTH2, or empty for a password."""
    domain: str | None
    """What EHLO says; None for this machine's name."""
    ca: str | None
    """File or folder of authorities; None for the system's."""
    timeout: float


class Unsafe(Exception):
    """The login would go out unprotected."""


class Connection(smtplib.SMTP):
    """One mail's way to the server; `sendmail` sends the envelope, whatever it is given."""

    envelope: Envelope
    stage: Callable[[str], None]
    outcome: Outcome | None = None
    """What became of the mail; None as long as nothing is known."""

    def sendmail(
        self,
        from_addr: str,
        to_addrs: str | Sequence[str],
        msg: object,
        mail_options: Sequence[str] = (),
        rcpt_options: Sequence[str] = (),
    ) -> dict[str, tuple[int, bytes]]:
        """Send the envelope, and keep what smtplib's callers lose."""
        self.ehlo_or_helo_if_needed()
        raw = self.envelope.raw
        size = len(raw) + raw.count(b"\n")
        options = [f"size={size}"] if self.has_extn("size") else []
        if not raw.isascii():
            if self.has_extn("8bitmime"):
                options.append("BODY=8BITMIME")
            else:
                raw = in_seven_bits(raw)
        code, words = self.mail(self.envelope.sender, options)
        if code // 100 != 2:
            raise smtplib.SMTPSenderRefused(code, words, self.envelope.sender)
        refused = {}
        for recipient in self.envelope.recipients:
            code, words = self.rcpt(recipient)
            if code // 100 != 2:
                refused[recipient] = (code, words)
            if code == 421:
                raise smtplib.SMTPResponseException(code, words)
        if len(refused) == len(self.envelope.recipients):
            raise smtplib.SMTPRecipientsRefused(refused)
        self._data(raw, refused)
        return refused

    def _data(self, raw: bytes, refused: dict[str, tuple[int, bytes]]) -> None:
        code, words = self.docmd("data")
        if code != 354:
            raise smtplib.SMTPDataError(code, words)
        self.stage("data")
        lines = raw.removesuffix(b"\n").replace(b"\n", b"\r\n") + b"\r\n"
        self.send(re.sub(rb"^\.", b"..", lines, flags=re.MULTILINE))
        self.stage("dot")
        self.outcome = Outcome(Result.UNKNOWN, "the connection was lost after the mail was sent")
        try:
            self.send(b".\r\n")
            code, words = self.getreply()
        except (OSError, smtplib.SMTPException) as error:
            self.outcome = Outcome(Result.UNKNOWN, f"no answer to the mail: {_said(error)}")
            raise
        results = {2: Result.SENT, 4: Result.LATER, 5: Result.REFUSED}
        result = results.get(code // 100, Result.UNKNOWN)
        kept = {who: _words(*answer) for who, answer in refused.items()}
        self.outcome = Outcome(result, _words(code, words), kept if result is Result.SENT else {})

    def farewell(self) -> None:
        """Close the session; whatever the server makes of it changes nothing."""
        try:
            if self.sock is not None:
                self.sock.settimeout(FAREWELL)
                self.quit()
        except (OSError, smtplib.SMTPException):
            self.close()


class TlsConnection(Connection, smtplib.SMTP_SSL):
    """The same with TLS from the first byte."""


def connect(account: Account, envelope: Envelope, stage: Callable[[str], None]) -> Connection:
    """Open the connection, secure it and log in.

    Raises what `why` can tell of.
    """
    protected = bool(account.security) or loopback(account.host)
    login = account.user and account.auth != "none"
    if login and not protected:
        raise Unsafe("no login without TLS; set sendemail.smtpEncryption to ssl or tls")
    context = verified(account.ca)
    smtp: Connection
    if account.security == "tls":
        smtp = TlsConnection(
            account.host, account.port, account.domain, timeout=account.timeout, context=context
        )
    else:
        smtp = Connection(account.host, account.port, account.domain, timeout=account.timeout)
    smtp.envelope, smtp.stage = envelope, stage
    stage("connected")
    smtp.ehlo_or_helo_if_needed()
    if account.security == "starttls":
        code, words = smtp.starttls(context=context)
        if code != 220:
            raise smtplib.SMTPResponseException(code, words)
        smtp.ehlo_or_helo_if_needed()
    if login:
        _login(smtp, account)
    stage("ready")
    return smtp


def _login(smtp: Connection, account: Account) -> None:
    if account.auth not in ("oauth", "oauth2", "xoauth2"):
        smtp.login(account.user, account.password)
        return
    token = f"user={account.user}\x01auth=Bearer {account.password}\x01\x01"
    smtp.auth("XOAUTH2", lambda challenge=None: token if challenge is None else "")


def why(error: Exception, server: str) -> Outcome:
    """What an error before the final dot means: the mail was not taken.

    `server` is named where it did not say anything itself.
    """
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        answers = error.recipients.values()
        code = min((code for code, _words in answers), default=0)
        text = "; ".join(f"{who}: {_words(*said)}" for who, said in error.recipients.items())
        return Outcome(Result.REFUSED if code >= 500 else Result.LATER, text)
    if isinstance(error, smtplib.SMTPResponseException):
        result = Result.REFUSED if error.smtp_code // 100 == 5 else Result.LATER
        return Outcome(result, _said(error))
    words = f"{server}: {_said(error)}"
    if isinstance(error, Unsafe | smtplib.SMTPNotSupportedError) or broken_tls(error):
        return Outcome(Result.REFUSED, words)
    if isinstance(error, OSError | smtplib.SMTPException | socket.gaierror):
        return Outcome(Result.LATER, words)
    return Outcome(Result.REFUSED, f"b4 could not send it: {_said(error)}")


def _said(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _words(error.smtp_code, error.smtp_error)
    words = error.strerror if isinstance(error, OSError) else ""
    return words or str(error) or type(error).__name__


def _words(code: int, words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return shortened(f"{code} {text}")
