# SPDX-License-Identifier: GPL-2.0-or-later
"""Servers that ask for TLS and a login, real ones, and commands in place of a server."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import patatt
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from bot.delivery import b4, deliver
from bot.outgoing import Result
from tests.delivery.conftest import ENVELOPE, RAW, SETTINGS, Configure, Key
from tests.delivery.server import Scripted
from tests.delivery.tls import certificate


class Keeper:
    """aiosmtpd's handler: keeps what arrives."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(envelope.original_content)
        return "250 kept"


def login(port: int) -> dict[str, object]:
    """What git is told of a server that wants TLS and a password."""
    return {
        "smtpserver": "127.0.0.1",
        "smtpserverport": port,
        "smtpencryption": "tls",
        "smtpuser": "bot",
    }


def check_login(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=(data.login, data.password) == (b"bot", b"right"), handled=False)


@pytest.fixture
def good(tmp_path: Path) -> Iterator[tuple[Controller, Keeper, Path]]:
    """A real server with STARTTLS, and a login after it."""
    pem, context = certificate(tmp_path, "127.0.0.1")
    keeper = Keeper()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(
        keeper,
        hostname="127.0.0.1",
        port=port,
        tls_context=context,
        require_starttls=True,
        authenticator=check_login,
        auth_required=True,
    )
    controller.start()
    yield controller, keeper, pem
    controller.stop()


def test_login_over_verified_tls(
    configure: Configure, good: tuple[Controller, Keeper, Path]
) -> None:
    controller, keeper, pem = good
    configure(
        **login(controller.port),
        smtppass="right",
    )
    outcome = deliver(ENVELOPE, SETTINGS._replace(ca_file=pem))
    assert outcome.result is Result.SENT, outcome
    assert keeper.mails == [RAW.replace(b"\n", b"\r\n")]


def test_a_wrong_password_is_not_tried_again(
    configure: Configure, good: tuple[Controller, Keeper, Path]
) -> None:
    controller, keeper, pem = good
    configure(
        **login(controller.port),
        smtppass="wrong",
    )
    outcome = deliver(ENVELOPE, SETTINGS._replace(ca_file=pem))
    assert outcome.result is Result.REFUSED, outcome
    assert outcome.words.startswith("535")
    assert keeper.mails == []


def test_password_of_a_credential_helper(
    configure: Configure, good: tuple[Controller, Keeper, Path], tmp_path: Path
) -> None:
    controller, keeper, pem = good
    configure(
        **login(controller.port),
    )
    with open(tmp_path / "home/.gitconfig", "a") as file:
        file.write('[credential]\n\thelper = "!echo password=right; true"\n')
    assert deliver(ENVELOPE, SETTINGS._replace(ca_file=pem)).result is Result.SENT
    assert len(keeper.mails) == 1


@pytest.mark.parametrize("wrong", ["name", "authority"])
def test_a_certificate_that_does_not_verify(
    configure: Configure, tmp_path: Path, wrong: str
) -> None:
    pem, context = certificate(tmp_path, "smtp.example.org" if wrong == "name" else "127.0.0.1")
    if wrong == "authority":
        pem, _context = certificate(tmp_path, "ca.example.org")
    with Scripted({"EHLO": "250-localhost\r\n250 STARTTLS"}, context) as server:
        configure(
            **login(server.port),
            smtppass="secret",
        )
        outcome = deliver(ENVELOPE, SETTINGS._replace(ca_file=pem))
    assert outcome.result is Result.REFUSED, outcome
    assert "certificate verify failed" in outcome.words
    assert server.taken == []
    assert not any("AUTH" in line.upper() for line in server.heard)


def test_no_starttls_no_mail(configure: Configure) -> None:
    with Scripted({}) as server:
        configure(smtpserver="127.0.0.1", smtpserverport=server.port, smtpencryption="tls")
        outcome = deliver(ENVELOPE, SETTINGS)
    assert outcome.result is Result.REFUSED
    assert not any(line.startswith("mail") for line in server.heard)


def test_no_login_without_tls_beyond_this_machine(configure: Configure) -> None:
    configure(smtpserver="smtp.example.org", smtpuser="bot", smtppass="secret")
    outcome = deliver(ENVELOPE, SETTINGS)
    assert outcome.result is Result.REFUSED
    assert "smtpEncryption" in outcome.words


STATUS = {0: Result.SENT, 67: Result.REFUSED, 75: Result.LATER, 1: Result.UNKNOWN}


@pytest.mark.parametrize("status", STATUS)
def test_command(configure: Configure, tmp_path: Path, status: int) -> None:
    script = tmp_path / "sendmail"
    script.write_text(
        f'#!/bin/sh\ncat > {tmp_path}/mail\necho "$@" > {tmp_path}/args\npwd > {tmp_path}/cwd\n'
        f"echo words >&2\nexit {status}\n"
    )
    script.chmod(0o755)
    configure(sendmailcmd=script)
    outcome = deliver(ENVELOPE, SETTINGS)
    assert outcome.result is STATUS[status]
    assert f"status {status}: words" in outcome.words
    assert (tmp_path / "mail").read_bytes() == RAW
    assert (tmp_path / "args").read_text() == "-i author@example.org list@example.org\n"
    assert "revokebot-" in (tmp_path / "cwd").read_text()


def test_a_command_that_hangs_may_have_sent(configure: Configure, tmp_path: Path) -> None:
    script = tmp_path / "sendmail"
    script.write_text("#!/bin/sh\nexec sleep 30\n")
    script.chmod(0o755)
    configure(sendmailcmd=script)
    assert deliver(ENVELOPE, SETTINGS._replace(deadline=2)).result is Result.UNKNOWN


DEATHS = {
    "raise SystemExit(3)": Result.LATER,
    "print('garbage ' * 9)": Result.LATER,
    "from bot.child import Out; Out().stage('ready'); 1 / 0": Result.LATER,
    "from bot.child import Out; Out().stage('dot'); 1 / 0": Result.UNKNOWN,
    "from bot.child import Out; Out().stage('dot'); import os; os.kill(os.getpid(), 9)": (
        Result.UNKNOWN
    ),
}


@pytest.mark.parametrize("script", DEATHS)
def test_death_of_the_child(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    monkeypatch.setattr(b4, "_START", f"import sys; sys.path.insert(0, sys.argv[1]); {script}")
    outcome = deliver(ENVELOPE, SETTINGS)
    assert outcome.result is DEATHS[script], outcome


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "smtpServerPort"),
        ({"identity": "absent"}, "delivery.identity 'absent'"),
        ({"sign": "ed25519:absent"}, "delivery.sign"),
    ],
    ids=str,
)
def test_a_configuration_that_cannot_work_is_told(
    configure: Configure, settings: dict[str, Any], says: str
) -> None:
    configure(smtpserver="127.0.0.1", smtpserverport="none")
    outcome = deliver(ENVELOPE, SETTINGS._replace(**settings))
    assert outcome.result is Result.LATER
    assert re.search(says, outcome.words), outcome


def test_signed_mail_verifies(configure: Configure, key: Key) -> None:
    with Scripted({}) as server:
        configure(smtpserver="127.0.0.1", smtpserverport=server.port)
        outcome = deliver(ENVELOPE, SETTINGS._replace(sign=key.secret))
    assert outcome.result is Result.SENT, outcome
    mail = server.taken[0].replace(b"\r\n", b"\n")
    assert mail.startswith(RAW.partition(b"\n\n")[0])
    assert mail.endswith(RAW.partition(b"\n\n")[2])
    signed = patatt.PatattMessage(mail)
    (signature,) = signed.get_sigs()
    assert signature.get_field_as_str("i") == "bot@example.org"
    signed.validate("bot@example.org", key.public)
    with pytest.raises(patatt.ValidationError):
        patatt.PatattMessage(mail.replace(b"toy_first", b"toy_other")).validate(
            "bot@example.org", key.public
        )
