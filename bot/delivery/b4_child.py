# SPDX-License-Identifier: GPL-2.0-or-later
"""The child process in which b4 sends: it reads git's settings, and is given our connection.

Reads one request, a line of JSON, from stdin and answers on stdout with a
frame for each stage that it has come through; `dot` goes out before the mail
can be in anybody's hands.  It never trusts b4 with a connection: b4 0.16
opens them without a time limit, without looking at certificates, and loses
refused recipients and the mail's own bytes.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, NamedTuple

from bot.child import Out
from bot.delivery.attempt import ConfigError, begin, envelope_of
from bot.delivery.servers import discreet, shortened
from bot.delivery.smtp import Account, Connection, connect, why
from bot.delivery.web import post
from bot.outgoing import Envelope, Outcome, Result

SYSEXITS = {
    0: Result.SENT,
    **dict.fromkeys((64, 65, 66, 67, 73, 77, 78, 126, 127), Result.REFUSED),
    **dict.fromkeys((68, 71, 75), Result.LATER),
}
"""sysexits.h, where it tells for certain; by any other status the command may have sent it."""


class Job(NamedTuple):
    """One request."""

    envelope: Envelope
    config: dict[str, Any]
    """sendemail.* as b4 sees it; lower case."""
    out: Out


def main() -> None:
    request, out = begin()
    smtp: Connection | None = None
    try:
        job = _job(request, out)
        if request["via"] == "web":
            outcome = _by_web(job, request)
        elif command := _command(job):
            outcome = _by_command(job, command)
        else:
            outcome, smtp = _by_smtp(job, _account(job.config, request))
    except ConfigError as error:
        # The mail is as good as ever, and goes once the operator has put it right.
        outcome = Outcome(Result.LATER, str(error))
    words = shortened(outcome.words)
    out.stage("done", result=outcome.result.value, words=words, refused=dict(outcome.refused))
    if smtp is not None:
        smtp.farewell()


def _job(request: dict[str, Any], out: Out) -> Job:
    """Read the user's git configuration, through b4."""
    import b4

    asked = {"b4.sendemail-identity": request["identity"]} if request["identity"] else {}
    try:
        b4.setup_config(argparse.Namespace(config=asked))
    except Exception as error:  # b4 has no own class for them
        raise ConfigError(f"git configuration: {error}") from error
    config: dict[str, Any] = dict(b4.get_sendemail_config())
    identity = request["identity"]
    if identity and not b4.get_config_from_git(rf"sendemail\.{re.escape(identity)}\..*"):
        raise ConfigError(f"delivery.identity {identity!r}: git has no such sendemail section")
    out.stage("config")
    envelope = envelope_of(request)
    if request["sign"]:
        signed = _signed(envelope.raw, request["sign"], envelope.sender)
        envelope = envelope._replace(raw=signed)
    sender = str(config.get("envelopesender") or "auto")
    if sender != "auto":
        envelope = envelope._replace(sender=sender)
    return Job(envelope, config, out)


def _signed(raw: bytes, key: str, identity: str) -> bytes:
    """`raw` with the two headers of patatt added; nothing goes out unsigned instead."""
    import patatt

    config = {**patatt.get_main_config(), "signingkey": key}
    config.setdefault("identity", identity)
    try:
        signed = patatt.rfc2822_sign(raw, config)
    except (Exception, SystemExit) as error:  # patatt has too many of them
        raise ConfigError(f"delivery.sign: {error or type(error).__name__}") from error
    if not signed.endswith(raw.partition(b"\n\n")[2]):
        raise ConfigError("delivery.sign: patatt changed the body; please report this")
    return signed


def _endpoint() -> str:
    import b4

    return str(b4.get_main_config().get("send-endpoint-web") or "")


def _by_web(job: Job, request: dict[str, Any]) -> Outcome:
    """Give the signed mail to b4's web endpoint."""
    url = _endpoint()
    if not url:
        raise ConfigError("git has no b4.send-endpoint-web; set it to the endpoint's URL")
    if not request["sign"]:
        raise ConfigError("delivery.sign: not set, and the web endpoint takes only signed mail")
    ca = request["ca_file"]
    if ca and not os.path.exists(ca):
        raise ConfigError(f"{ca}: no such file; mend delivery.ca_file")
    return post(url, job.envelope.raw, ca, request["timeout"], job.out.stage)


def _account(config: dict[str, Any], request: dict[str, Any]) -> Account:
    try:
        port = int(config.get("smtpserverport") or 0)
    except ValueError as error:
        raise ConfigError("sendemail.smtpServerPort: not a number") from error
    encryption = str(config.get("smtpencryption") or "").lower()
    known = {"": "", "none": "", "tls": "starttls", "starttls": "starttls"}
    known.update({"ssl": "tls", "smtps": "tls"})
    if encryption not in known:
        raise ConfigError(f"sendemail.smtpEncryption {encryption!r}: give ssl or tls")
    ca = request["ca_file"] or config.get("smtpsslcertpath") or None
    if ca and not os.path.exists(ca):
        raise ConfigError(f"{ca}: no such file; mend delivery.ca_file or sendemail.smtpSSLCertPath")
    if not config.get("smtpserver") and _endpoint():
        # b4 takes the endpoint then; we send by SMTP only where that was asked for.
        raise ConfigError(
            "git has b4.send-endpoint-web and no sendemail.smtpServer; set delivery.via to web"
            " for the first, or set the second"
        )
    if not config:
        # Not b4's own default, the server of this machine: nobody has chosen that.
        raise ConfigError(
            "git has no sendemail settings; set sendemail.smtpServer,"
            " or mend what `git config --list` complains of"
        )
    return Account(
        host=str(config.get("smtpserver") or "localhost"),
        port=port,
        security=known[encryption],
        user=str(config.get("smtpuser") or ""),
        password=str(config.get("smtppass") or ""),
        auth=str(config.get("smtpauth") or "").lower(),
        domain=str(config.get("smtpdomain") or "") or None,
        ca=ca,
        timeout=request["timeout"],
    )


def _by_smtp(job: Job, account: Account) -> tuple[Outcome, Connection | None]:
    """Send over a connection of ours that b4 is given; it is still open where there is one."""
    import b4

    where = f"{account.host}:{account.port}" if account.port else account.host
    if account.user and not account.password and account.auth != "none":
        found = b4.git_credential_fill(None, protocol="smtp", host=where, username=account.user)
        if not found:
            raise ConfigError(
                f"no password for {account.user} at {where}; store it with git credential approve"
            )
        account = account._replace(password=found)
    smtp: Connection | None = None
    try:
        smtp = connect(account, job.envelope, job.out.stage)
        b4.send_mail(
            smtp, [_seen_by_b4(job.envelope)], job.envelope.sender, list(job.envelope.recipients)
        )
        outcome = smtp.outcome or Outcome(Result.LATER, "b4 did not send the mail")
    except Exception as error:
        outcome = (smtp and smtp.outcome) or why(error, where)
    return discreet(outcome, account.user, account.password), smtp


def _seen_by_b4(envelope: Envelope) -> EmailMessage:
    """The mail for b4 to look at and to change; what is sent is `envelope.raw`."""
    message = message_from_bytes(envelope.raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def _command(job: Job) -> list[str]:
    """The sendmail-like command that git is told to use, as b4 builds it; empty for none."""
    import b4

    line = b4.get_sendemail_localcmd()
    if not line:
        return []
    try:
        command = shlex.split(os.path.expanduser(os.path.expandvars(line)))
    except ValueError as error:
        raise ConfigError(f"sendemail.sendmailCmd: {error}") from error
    if "-i" not in command:
        command.append("-i")
    if job.config.get("envelopesender"):
        command += ["-f", job.envelope.sender]
    return [*command, *(job.config.get("smtpserveroption") or ()), *job.envelope.recipients]


def _by_command(job: Job, command: list[str]) -> Outcome:
    """Give the mail to a local command, which gets it with LF as git gives it."""
    job.out.stage("dot")
    try:
        run = subprocess.run(command, input=job.envelope.raw, capture_output=True, check=False)
    except OSError as error:
        raise ConfigError(f"sendemail.sendmailCmd: {error}") from error
    said = (run.stderr or run.stdout).decode("utf-8", "replace").strip()
    result = SYSEXITS.get(run.returncode, Result.UNKNOWN)
    return Outcome(result, f"{command[0]} ended with status {run.returncode}: {said or 'silent'}")


if __name__ == "__main__":
    main()
