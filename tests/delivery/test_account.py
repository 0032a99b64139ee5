# SPDX-License-Identifier: GPL-2.0-or-later
"""What git's settings ask for beside a plain server: commands, signatures, and what cannot work."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import patatt
import pytest

from bot.delivery import b4, deliver
from bot.outgoing import Result
from tests.delivery.conftest import ENVELOPE, RAW, SETTINGS, Configure, Key
from tests.delivery.server import Scripted


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


@pytest.mark.parametrize("config", ["", "[user]\n\tname = revokebot\n", "[sendemail"])
def test_a_server_that_nobody_chose_gets_nothing(
    configure: Configure, tmp_path: Path, config: str
) -> None:
    (tmp_path / "home/.gitconfig").write_text(config)
    outcome = deliver(ENVELOPE, SETTINGS)
    assert outcome.result is Result.LATER
    assert "git has no sendemail settings; set sendemail.smtpServer" in outcome.words


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
