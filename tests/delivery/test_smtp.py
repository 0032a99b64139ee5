# SPDX-License-Identifier: GPL-2.0-or-later
"""What each misbehaviour of a mail server means for the mail, and that none holds us up."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email import message_from_bytes

import pytest

from bot.delivery import deliver
from bot.outgoing import Result
from tests.delivery.conftest import ENVELOPE, LARGE, RAW, SETTINGS, Configure
from tests.delivery.server import DOT, GREETING, Scripted

STEPS = (GREETING, "EHLO", "MAIL", "RCPT", "DATA")

FATES = [
    *(({step: "hang"}, Result.LATER, 0) for step in STEPS),
    *(({step: "drop"}, Result.LATER, 0) for step in STEPS),
    *(({step: "421 4.3.2 going down"}, Result.LATER, 0) for step in STEPS if step != "EHLO"),
    *(({"MAIL": f"{code} no"}, Result.LATER, 0) for code in (450, 451, 452)),
    *(({"RCPT": f"{code} no"}, Result.LATER, 0) for code in (450, 451, 452)),
    *(({"DATA": f"{code} no"}, Result.LATER, 0) for code in (450, 451)),
    *(({step: "550 no"}, Result.REFUSED, 0) for step in ("MAIL", "RCPT", "DATA")),
    ({GREETING: "554 no"}, Result.REFUSED, 0),
    ({GREETING: "garbage"}, Result.LATER, 0),
    # So short a mail is on its way, dot and all, before the sender can hear of it.
    ({"body": "drop"}, Result.UNKNOWN, 0),
    ({DOT: "421 4.3.2 going down"}, Result.LATER, 1),
    ({DOT: "452 4.3.1 full"}, Result.LATER, 1),
    ({DOT: "552 5.3.4 too big"}, Result.REFUSED, 1),
    ({DOT: "hang"}, Result.UNKNOWN, 1),
    ({DOT: "drop"}, Result.UNKNOWN, 1),
    ({DOT: "garbage"}, Result.UNKNOWN, 1),
    ({"QUIT": "hang"}, Result.SENT, 1),
    ({"QUIT": "drop"}, Result.SENT, 1),
]


@pytest.mark.parametrize(
    ("script", "result", "dots"), FATES, ids=["-".join(*row[0].items()) for row in FATES]
)
def test_fate(configure: Configure, script: Mapping[str, str], result: Result, dots: int) -> None:
    with Scripted(script) as server:
        configure(smtpserver="127.0.0.1", smtpserverport=server.port)
        start = time.monotonic()
        outcome = deliver(ENVELOPE, SETTINGS)
        assert time.monotonic() - start < SETTINGS.deadline + 1
    assert (outcome.result, len(server.taken)) == (result, dots), outcome
    assert outcome.words
    assert "\n" not in outcome.words
    (answer,) = script.values()
    if answer[0].isdigit():
        assert answer in outcome.words


def test_a_server_that_is_not_there_is_named(configure: Configure) -> None:
    with Scripted({}) as server:
        port = server.port
    configure(smtpserver="127.0.0.1", smtpserverport=port)
    outcome = deliver(ENVELOPE, SETTINGS)
    assert outcome == (Result.LATER, f"127.0.0.1:{port}: Connection refused", {})


def test_the_mail_arrives_as_it_is(configure: Configure) -> None:
    with Scripted({}) as server:
        configure(smtpserver="127.0.0.1", smtpserverport=server.port)
        outcome = deliver(ENVELOPE, SETTINGS)
    assert outcome == (Result.SENT, "250 2.0.0 queued as 4711", {})
    assert server.taken == [RAW.replace(b"\n", b"\r\n")]
    mail = next(line for line in server.heard if line.startswith("mail"))
    assert mail == f"mail FROM:<bot@example.org> size={len(server.taken[0])} BODY=8BITMIME"
    recipients = [line for line in server.heard if line.startswith("rcpt")]
    assert recipients == ["rcpt TO:<author@example.org>", "rcpt TO:<list@example.org>"]


def test_a_mail_cut_off_before_its_end_goes_later(configure: Configure) -> None:
    """One that is larger than all buffers on the way, so that the loss is noticed in its middle."""
    with Scripted({"body": "drop"}) as server:
        configure(smtpserver="127.0.0.1", smtpserverport=server.port)
        outcome = deliver(ENVELOPE._replace(raw=LARGE), SETTINGS._replace(deadline=60.0))
    assert (outcome.result, server.taken) == (Result.LATER, []), outcome
    assert "deadline" not in outcome.words


def test_the_deadline_holds_against_a_trickle(configure: Configure) -> None:
    with Scripted({DOT: "trickle"}) as server:
        configure(smtpserver="127.0.0.1", smtpserverport=server.port)
        start = time.monotonic()
        outcome = deliver(ENVELOPE, SETTINGS._replace(deadline=3.0))
        assert time.monotonic() - start < 4
    assert outcome.result is Result.UNKNOWN, outcome
    assert "deadline" in outcome.words


def test_refused_recipients_are_named(configure: Configure) -> None:
    with Scripted({"list@example.org": "550 5.1.1 nobody"}) as server:
        configure(smtpserver="127.0.0.1", smtpserverport=server.port)
        outcome = deliver(ENVELOPE, SETTINGS)
    assert outcome.result is Result.SENT
    assert outcome.refused == {"list@example.org": "550 5.1.1 nobody"}
    assert len(server.taken) == 1


def test_one_who_may_be_let_in_later_keeps_the_mail(configure: Configure) -> None:
    script = {"author@example.org": "451 greylisted", "list@example.org": "550 5.1.1 nobody"}
    with Scripted(script) as server:
        configure(smtpserver="127.0.0.1", smtpserverport=server.port)
        outcome = deliver(ENVELOPE, SETTINGS)
    assert outcome.result is Result.LATER
    assert server.taken == []


def test_no_server(configure: Configure) -> None:
    with Scripted({}) as server:
        port = server.port
    configure(smtpserver="127.0.0.1", smtpserverport=port)
    assert deliver(ENVELOPE, SETTINGS).result is Result.LATER


def test_a_server_of_seven_bits_gets_seven(configure: Configure) -> None:
    with Scripted({"EHLO": "250 localhost"}) as server:
        configure(smtpserver="127.0.0.1", smtpserverport=server.port)
        assert deliver(ENVELOPE, SETTINGS).result is Result.SENT
    (taken,) = server.taken
    assert taken.isascii()
    body = message_from_bytes(taken).get_payload(decode=True)
    assert isinstance(body, bytes)
    assert body.replace(b"\r\n", b"\n") == RAW.partition(b"\n\n")[2]


@pytest.mark.parametrize(
    "change",
    [
        {"raw": RAW + b"x" * 999 + b"\n"},
        {"raw": RAW + b"\0"},
        {"raw": b"Bcc: x@example.org\n" + RAW},
        {"raw": b"no header\n\n"},
        {"recipients": ()},
        {"recipients": ("-oQ/tmp@example.org",)},
        {"recipients": ("a@example.org> SIZE=1\r\nRSET",)},
        {"sender": ""},
    ],
    ids=str,
)
def test_unfit_mails_do_not_leave(configure: Configure, change: dict[str, object]) -> None:
    configure(sendmailcmd="/bin/false")
    outcome = deliver(ENVELOPE._replace(**change), SETTINGS)  # type: ignore[arg-type]
    assert outcome.result is Result.REFUSED
    assert "not sent" in outcome.words
