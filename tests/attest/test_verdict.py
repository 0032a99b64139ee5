# SPDX-License-Identifier: GPL-2.0-or-later
"""What is said of a signed mail: by a real signature, a real name server and the real child."""

from __future__ import annotations

import pytest

from bot.attest import attest, passed, unanswered
from bot.errors import UsageError
from bot.settings import DkimSettings
from bot.sources.mail import parse_mail
from tests.attest.names import silent
from tests.attest.signed import BODY, FOOTER, Key, patch, sign, verdict


@pytest.mark.parametrize("canon", ["relaxed/relaxed", "simple/simple", "relaxed", "simple/relaxed"])
def test_the_authors_domain_signed_it(canon: str, key: Key, names: str) -> None:
    assert verdict(sign(patch(), key, c=canon), names) == "pass (example.org)"


def test_the_newer_kind_of_key(ed25519_key: Key, names: str) -> None:
    raw = sign(patch(), ed25519_key, selector="ed", a="ed25519-sha256")
    assert verdict(raw, names) == "pass (example.org)"
    assert verdict(raw.replace(b"once", b"twice"), names) == "fail (example.org: header hash)"


def test_neither_the_wire_nor_an_mbox_makes_a_difference(key: Key, names: str) -> None:
    raw = sign(patch(), key)
    assert verdict(raw.replace(b"\n", b"\r\n"), names) == "pass (example.org)"
    line = b"From mboxrd@z Thu Jan  1 00:00:00 1970\n"
    assert verdict(line + raw, names) == "pass (example.org)"
    assert verdict(b">" + line + raw, names) == "pass (example.org)"


def test_a_domain_signs_for_what_is_below_it_and_not_the_other_way(key: Key, names: str) -> None:
    below = patch(sender="a@Kernel.Example.ORG")
    assert verdict(sign(below, key), names) == "pass (example.org)"
    assert verdict(sign(below, key, "EXAMPLE.org"), names) == "pass (example.org)"
    above = sign(patch(), key, "kernel.example.org")
    assert verdict(above, names) == "none for example.org"
    alike = sign(patch(sender="a@notexample.org"), key)
    assert verdict(alike, names) == "none for notexample.org; example.org passes"


def test_a_list_that_signs_is_not_the_author(key: Key, names: str) -> None:
    assert verdict(patch(), names) == "none"
    listed = sign(patch(), key, "example.net")
    assert verdict(listed, names) == "none for example.org; example.net passes"
    # What it made of the author's signature is said, as that one is there.
    broken = sign(sign(patch(), key).replace(BODY, BODY + FOOTER), key, "example.net")
    assert verdict(broken, names) == "fail (example.org: body hash)"


def test_somebody_who_sends_for_the_author_is_named(key: Key, names: str) -> None:
    raw = patch(sender='"A U Thor via relay" <relay@example.net>')
    relayed = sign(b"X-Original-From: A U Thor <author@example.org>\n" + raw, key, "example.net")
    assert parse_mail(relayed).author.email == "author@example.org"
    assert verdict(relayed, names) == "pass (example.net, not the author's example.org)"


def test_one_good_signature_is_enough(key: Key, names: str) -> None:
    raw = sign(sign(patch(), key), key, selector="gone")
    assert verdict(raw, names) == "pass (example.org)"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (BODY, BODY + FOOTER, "body hash"),
        (b"READ_ONCE", b"WRITE_ONCE", "body hash"),
        (b"Subject: [PATCH]", b"Subject: [frob] [PATCH]", "header hash"),
        (b"From: A U Thor", b"From: A U Other", "header hash"),
        (b"s=good;", b"s=gone;", "no key"),
        (b"bh=", b"bh=*", "malformed"),
        (b"s=good;", b"", "malformed"),
        (b"v=1", b"v=7", "malformed"),
    ],
)
def test_what_was_changed_on_the_way(
    old: bytes, new: bytes, reason: str, key: Key, names: str
) -> None:
    raw = sign(patch(), key)
    assert old in raw
    assert verdict(raw.replace(old, new), names) == f"fail (example.org: {reason})"


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"x": "1500000000"}, "expired"),
        ({"t": "1400000000", "x": "1500000000"}, "expired"),
        ({"t": "99999999999"}, "malformed"),
        ({"i": "author@example.net"}, "malformed"),
        ({"c": "strict"}, "malformed"),
        ({"a": "rsa-sha1"}, "SHA-1"),
        ({"signed": "to:subject:date"}, "From: is not signed"),
        ({"l": str(len(BODY) - 50)}, "the end is not signed"),
        ({"l": "0"}, "the end is not signed"),
        ({"selector": "revoked"}, "the key is revoked"),
        ({"selector": "tests"}, "the key is for tests"),
        ({"selector": "odd"}, "bad key"),
        ({"selector": "huge"}, "bad key"),
        ({"selector": "words"}, "bad key"),
    ],
)
def test_signatures_that_say_nothing(
    tags: dict[str, str], reason: str, key: Key, names: str
) -> None:
    if tags.get("c") == "strict":
        raw = sign(patch(), key).replace(b"relaxed/relaxed", b"strict")
    else:
        raw = sign(patch(), key, **tags)
    assert verdict(raw, names) == f"fail (example.org: {reason})"


def test_a_key_that_is_too_short_is_none(short_key: Key, names: str) -> None:
    raw = sign(patch(), short_key, selector="short")
    assert verdict(raw, names) == "fail (example.org: bad key)"


def test_a_length_that_covers_all_is_a_pass_until_something_is_added(key: Key, names: str) -> None:
    raw = sign(patch(), key, l=str(len(BODY.replace(b"\n", b"\r\n")) - 1))
    assert verdict(raw, names) == "pass (example.org)"
    assert verdict(raw + FOOTER, names) == "fail (example.org: the end is not signed)"


def test_what_servers_wrote_into_the_mail_is_not_believed(names: str) -> None:
    claim = b"Authentication-Results: mx.example.org; dkim=pass header.d=example.org\n"
    assert verdict(claim + patch(), names) == "none"


def test_two_authors_are_none(key: Key, names: str) -> None:
    raw = b"From: Else <else@example.org>\n" + sign(patch(), key)
    assert verdict(raw, names) == "unknown (the mail has 2 From: fields)"


def test_nobody_is_asked_about_what_the_text_alone_tells(key: Key) -> None:
    with silent() as server:
        broken = sign(patch(), key) + FOOTER
        assert verdict(broken, server.address) == "fail (example.org: body hash)"
        assert verdict(patch(), server.address) == "none"
        assert not server.asked


def test_a_name_server_that_is_silent_or_refuses_is_not_a_no(key: Key, names: str) -> None:
    raw = sign(patch(), key)
    with silent() as server:
        assert verdict(raw, server.address, 0.5) == "unknown (example.org: DNS timed out)"
        assert server.asked
    elsewhere = sign(patch(sender="a@example.com"), key, "example.com")
    assert verdict(elsewhere, names) == "unknown (example.com: DNS gave no answer)"


@pytest.mark.parametrize(
    "server", ["", "localhost", "192.0.2.1:x", "192.0.2.1:70000", "a b", "::g"]
)
def test_a_name_server_is_an_address(server: str) -> None:
    with pytest.raises(UsageError, match=r"dkim\.resolvers"):
        attest(DkimSettings((server,)))


@pytest.mark.parametrize(
    "server", ["192.0.2.1", "2001:db8::1", "[2001:db8::1]:5353", "192.0.2.1:5353"]
)
def test_an_address_may_have_a_port(server: str) -> None:
    attest(DkimSettings((server,)))


def test_what_has_to_be_covered_beside_the_sender(key: Key, names: str) -> None:
    look = attest(DkimSettings((names,)), ("date", "subject"))

    def said(signed: str) -> str:
        raw = sign(patch(), key, signed=signed)
        return look(raw, parse_mail(raw))

    assert said("from:subject:date") == "pass (example.org)"
    assert said("from:subject") == "fail (example.org: Date: is not signed)"
    assert said("subject:date") == "fail (example.org: From: is not signed)"
    assert passed(said("date:from:subject"))
    assert not passed(said("from:date"))


def test_asking_again_helps_where_nobody_answered(key: Key, names: str) -> None:
    with silent() as server:
        assert unanswered(verdict(sign(patch(), key), server.address, 0.5))
    assert not unanswered(verdict(sign(patch(), key) + FOOTER, names))
    two = b"From: Else <else@example.org>\n" + sign(patch(), key)
    assert verdict(two, names).startswith("unknown (")
    assert not unanswered(verdict(two, names)), "nor does it help here"
