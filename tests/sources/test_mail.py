# SPDX-License-Identifier: GPL-2.0-or-later
"""A mail in every transfer encoding, charset and shape; and mails made to break parsers."""

from __future__ import annotations

import time
from base64 import encodebytes
from binascii import b2a_qp
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model import Address, Mail
from bot.sources.body import split_body
from bot.sources.mail import Scan, parse_mail, read_mail, scan
from bot.sources.series import assemble
from tests.sources.mails import AUTHOR, BODY, DIFF, mail

FOOTER = b"_______________________________________________\nsome-list mailing list\n"


def encoded(body: bytes, encoding: str, charset: str = "utf-8") -> bytes:
    head = f"From: {AUTHOR}\nSubject: [PATCH] x\nMessage-ID: <1@x>\nContent-Transfer-Encoding: {encoding}\n"
    head += f"Content-Type: text/plain; charset={charset}\n\n"
    if encoding == "base64":
        body = encodebytes(body)
    elif encoding == "quoted-printable":
        body = b2a_qp(body)
    return head.encode() + body


def kinds(found: Mail) -> list[str]:
    return [problem.kind for problem in found.problems]


def test_headers() -> None:
    found = parse_mail(
        mail("[PATCH]\n teapot: =?utf-8?q?caf=C3=A9?=", extra="References: <a@x>\n <b@x>\n")
    )
    assert found.subject == "[PATCH] teapot: café"
    assert found.msgid == "1@author.example"
    assert found.author == found.sender == Address("A U Thor", "author@author.example")
    assert found.date == datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
    assert found.references == ("a@x", "b@x")
    assert found.in_reply_to == "b@x"
    assert found.problems == ()


def test_an_id_is_what_every_database_gives_back_unchanged() -> None:
    found = scan(b"Message-ID: <a\0b\xff@x>\nReferences: <c\0@x>\nFrom: a@b\n\nx\n")
    assert (found.msgid, found.references) == ("a\ufffdb\ufffd@x", ("c\ufffd@x",))


def test_parent_is_the_end_of_the_chain() -> None:
    assert parse_mail(mail("x", parent="p@x")).references == ("p@x",)
    assert parse_mail(mail("x", parent="p@x", extra="References: <a@x>\n")).references == (
        "a@x",
        "p@x",
    )


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=300),
    st.sampled_from(["base64", "quoted-printable", "8bit"]),
)
def test_text_comes_back(text: str, encoding: str) -> None:
    body = text + "\n"
    assert parse_mail(encoded(body.encode(), encoding)).text == body


@given(st.text(st.characters(codec="latin-1", min_codepoint=32), min_size=1, max_size=100))
def test_charset(text: str) -> None:
    found = parse_mail(encoded(text.encode("latin-1"), "base64", "iso-8859-1"))
    assert found.text == text
    assert kinds(found) == []


@pytest.mark.parametrize("charset", ["utf-8", "us-ascii", "x-nonsense", "zlib", "punycode"])
def test_wrong_charset_is_told(charset: str) -> None:
    found = parse_mail(encoded(b"caf\xe9\n", "8bit", charset))
    assert found.text == "café\n"
    assert kinds(found) == ["charset"]


def test_transport_crlf_is_undone_and_a_crlf_file_is_not() -> None:
    wire = BODY.replace("\n", "\r\n").encode() + FOOTER
    assert split_body(parse_mail(encoded(wire, "base64")).text).diff == DIFF
    assert split_body(parse_mail(mail("[PATCH] x").replace(b"\n", b"\r\n")).text).diff == DIFF
    dos = DIFF.replace("pot);\n", "pot);\r\n").replace("0;\n", "0;\r\n")
    assert split_body(parse_mail(encoded(dos.encode(), "base64")).text).diff == dos


def test_footer_behind_base64() -> None:
    found = parse_mail(encoded(BODY.encode(), "base64") + FOOTER)
    assert split_body(found.text).diff == DIFF
    assert found.text.endswith(FOOTER.decode())
    cut = parse_mail(encoded(BODY.encode(), "base64")[:-3])
    assert kinds(cut) == ["damaged-mail"]
    assert cut.text.startswith(BODY[:100])


def multipart(*parts: tuple[str, str]) -> bytes:
    body = "".join(f"--cut\n{head}\n\n{text}\n" for head, text in parts) + "--cut--\n"
    return mail("[PATCH] x", body=body, extra='Content-Type: multipart/mixed;\n boundary="cut"\n')


def test_multipart_text_and_footer() -> None:
    raw = multipart(
        ("Content-Type: text/plain", BODY), ("Content-Type: text/plain", FOOTER.decode())
    )
    assert split_body(parse_mail(raw).text).diff == DIFF


@pytest.mark.parametrize(
    "head",
    [
        "Content-Type: text/x-patch; name=a.patch\nContent-Disposition: attachment; filename=a.patch",
        'Content-Type: application/octet-stream\nContent-Disposition: attachment;\n filename="a.diff"',
    ],
)
def test_attached_patch(head: str) -> None:
    found = parse_mail(multipart(("Content-Type: text/plain", "See attached."), (head, DIFF)))
    assert split_body(found.text).diff == DIFF


def test_html_only_is_told() -> None:
    assert "html-only" in kinds(parse_mail(multipart(("Content-Type: text/html", "<p>Hi</p>"))))


def test_format_flowed() -> None:
    flowed = "Content-Type: text/plain; charset=utf-8; format=flowed\n"
    assert split_body(parse_mail(mail("[PATCH] x", extra=flowed)).text).diff == DIFF
    stuffed = BODY.replace("\n ", "\n  ")
    wrapped = stuffed.replace("static int teapot_pour", "static int \nteapot_pour")
    assert split_body(parse_mail(mail("[PATCH] x", extra=flowed, body=wrapped)).text).diff == DIFF


def test_no_message_id_is_told_and_stable() -> None:
    one, two = (parse_mail(mail("[PATCH] x", msgid="")) for _ in range(2))
    assert kinds(one) == ["no-message-id"]
    assert one.msgid == two.msgid
    assert one.msgid != parse_mail(mail("[PATCH] y", msgid="")).msgid


def test_format_patch_file_is_known_by_its_commit() -> None:
    raw = b"From " + b"12" * 20 + b" Mon Sep 17 00:00:00 2001\n" + mail("[PATCH] x", msgid="")
    assert parse_mail(raw).msgid == "12" * 20 + "@git.invalid"
    assert parse_mail(raw).problems == ()


@pytest.mark.parametrize(
    ("sender", "extra", "body"),
    [
        (
            "Ann via Relay <devnull+ann.author.example@relay.example>",
            f"X-Original-From: {AUTHOR}\n",
            "",
        ),
        ("Ann via Relay <devnull+ann.author.example@relay.example>", f"Reply-To: {AUTHOR}\n", ""),
        ("Ann via some-list <s@lists.example>", "", f"From: {AUTHOR}\n\n"),
        ("s@lists.example", f"List-Post: <mailto:s@lists.example>\nReply-To: {AUTHOR}\n", ""),
    ],
)
def test_author_behind_a_relay(sender: str, extra: str, body: str) -> None:
    found = parse_mail(mail("[PATCH] x", sender=sender, extra=extra, body=body + BODY))
    assert found.author == Address("A U Thor", "author@author.example")
    assert found.sender != found.author


def test_who_posts_for_another_stays_the_author() -> None:
    found = parse_mail(mail("[PATCH] x", body="From: Bo <bo@author.example>\n\n" + BODY))
    assert found.author.email == "author@author.example"


def test_addresses() -> None:
    to = (
        '"Last, First" <f@x.example>, bare@x.example, =?utf-8?q?Zweiter_Empf=C3=A4nger?= <j@x.example>,\n'
        ' c@x.example (Com Ment), "Quo\\"te" <q@x.example>, undisclosed-recipients:;'
    )
    found = parse_mail(mail("x", extra=f"Cc: {to}\n")).cc
    assert found == (
        Address("Last, First", "f@x.example"), Address("", "bare@x.example"), Address("Zweiter Empfänger", "j@x.example"),
        Address("Com Ment", "c@x.example"), Address('Quo"te', "q@x.example"),
    )  # fmt: skip


def test_what_is_quoted_is_no_group_and_no_address() -> None:
    found = parse_mail(
        mail("x", extra='Cc: "x: a"@x.example, "My: b@x.example" <c@x.example>\n')
    ).cc
    assert "a@x.example" not in [address.email for address in found]
    assert found[-1] == Address("My: b@x.example", "c@x.example")


def test_scan_agrees_with_parse() -> None:
    raw = mail("Re: [PATCH] x", msgid="2@x", parent="1@x", extra="References: <0@x> <1@x>\n")
    found, whole = scan(raw), parse_mail(raw)
    assert (found.msgid, found.in_reply_to) == (whole.msgid, whole.in_reply_to)
    assert found.references == whole.references
    assert found.counter_patch
    assert isinstance(read_mail(raw), Scan)
    assert isinstance(read_mail(mail("[PATCH] x")), Mail)


@given(st.binary(max_size=400), st.booleans())
def test_never_raises(junk: bytes, framed: bool) -> None:
    raw = b"Subject: [PATCH 1/2] x\nContent-Type: " + junk + b"\n\n" + junk if framed else junk
    found = parse_mail(raw)
    assert found.msgid
    assemble([found, read_mail(raw)])


HOSTILE = {
    "blank": b"Subject: [PATCH] x\n\n" + b"\n" * 1_000_000,
    "spaces": b"Subject: [PATCH] x\n\n" + b" " * 1_000_000,
    "brackets": b"Subject: " + b"[" * 1_000_000,
    "replies": b"Subject: " + b"Re: " * 250_000,
    "tags": b"Subject: " + b"[a]" * 300_000,
    "acks": b"Subject: Re: [PATCH] x\n\nAcked-by: " + b"a@" * 500_000,
    "hashes": b"Subject: [PATCH] x\n\nAcked-by: a" + b" #" * 500_000,
    "stat": b"Subject: [PATCH] x\n\n1 file" + b"1" * 1_000_000,
    "colons": b"Subject: [PATCH] x\n\n" + b"a: b\n" * 200_000,
    "headers": b"Subject: [PATCH] x\n" + b"a: b\n" * 200_000,
    "folds": b"Subject: [PATCH] x\nCc: " + b"a\n " * 300_000,
    "binary": b"Subject: [PATCH] x\n\nBinary files " + b" and " * 200_000,
    "git": b"Subject: [PATCH] x\n\ndiff --git " + b"://a" * 250_000,
    "git lines": b"Subject: [PATCH] x\n\n" + b"diff --git a/x b/x\n" * 50_000,
    "dashes": b"Subject: [PATCH] x\n\n" + b"--- a\n+++ b\n" * 90_000,
    "scissors": b"Subject: [PATCH] x\n\n" + b"-- >8 --\n" * 100_000 + b"-" * 100_000,
    "hunks": b"Subject: [PATCH] x\n\n" + DIFF.encode() + b"@@ -1,9 +1,9 @@\n" * 60_000,
    "bad hunks": b"Subject: [PATCH] x\n\n" + DIFF.encode() + b"@@ -\n" * 200_000,
    "signatures": b"Subject: [PATCH] x\n\n" + b"-- \n" * 250_000,
    "footers": b"Subject: [PATCH] x\n\n" + b"_" * 1_000_000,
    "words": b"Subject: [PATCH] " + b"=?" * 500_000,
    "encoded": b"Subject: " + b"=?utf-8?q?a?= " * 70_000,
    "comments": b"From: " + b"(" * 1_000_000,
    "quotes": b"Subject: [PATCH] x\nCc: " + b'"\\' * 30_000,
    "angles": b"Subject: [PATCH] x\nReferences: " + b"<" * 60_000,
    "addresses": b"Subject: [PATCH] x\nCc: " + b"a@b.example," * 80_000,
    "parts": b"Subject: [PATCH] x\nContent-Type: multipart/mixed; boundary=a\n\n" + b"--a\n\n" * 200_000,
    "nested": b"".join(
        b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (n, n) for n in range(20_000)
    ),
    "parameters": b"Subject: [PATCH] x\nContent-Type: text/plain" + b"; a=b" * 12_000,
    "base64": b"Subject: [PATCH] x\nContent-Transfer-Encoding: base64\n\n" + b"QUJ\n=\n*" * 140_000,
    "qp": b"Subject: [PATCH] x\nContent-Transfer-Encoding: quoted-printable\n\n" + b"=\n=4" * 200_000,
    "flowed": b"Subject: [PATCH] x\nContent-Type: text/plain; format=flowed\n\ndiff --git \n" + b"a \n" * 300_000,
}  # fmt: skip


@pytest.mark.parametrize("shape", HOSTILE)
def test_hostile_shapes_take_linear_time(shape: str) -> None:
    start = time.process_time()
    found = parse_mail(HOSTILE[shape])
    assemble([found, read_mail(HOSTILE[shape])])
    # A megabyte takes 0.1 s; anything quadratic would take minutes.
    assert time.process_time() - start < 3


def test_too_large_is_told() -> None:
    assert "too-large" in kinds(parse_mail(mail("[PATCH] x", body="x\n" * 3_000_000)))
