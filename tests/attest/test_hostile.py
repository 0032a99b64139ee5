# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever bytes come, there is a verdict of the known kinds, and no pass for what was changed."""

from __future__ import annotations

import re
import sys
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.attest.dkim_child import look
from bot.attest.keys import Keys
from bot.sources.mail import MAIL_CAP
from tests.attest.names import silent
from tests.attest.signed import BODY, Key, patch, sign, verdict

DOMAIN = r"[a-z0-9_.-]{1,253}"
REASON = r"[A-Za-z0-9:. ='-]{2,60}"
KINDS = re.compile(
    rf"none|none for {DOMAIN}|none for {DOMAIN}; {DOMAIN} passes|pass \({DOMAIN}\)"
    rf"|pass \({DOMAIN}, not the author's {DOMAIN}\)|fail \({DOMAIN}: {REASON}\)"
    rf"|unknown \({DOMAIN}: {REASON}\)|unknown \({REASON}\)"
)
FOLDED = re.compile(rb"\r?\n[ \t]+")
BLANKS = re.compile(rb"[ \t]+")
FIELD = b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=good; h=from; bh=AAAA; b=AAAA\n"


@pytest.fixture(scope="session")
def genuine(key: Key) -> bytes:
    """A mail that passes."""
    return sign(patch(), key)


def test_a_mail_as_large_as_one_that_is_read(key: Key, names: str) -> None:
    filler = b"+" + b"x" * 78 + b"\n"
    body = BODY + filler * ((MAIL_CAP - 5000) // len(filler))
    assert verdict(sign(patch(body), key), names) == "pass (example.org)"
    larger = sign(patch(body + body + body), key)
    assert len(larger) > 10 << 20
    assert verdict(larger, names) == "unknown (the mail is over 4 MiB)"


def test_a_hundred_signatures_of_the_author(key: Key, names: str) -> None:
    raw = sign(patch(), key)
    assert verdict(FIELD * 99 + raw, names) == (
        "unknown (95 more signatures of example.org than are looked at)"
    )
    assert verdict(FIELD * 3 + raw, names) == "pass (example.org)"


def test_a_hundred_signatures_of_others_do_not_hide_the_authors(key: Key, names: str) -> None:
    others = FIELD.replace(b"example.org", b"example.net") * 100
    assert verdict(others + patch(), names) == "none for example.org"
    assert verdict(others + sign(patch(), key), names) == "pass (example.org)"


def test_a_hundred_questions_have_one_time_limit(key: Key) -> None:
    fields = b"".join(
        sign(patch(), key, selector=f"s{number}").partition(b"From:")[0] for number in range(100)
    )
    begun = time.monotonic()
    with silent() as server:
        assert verdict(fields + patch(), server.address, 1.0).startswith("unknown (95 more")
        assert server.asked
    # Five seconds each, as dkimpy waits, would be eight minutes.
    assert time.monotonic() - begun < 60


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda raw: raw + b" " * 200_000 + b"x\n", id="a line of blanks"),
        pytest.param(lambda raw: (FIELD[:-1] + b"\n " * 7000 + b"\n") * 5 + raw, id="folds"),
        pytest.param(lambda raw: raw + b"\n" * (MAIL_CAP - len(raw) - 1), id="empty lines"),
        pytest.param(lambda raw: raw + b"a\n" * (MAIL_CAP // 2 - len(raw)), id="short lines"),
        pytest.param(lambda raw: b" folded\n" + raw, id="begins in the middle of a field"),
        pytest.param(lambda raw: b"no field\n" + raw, id="a line that is no field"),
        pytest.param(lambda raw: FIELD[:-1] + b"; x=" + b"9" * 9000 + b"\n" + raw, id="a number"),
    ],
)
def test_what_takes_long_or_is_damaged(damage: Any, key: Key, names: str) -> None:
    said = verdict(damage(sign(patch(), key)), names)
    assert KINDS.fullmatch(said), said


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("/nonexistent/python", "the process for it does not start: No such file or directory"),
        ("/bin/false", "the process for it failed: it said nothing"),
    ],
)
def test_a_child_that_does_not_work(
    program: str, reason: str, genuine: bytes, names: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", program)
    assert verdict(genuine, names) == f"unknown ({reason})"


def pieces() -> st.SearchStrategy[bytes]:
    """Bytes that mean something in a header or in a signature, and any others."""
    words = (
        b"\n", b"\r\n", b"\r", b" ", b"\t", b"; ", b"=", b":", b"\0", b"\xff", b"From: x@example.net\n",
        FIELD, b"l=0; ", b"x=1; ", b"d=example.net; ", b"h=from:from; ", b"\n\n", b"i=@example.org; ",
    )  # fmt: skip
    return st.one_of(st.sampled_from(words), st.binary(max_size=8))


def meaning(raw: bytes) -> tuple[bytes, bytes]:
    """What relaxed signatures leave alone: From: and text, without blanks that say nothing."""
    head, _, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    lines = FOLDED.sub(b" ", head).split(b"\n")
    author = [line for line in lines if line[:5].lower() == b"from:"]
    text = [BLANKS.sub(b" ", line).rstrip(b" ") for line in body.rstrip(b"\n ").split(b"\n")]
    return BLANKS.sub(b"", b"\n".join(author)), b"\n".join(text).rstrip(b"\n")


def facts(raw: bytes, names: str) -> dict[str, Any]:
    address, _, port = names.partition(":")
    return look(raw, "example.org", Keys([(address, int(port))], time.monotonic() + 20))


@given(data=st.data())
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_that_was_changed_passes(data: st.DataObject, genuine: bytes, names: str) -> None:
    raw = genuine
    start = data.draw(st.integers(0, len(raw)))
    end = data.draw(st.integers(start, min(len(raw), start + 40)))
    changed = raw[:start] + data.draw(pieces()) + raw[end:]
    told = facts(changed, names)
    if any(result == "pass" for _domain, result, _reason in told.get("found", ())):
        assert meaning(changed) == meaning(raw)


@given(fields=st.lists(st.lists(pieces(), max_size=12), max_size=4), body=st.binary(max_size=200))
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_raise(fields: list[list[bytes]], body: bytes, names: str) -> None:
    head = b"".join(b"DKIM-Signature: " + b"".join(field) + b"\n" for field in fields)
    told = facts(b"From: a@example.org\n" + head + b"\n" + body, names)
    assert set(told) in ({"unread"}, {"aligned", "more", "found"})
    assert all(result != "pass" for _domain, result, _reason in told.get("found", ()))
