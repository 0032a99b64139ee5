# SPDX-License-Identifier: GPL-2.0-or-later
"""Which lines of a mail are orders, and what they say."""

from __future__ import annotations

import base64
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.orders.model import Order
from bot.orders.parse import MAX_LINE, MOST, may_have_order, parse
from bot.sources.mail import parse_mail
from bot.sources.mime import quoted_printable

RULES = ("core-namespace", "pin-pair", "resv-lock")


def one(line: str) -> Order:
    (order,) = parse(f"Hello,\n\n{line}\n\nthanks\n", RULES)
    return order


@pytest.mark.parametrize(
    ("line", "word", "target", "reason"),
    [
        ("dismiss resv-lock it is held", "dismiss", "resv-lock", "it is held"),
        ("dismiss Resv-Lock: it is held", "dismiss", "resv-lock", "it is held"),
        ("dismiss it is held by the caller", "dismiss", "", "it is held by the caller"),
        ("dismiss false-positive", "dismiss", "", "false-positive"),
        ("recheck", "recheck", "", ""),
        ("RECHECK please", "recheck", "", "please"),
        ("stop", "stop", "", ""),
        ("stop. It is noise.", "stop", "", ""),
        ("stop author", "stop", "author", ""),
        ("start author.", "start", "author", ""),
        ("start", "start", "", ""),
        ("explain pin-pair?", "explain", "pin-pair", ""),
        ("leave A@Example.org", "leave", "a@example.org", ""),
        ("leave <a@example.org>", "leave", "a@example.org", ""),
        ("leave linux-media@vger.kernel.org", "leave", "linux-media.vger.kernel.org", ""),
        ("leave patches@lists.example.org", "leave", "patches.lists.example.org", ""),
        ("return <linux-media.vger.kernel.org>", "return", "linux-media.vger.kernel.org", ""),
    ],
)
def test_the_words(line: str, word: str, target: str, reason: str) -> None:
    order = one(f"#revokebot {line}")
    assert (order.word, order.target, order.reason, order.wrong) == (word, target, reason, "")


@pytest.mark.parametrize(
    ("line", "word", "number", "reason"),
    [
        ("approve 12", "approve", 12, ""),
        ("approve #12", "approve", 12, ""),
        ("discard 3 said already", "discard", 3, "said already"),
    ],
)
def test_the_numbers(line: str, word: str, number: int, reason: str) -> None:
    order = one(f"#revokebot {line}")
    assert (order.word, order.number, order.reason) == (word, number, reason)


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("", "there is no order ''; known are dismiss, "),
        ("dismis all", "there is no order 'dismis'; did you mean 'dismiss'?"),
        ("sing", "there is no order 'sing'; known are dismiss, "),
        ("dismiss", "dismiss: say why"),
        ("dismiss resv-lock", "dismiss: say why"),
        ("dismiss resv-lok it is held", "there is no rule 'resv-lok'; did you mean 'resv-lock'?"),
        ("explain", "there is no rule ''; the last line of a reply names its rules"),
        ("explain pin-pear", "there is no rule 'pin-pear'; did you mean 'pin-pair'?"),
        ("approve", "approve: name the number"),
        ("approve all", "approve: name the number"),
        ("discard 1234567890", "discard: name the number"),
        ("leave", "leave: name an address"),
        ("leave me", "leave: name an address"),
        ("return a@b@c", "return: name an address"),
    ],
)
def test_what_is_no_order_says_why(line: str, wrong: str) -> None:
    order = one(f"#revokebot {line}")
    assert order.wrong.startswith(wrong)
    assert order.word == ""


@pytest.mark.parametrize(
    "text",
    [
        "> #revokebot stop\n",
        ">#revokebot stop\n",
        " #revokebot stop\n",
        "the line `#revokebot stop`\n",
        "#revokebots stop\n",
        "#revokebot-stop\n",
        "-- \n#revokebot stop\n",
        "-----Original Message-----\n#revokebot stop\n",
        "From: A U Thor <a@example.org>\nSent: Monday\n\n#revokebot stop\n",
        "__________________________________\nFrom: A\n#revokebot stop\n",
        "+#revokebot stop\n",
    ],
)
def test_quotations_signatures_and_patches_do_not_count(text: str) -> None:
    assert parse(text, RULES) == ()


def test_the_mark_may_be_followed_by_a_colon() -> None:
    assert one("#Revokebot: stop").word == "stop"


def test_there_are_a_few_in_one_mail() -> None:
    orders = parse("#revokebot recheck\n" * 50, RULES)
    assert [order.word for order in orders] == ["recheck"] * MOST + [""]
    assert orders[-1].wrong.startswith(f"more than {MOST} orders")


def test_what_a_mail_says_is_bounded_and_shown_in_the_clear() -> None:
    order = one("#revokebot dismiss \x1b[31m" + "x" * 9000)
    assert len(order.reason) == len(order.line) == MAX_LINE
    assert order.reason.startswith("\\x1b[31mxxx")


def encoded(text: str, encoding: str, shape: str) -> bytes:
    body = text.encode()
    if encoding == "base64":
        body = base64.encodebytes(body)
    elif encoding == "quoted-printable":
        body = quoted_printable(body).replace(b"#", b"=23")
    part = b"Content-Type: text/plain; charset=utf-8\n"
    part += f"Content-Transfer-Encoding: {encoding}\n\n".encode() + body
    if shape == "multipart":
        part = b'Content-Type: multipart/mixed; boundary="b"\n\n--b\n' + part + b"\n--b--\n"
    raw = b"From: a@example.org\nMIME-Version: 1.0\n" + part
    return raw.replace(b"\n", b"\r\n") if shape == "wire" else raw


@pytest.mark.parametrize(
    ("encoding", "shape"),
    list(product(("7bit", "base64", "quoted-printable"), ("plain", "multipart", "wire"))),
)
@pytest.mark.parametrize("before", ["", "Hello,\n\n"])
def test_the_cheap_test_sees_through_encodings(encoding: str, shape: str, before: str) -> None:
    raw = encoded(f"{before}#Revokebot stop\nthanks\n", encoding, shape)
    assert may_have_order(raw)
    assert [order.word for order in parse(parse_mail(raw).text, RULES)] == ["stop"]
    raw = encoded(f"{before}> #revokebot stop\nthanks\n", encoding, shape)
    assert not may_have_order(raw)


@given(st.text(alphabet="#revokbt =23\n>- stop", max_size=300))
def test_the_cheap_test_never_says_a_wrong_no(text: str) -> None:
    raw = b"From: a@example.org\n\n" + text.encode()
    assert may_have_order(raw) or not parse(parse_mail(raw).text, RULES)
