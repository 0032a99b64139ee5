# SPDX-License-Identifier: GPL-2.0-or-later
"""b4's web endpoint: a mail that it can verify, and what each of its answers means."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.delivery import check, deliver
from bot.errors import UsageError
from bot.outgoing import Result
from bot.settings import DeliverySettings
from tests.delivery.conftest import ENVELOPE, LARGE, RAW, SETTINGS, Configure, Key
from tests.delivery.endpoint import Endpoint
from tests.delivery.tls import certificate

BOT = ENVELOPE.sender
Aim = Callable[[str], DeliverySettings]


@pytest.fixture
def aim(configure: Configure, key: Key, tmp_path: Path) -> Aim:
    """Writes an endpoint's URL into the user's git configuration."""

    def write(url: str) -> DeliverySettings:
        configure()
        with open(tmp_path / "home/.gitconfig", "a") as file:
            file.write(f'[b4]\n\tsend-endpoint-web = "{url}"\n')
        return SETTINGS._replace(via="web", sign=key.secret)

    return write


def test_the_endpoint_gets_the_mail_signed(aim: Aim, key: Key, tmp_path: Path) -> None:
    pem, context = certificate(tmp_path, "127.0.0.1")
    with Endpoint(BOT, key.public, tls=context) as endpoint:
        outcome = deliver(ENVELOPE, aim(endpoint.url)._replace(ca_file=pem))
    assert outcome == (Result.SENT, f"{endpoint.url}: HTTP 200: Sent 1", {})
    ((mail, recipients),) = endpoint.sent
    head, _blank, body = RAW.partition(b"\n\n")
    assert mail.startswith(head)
    assert mail.endswith(b"\n\n" + body)
    assert tuple(recipients) == ENVELOPE.recipients


def test_an_endpoint_for_patches_refuses_replies(aim: Aim, key: Key) -> None:
    with Endpoint(BOT, key.public, "patches") as endpoint:
        outcome = deliver(ENVELOPE, aim(endpoint.url))
    assert (outcome.result, endpoint.sent) == (Result.REFUSED, [])
    assert "only accepts patches" in outcome.words


@pytest.mark.parametrize("wrong", ["key", "address"])
def test_a_key_that_is_not_known(aim: Aim, key: Key, wrong: str) -> None:
    public = key.public if wrong == "address" else b"A" * 43 + b"="
    identity = "other@example.org" if wrong == "address" else BOT
    with Endpoint(identity, public) as endpoint:
        outcome = deliver(ENVELOPE, aim(endpoint.url))
    assert (outcome.result, endpoint.sent) == (Result.REFUSED, [])
    assert "Signature validation failed" in outcome.words


FATES = {
    "403 go away": Result.REFUSED,
    "404 ": Result.REFUSED,
    "413 too big": Result.REFUSED,
    "429 slower": Result.LATER,
    "503 down for an hour": Result.LATER,
    "307 there": Result.REFUSED,
    '500 {"result": "error", "message": "no\\nway"}': Result.REFUSED,
    '200 {"result": "error", "message": "no way"}': Result.REFUSED,
    '200 {"result": "maybe"}': Result.UNKNOWN,
    '500 {"result": "success"}': Result.UNKNOWN,
    "500 it fell over": Result.UNKNOWN,
    "502 bad gateway": Result.UNKNOWN,
    "504 gateway timeout": Result.UNKNOWN,
    "200 <html>": Result.UNKNOWN,
    "200 ": Result.UNKNOWN,
    '200 ["result", "success"]': Result.UNKNOWN,
    "200 " + "[" * 60_000: Result.UNKNOWN,
    '200 {"result": "success", "x": "' + "x" * 100_000 + '"}': Result.UNKNOWN,
    "hang": Result.UNKNOWN,
    "drop": Result.UNKNOWN,
    "trickle": Result.UNKNOWN,
}


@pytest.mark.parametrize("how", FATES, ids=[how[:40] for how in FATES])
def test_fate(aim: Aim, key: Key, how: str) -> None:
    with Endpoint(BOT, key.public, how) as endpoint:
        start = time.monotonic()
        outcome = deliver(ENVELOPE, aim(endpoint.url)._replace(deadline=4.0))
        assert time.monotonic() - start < 5
    assert outcome.result is FATES[how], outcome
    assert endpoint.requests == 1
    assert outcome.words.isprintable()
    assert len(outcome.words) <= 500
    if how[0].isdigit():
        assert f"HTTP {how[:3]}: " in outcome.words


def test_a_mail_that_could_not_be_handed_over_whole_goes_later(aim: Aim, key: Key) -> None:
    """One that is larger than all buffers on the way."""
    with Endpoint(BOT, key.public, "mute") as endpoint:
        settings = aim(endpoint.url)._replace(deadline=60.0)
        outcome = deliver(ENVELOPE._replace(raw=LARGE), settings)
    assert (outcome.result, endpoint.sent) == (Result.LATER, []), outcome
    assert "timed out" in outcome.words


def test_no_server(aim: Aim, key: Key) -> None:
    with Endpoint(BOT, key.public) as endpoint:
        url = endpoint.url
    assert deliver(ENVELOPE, aim(url)).result is Result.LATER


@pytest.mark.parametrize("wrong", ["name", "authority"])
def test_a_certificate_that_does_not_verify(aim: Aim, key: Key, tmp_path: Path, wrong: str) -> None:
    pem, context = certificate(tmp_path, "web.example.org" if wrong == "name" else "127.0.0.1")
    if wrong == "authority":
        pem, _context = certificate(tmp_path, "ca.example.org")
    with Endpoint(BOT, key.public, tls=context) as endpoint:
        outcome = deliver(ENVELOPE, aim(endpoint.url)._replace(ca_file=pem))
    assert outcome.result is Result.REFUSED, outcome
    assert "certificate verify failed" in outcome.words
    assert endpoint.requests == 0


@pytest.mark.parametrize(
    "url", ["", "web.example.org", "http://web.example.org/", "https://a:b@web.example.org/"]
)
def test_urls_that_no_mail_is_given_to(aim: Aim, url: str) -> None:
    outcome = deliver(ENVELOPE, aim(url))
    assert outcome.result is Result.LATER
    assert "b4.send-endpoint-web" in outcome.words


def test_without_a_key_nothing_is_sent() -> None:
    with pytest.raises(UsageError, match=r"delivery\.sign"):
        check(SETTINGS._replace(via="web"))


def test_by_b4_is_by_smtp_and_never_by_a_guess(aim: Aim, key: Key) -> None:
    """b4 itself takes the endpoint where git has no server; we ask which is meant."""
    with Endpoint(BOT, key.public) as endpoint:
        outcome = deliver(ENVELOPE, aim(endpoint.url)._replace(via="b4"))
    assert (outcome.result, endpoint.requests) == (Result.LATER, 0)
    assert "delivery.via" in outcome.words
