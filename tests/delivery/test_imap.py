# SPDX-License-Identifier: GPL-2.0-or-later
"""Drafts in a folder of a real IMAP server: there once, whole, and only over a safe way."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from bot.delivery import deliver
from bot.delivery.imap_folder import connect, why
from bot.delivery.imap_url import from_utf7, place_of, utf7
from bot.errors import UsageError
from bot.outgoing import Result
from bot.settings import DeliverySettings
from tests.delivery.conftest import ENVELOPE, RAW, SETTINGS, Configure
from tests.delivery.dovecot import PASSWORD, Dovecot, Wire, running
from tests.delivery.tls import certificate

DATED = ENVELOPE._replace(raw=b"Date: Mon, 02 Nov 2026 09:00:00 +0100\n" + RAW)
USER = "bot"


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with running() as server:
        yield server


@pytest.fixture
def dovecot(server: Dovecot) -> Dovecot:
    """The server, whose user has an empty folder `Drafts` and no other."""
    for folder in (server.folder / "mail").glob(f"{USER}/Maildir"):
        folder.rename(server.folder / f"old-{time.monotonic_ns()}")
    server.create(USER, "Drafts")
    return server


@pytest.fixture
def settings(tmp_path: Path, dovecot: Dovecot) -> DeliverySettings:
    """As of a user with STARTTLS and a password file."""
    (tmp_path / "password").write_text(f"{PASSWORD}\nnot this line\n")
    return SETTINGS._replace(
        via="imap",
        imap_url=f"imap://{USER}@127.0.0.1:{dovecot.port}/Drafts",
        password_file=tmp_path / "password",
        ca_file=dovecot.pem,
    )


def through(wire: Wire, settings: DeliverySettings) -> DeliverySettings:
    return settings._replace(imap_url=f"imap://{USER}@127.0.0.1:{wire.port}/Drafts")


def test_a_draft_is_there_once(dovecot: Dovecot, settings: DeliverySettings) -> None:
    other = ENVELOPE._replace(msgid="revokebot-2@example.org", raw=RAW.replace(b"-1@", b"-2@"))
    first, *more = (deliver(envelope, settings) for envelope in (DATED, other, DATED))
    assert first == (Result.SENT, f"draft in {settings.imap_url}", {})
    assert [outcome.words for outcome in more] == [
        f"draft in {settings.imap_url}",
        f"{settings.imap_url}: it is there already",
    ]
    box = dovecot.box(USER)
    assert {box.get_bytes(key) for key in box.iterkeys()} == {DATED.raw, other.raw}
    assert [message.get_flags() for message in box] == ["DS", "DS"]
    assert "date.received: 2026-11-02 08:00:00" in dovecot.fetch(USER, "date.received")


def test_a_draft_that_was_looked_at_is_left_alone(
    dovecot: Dovecot, settings: DeliverySettings
) -> None:
    deliver(ENVELOPE, settings)
    box = dovecot.box(USER)
    (key,) = box.keys()
    message = box[key]
    message.set_flags("FST")
    box[key] = message
    assert "already" in deliver(ENVELOPE, settings).words
    (message,) = dovecot.box(USER)
    assert message.get_flags() == "FST"


def test_the_line_ends_are_those_of_mail(dovecot: Dovecot, settings: DeliverySettings) -> None:
    with Wire(dovecot) as wire:
        assert deliver(ENVELOPE, through(wire, settings)).result is Result.SENT
    crlf = RAW.replace(b"\n", b"\r\n")
    assert rb'"Drafts" (\Draft \Seen) "' in wire.heard
    assert b"{%d}\r\n%b\r\n" % (len(crlf), crlf) in wire.heard


STEPS = ("* OK [CAPABILITY", "Pre-login", "Logged in", "Examine completed", "Search completed")
FATES = [
    *((step, how, Result.LATER, 0) for step in (*STEPS, "+ OK") for how in ("hang", "drop")),
    ("* OK [CAPABILITY", "garbage", Result.LATER, 0),
    ("* OK [CAPABILITY", "* BYE too many of you", Result.LATER, 0),
    ("Search completed", "garbage", Result.LATER, 0),
    *(
        ("Append completed", how, Result.UNKNOWN, 1)
        for how in ("hang", "drop", "garbage", "* BYE going down", "trickle")
    ),
]


@pytest.mark.parametrize(("step", "how", "result", "mails"), FATES)
def test_fate(
    dovecot: Dovecot,
    settings: DeliverySettings,
    step: str,
    how: str,
    result: Result,
    mails: int,
) -> None:
    with Wire(dovecot, step, how) as wire:
        start = time.monotonic()
        outcome = deliver(ENVELOPE, through(wire, settings)._replace(deadline=4.0))
        assert time.monotonic() - start < 5
    assert (outcome.result, len(dovecot.box(USER))) == (result, mails), outcome
    assert outcome.words
    assert "\n" not in outcome.words
    assert deliver(ENVELOPE, settings).result is Result.SENT
    assert len(dovecot.box(USER)) == 1


ANSWERS = {
    "NO [OVERQUOTA] full": Result.LATER,
    "NO [NOPERM] not you": Result.REFUSED,
    "BAD what?": Result.REFUSED,
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_mail_that_is_not_taken(
    dovecot: Dovecot, settings: DeliverySettings, answer: str
) -> None:
    def instead() -> str:
        tag = re.findall(rb"(\w+) APPEND", wire.heard)[-1].decode()
        return f"{tag} {answer}"

    with Wire(dovecot, "Append completed", instead) as wire:
        outcome = deliver(ENVELOPE, through(wire, settings))
    assert outcome.result is ANSWERS[answer], outcome
    assert answer.partition(" ")[2] in outcome.words


@pytest.mark.parametrize("scheme", ["imaps", "imap"])
@pytest.mark.parametrize("wrong", ["", "name", "authority"])
def test_certificates(
    dovecot: Dovecot, settings: DeliverySettings, tmp_path: Path, scheme: str, wrong: str
) -> None:
    port = dovecot.tls_port if scheme == "imaps" else dovecot.port
    host = "localhost" if wrong == "name" else "127.0.0.1"
    pem = dovecot.pem
    if wrong == "authority":
        pem, _context = certificate(tmp_path, "ca.example.org")
    url = f"{scheme}://{USER}@{host}:{port}/Drafts"
    outcome = deliver(ENVELOPE, settings._replace(imap_url=url, ca_file=pem))
    assert outcome.result is (Result.REFUSED if wrong else Result.SENT), outcome
    assert ("certificate verify failed" in outcome.words) == bool(wrong)
    assert len(dovecot.box(USER)) == (0 if wrong else 1)


def test_no_login_where_starttls_is_taken_out(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda _host, port, *rest: resolve("127.0.0.1", port, *rest)
    )
    with Wire(dovecot) as wire:
        place = place_of(f"imap://{USER}@imap.example.org:{wire.port}/Drafts")
        with pytest.raises(Exception, match="no STARTTLS") as caught:
            connect(place, PASSWORD, None, 5.0, lambda _stage: None)
    assert why(caught.value, place, None).result is Result.REFUSED
    assert re.findall(rb"^\w+ (\w+)", wire.heard) == [b"CAPABILITY"]


@pytest.mark.parametrize(
    ("password", "result", "says"),
    [
        ("wrong\n", Result.REFUSED, "AUTHENTICATIONFAILED"),
        ("\n", Result.LATER, "empty"),
        (None, Result.LATER, "cannot be read"),
    ],
)
def test_a_password_that_does_not_do(
    dovecot: Dovecot, settings: DeliverySettings, password: str | None, result: Result, says: str
) -> None:
    assert settings.password_file is not None
    settings.password_file.write_bytes(b"\xff" if password is None else password.encode())
    outcome = deliver(ENVELOPE, settings)
    assert outcome.result is result
    assert says in outcome.words


def test_password_of_a_credential_helper(
    dovecot: Dovecot, settings: DeliverySettings, configure: Configure, tmp_path: Path
) -> None:
    configure()
    settings = settings._replace(password_file=None)
    outcome = deliver(ENVELOPE, settings)
    assert outcome.result is Result.LATER
    assert "git credential approve" in outcome.words
    with open(tmp_path / "home/.gitconfig", "a") as file:
        file.write(
            f'[credential]\n\thelper = "!cat >{tmp_path}/asked; echo password={PASSWORD}; true"\n'
        )
    assert deliver(ENVELOPE, settings).result is Result.SENT
    asked = (tmp_path / "asked").read_text().splitlines()
    assert {"protocol=imap", f"host=127.0.0.1:{dovecot.port}", f"username={USER}"} <= set(asked)


def test_a_missing_folder_is_not_made(dovecot: Dovecot, settings: DeliverySettings) -> None:
    dovecot.create(USER, "Entwürfe")
    outcome = deliver(ENVELOPE, settings._replace(imap_url=settings.imap_url + "/no"))
    assert outcome.result is Result.LATER
    assert "create the folder, or name one of Drafts, Entwürfe, INBOX" in outcome.words


NAMES = ["Entwürfe", "Q&A", '"both" \\ ways', "下書き 📝", "a b%20c"]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_folders(dovecot: Dovecot, settings: DeliverySettings, name: str) -> None:
    dovecot.create(USER, name)
    url = settings.imap_url.replace("/Drafts", "/" + quote(name, safe=""))
    outcome = deliver(ENVELOPE, settings._replace(imap_url=url))
    assert outcome.result is Result.SENT, outcome
    assert len(dovecot.fetch(USER, "uid", name).split()) == 2
    assert len(dovecot.box(USER)) == 0


@pytest.mark.parametrize("name", [*NAMES, "&", "INBOX.Drafts", "\u00fc-\u00fc,/"])
def test_modified_utf7_there_and_back(name: str) -> None:
    assert utf7(name).isascii()
    assert from_utf7(utf7(name)) == name


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "must start with"),
        ("https://a@example.org/x", "must start with"),
        ("imaps://bot:secret@example.org/Drafts", "no password"),
        ("imaps://example.org/Drafts", "user"),
        ("imaps://bot@example.org/", "folder"),
        ("imaps://bot@example.org:port/Drafts", "Port"),
        ("imaps://bot@example.org/Drafts?x", "%3F"),
        ("imaps://bot%0a@example.org/Drafts", "control"),
    ],
)
def test_urls_that_are_none(url: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        deliver(ENVELOPE, SETTINGS._replace(via="imap", imap_url=url))
    assert "delivery.imap_url" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_url_is_read() -> None:
    place: Any = place_of("imaps://a%40example.org@IMAP.example.org/Entw%C3%BCrfe/neu")
    assert place == ("imaps", "imap.example.org", 993, "a@example.org", "Entwürfe/neu")
    assert str(place) == "imaps://a@example.org@imap.example.org/Entwürfe/neu"
