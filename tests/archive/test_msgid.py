# SPDX-License-Identifier: GPL-2.0-or-later
"""Message-ids and archive URLs, as people paste them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import UsageError
from bot.sources.msgid import Target, is_target, parse_target

LORE = "https://lore.kernel.org/all"

TARGETS = [
    ("a-1@example.org", Target("a-1@example.org")),
    ("  <a-1@example.org>\n", Target("a-1@example.org")),
    ("id:a-1@example.org", Target("a-1@example.org")),
    ("mid:<a-1@example.org>", Target("a-1@example.org")),
    ("MsgID: a-1@example.org", Target("a-1@example.org")),
    ("Message-ID: <a-1@example.org>", Target("a-1@example.org")),
    ("a%2B1%40example.org", Target("a+1@example.org")),
    ("a+1@example.org", Target("a+1@example.org")),
    ("<a%2B1@example.org>", Target("a%2B1@example.org")),
    (f"{LORE}/a-1@example.org/", Target("a-1@example.org", LORE)),
    (f"{LORE}/a-1@example.org", Target("a-1@example.org", LORE)),
    (f"{LORE}/a-1@example.org/raw", Target("a-1@example.org", LORE)),
    (f"{LORE}/a-1@example.org/t.mbox.gz", Target("a-1@example.org", LORE)),
    (f"{LORE}/a-1@example.org/T/#u", Target("a-1@example.org", LORE)),
    (f"{LORE}/a-1@example.org/T/#t", Target("a-1@example.org", LORE)),
    (f"{LORE}/a-1@example.org/t/#m0123abc", Target("a-1@example.org", LORE)),
    (f"{LORE}/a-1@example.org/?q=x", Target("a-1@example.org", LORE)),
    (f"{LORE}/a%2B1%40example.org/", Target("a+1@example.org", LORE)),
    (f"{LORE}/a+1@example.org/", Target("a+1@example.org", LORE)),
    (f"{LORE}/a%2Fb@example.org/raw", Target("a/b@example.org", LORE)),
    (f"{LORE}/<a-1@example.org>/", Target("a-1@example.org", LORE)),
    (f"{LORE}/without-at/T/", Target("without-at", LORE)),
    ("http://127.0.0.1:8080/toy/a@b/", Target("a@b", "http://127.0.0.1:8080/toy")),
    ("HTTPS://inbox.example.org/a@b/", Target("a@b", "https://inbox.example.org")),
    (
        "https://example.org/deep/down/toy/a@b/raw",
        Target("a@b", "https://example.org/deep/down/toy"),
    ),
    ("https://lore.kernel.org/r/a-1@example.org", Target("a-1@example.org")),
    ("https://lore.kernel.org/r/without-at", Target("without-at")),
    ("https://lkml.kernel.org/r/a-1@example.org", Target("a-1@example.org")),
    ("https://patch.msgid.link/a-1@example.org", Target("a-1@example.org")),
]


@pytest.mark.parametrize(("spec", "target"), TARGETS)
def test_target(spec: str, target: Target) -> None:
    assert is_target(spec)
    assert parse_target(spec) == target


@pytest.mark.parametrize(
    "spec",
    [
        "HEAD~3..", "v6.18..topic", "main@{1}..HEAD", "@~3..@", "@{upstream}..", "user@work..main",
        "series.mbox", "./a@b.mbox", "/srv/a@b", "mail/a@b", "-", "", "no at", "two@at@example.org",
    ],
)  # fmt: skip
def test_files_and_ranges_are_no_targets(spec: str) -> None:
    assert not is_target(spec)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("https://me:secret@example.org/all/a@b/", "user name or password.*remove"),
        ("https://me@example.org/all/a@b/", "user name or password.*remove"),
        ("ftp://example.org/all/a@b/", "only http and https"),
        ("file:///etc/passwd", "only http and https"),
        ("gopher://example.org/a@b", "only http and https"),
        (f"{LORE}/", "no message-id in this URL; give"),
        ("https://example.org", "no message-id in this URL; give"),
        ("https:///all/a@b/", "URL without a host; give"),
        ("https://[::1/all/a@b/", "give a message-id"),
        ("https://example.org:port/all/a@b/", "give a message-id"),
        ("<>", "no message-id in it; give"),
        ("id:", "no message-id in it; give"),
        ("a b@example.org", "no blanks"),
        ("a%0ab@example.org", "no blanks, brackets or controls"),
        (f"{LORE}/a%00b@example.org/", "controls"),
        ("a" * 999 + "@example.org", "longer than a message-id"),
    ],
)
def test_refused(spec: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        parse_target(spec)
    message = str(caught.value)
    assert message.isprintable()
    assert "secret" not in message
    assert len(message) < 300


@given(st.text(max_size=60) | st.text("<>%40/@:.?#a ", max_size=40).map(lambda t: f"https://h/{t}"))
def test_any_text_is_a_target_or_refused(text: str) -> None:
    try:
        target = parse_target(text)
    except UsageError:
        return
    assert target.msgid.isprintable()
    assert target.base_url is None or target.base_url.startswith(("http://", "https://"))
