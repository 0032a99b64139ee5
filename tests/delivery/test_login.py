# SPDX-License-Identifier: GPL-2.0-or-later
"""Logins over TLS on a real SMTP server, and none where TLS does not verify."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.delivery import deliver
from bot.outgoing import Result
from tests.delivery.conftest import ENVELOPE, RAW, SETTINGS, Configure
from tests.delivery.good import Good, serving
from tests.delivery.tls import certificate

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")

ENCRYPTIONS = ("tls", "ssl")


@pytest.fixture(params=ENCRYPTIONS)
def good(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Good]:
    """The server with STARTTLS, and with TLS from the first byte."""
    with serving(tmp_path, request.param) as good:
        yield good


def test_login_over_verified_tls(configure: Configure, good: Good) -> None:
    configure(**good.login(smtppass="right"))
    outcome = deliver(ENVELOPE, SETTINGS._replace(ca_file=good.pem))
    assert outcome.result is Result.SENT, outcome
    assert good.keeper.mails == [RAW.replace(b"\n", b"\r\n")]


def test_a_wrong_password_is_not_tried_again(configure: Configure, good: Good) -> None:
    configure(**good.login(smtppass="wrong"))
    outcome = deliver(ENVELOPE, SETTINGS._replace(ca_file=good.pem))
    assert outcome.result is Result.REFUSED, outcome
    assert outcome.words.startswith("535")
    assert good.keeper.mails == []


def test_password_of_a_credential_helper(configure: Configure, good: Good, tmp_path: Path) -> None:
    configure(**good.login())
    with open(tmp_path / "home/.gitconfig", "a") as file:
        file.write('[credential]\n\thelper = "!echo password=right; true"\n')
    assert deliver(ENVELOPE, SETTINGS._replace(ca_file=good.pem)).result is Result.SENT
    assert len(good.keeper.mails) == 1


@pytest.mark.parametrize("encryption", ENCRYPTIONS)
@pytest.mark.parametrize("wrong", ["name", "authority"])
def test_a_certificate_that_does_not_verify(
    configure: Configure, tmp_path: Path, encryption: str, wrong: str
) -> None:
    other, _context = certificate(tmp_path, "ca.example.org")
    name = "smtp.example.org" if wrong == "name" else "127.0.0.1"
    with serving(tmp_path, encryption, name) as server:
        configure(**server.login(smtppass="right"))
        ca = other if wrong == "authority" else server.pem
        outcome = deliver(ENVELOPE, SETTINGS._replace(ca_file=ca))
    assert outcome.result is Result.REFUSED, outcome
    assert "certificate verify failed" in outcome.words
    assert (server.keeper.mails, server.keeper.mechanisms) == ([], [])


def test_git_may_name_the_authority(configure: Configure, good: Good) -> None:
    configure(**good.login(smtppass="right", smtpsslcertpath=good.pem))
    assert deliver(ENVELOPE, SETTINGS).result is Result.SENT


def test_login_with_a_token(configure: Configure, good: Good) -> None:
    configure(**good.login(smtpauth="XOAUTH2", smtppass="right"))
    outcome = deliver(ENVELOPE, SETTINGS._replace(ca_file=good.pem))
    assert outcome.result is Result.SENT, outcome
    assert good.keeper.mechanisms == ["XOAUTH2"]
    assert good.keeper.mails == [RAW.replace(b"\n", b"\r\n")]


def test_a_token_that_is_not_taken(configure: Configure, good: Good) -> None:
    """The server tells why in a challenge, which wants an empty answer before it refuses."""
    configure(**good.login(smtpauth="XOAUTH2", smtppass="stale"))
    outcome = deliver(ENVELOPE, SETTINGS._replace(ca_file=good.pem))
    assert outcome.result is Result.REFUSED, outcome
    assert outcome.words.startswith("535")
    assert (good.keeper.answers, good.keeper.mails) == ([b""], [])
