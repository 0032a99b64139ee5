# SPDX-License-Identifier: GPL-2.0-or-later
"""Whom a reply goes to: never someone new, each once, with a reason for each left out."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.lists import is_list
from bot.model import Address, Mail
from bot.recipients import recipients
from bot.settings import PolicySettings
from checks.api import Patch
from tests.render.reviews import SETTINGS, mail_of

POLICY = PolicySettings()
PATCH = Patch(1, "1@example.org", "[PATCH] x", "", "")


def mail_to(*cc: str, **changes: object) -> Mail:
    return mail_of(PATCH, cc=tuple(Address("", email) for email in cc), **changes)


def left_out(mail: Mail, policy: PolicySettings = POLICY) -> dict[str, str]:
    return dict(recipients(mail, SETTINGS, policy).left_out)


@pytest.mark.parametrize(
    ("email", "reason"),
    [
        ("RevokeBot@Bots.example.org", "our own address"),
        ("lkp@intel.com", "a bot"),
        ("syzbot+0123456789abcdef@syzkaller.appspotmail.com", "a bot"),
        ("patchwork-bot+netdevbpf@kernel.org", "a bot"),
        ("My-Bot@example.org", "a bot"),
        ("stable@vger.kernel.org", "takes no discussion"),
        ("Stable@kernel.org", "takes no discussion"),
        ("devnull+author.example.org@kernel.org", "nobody reads it"),
        ("noreply@example.org", "nobody reads it"),
        ("12+author@users.noreply.example.org", "nobody reads it"),
        ("MAILER-DAEMON@example.org", "an address for bounces"),
        ("dri-devel-bounces@lists.freedesktop.org", "an address for bounces"),
        ("dri-devel-bounces+author=example.org@lists.freedesktop.org", "an address for bounces"),
        ("linux-media+bounces-12-author=example.org@vger.kernel.org", "an address for bounces"),
        ("linaro-mm-sig-leave@lists.linaro.org", "a list's address for commands"),
        ("gone@example.org", "excluded by policy.exclude"),
        ("left@example.org", "asked to be left alone (policy.leave)"),
        ("", "not a valid address"),
        ("no address", "not a valid address"),
        ("a@b\nBcc: c@d", "not a valid address"),
        ("ä@example.org", "not a valid address"),
        ("dot@example.org.", "not a valid address"),
        ("two..dots@example.org", "not a valid address"),
        (".dot@example.org", "not a valid address"),
        ("=?utf-8?q?other=40example.net=2C?=@example.org", "not a valid address"),
        (f"{'a' * 201}@example.org", "not a valid address"),
    ],
)
def test_left_out_with_reason(email: str, reason: str) -> None:
    policy = POLICY._replace(
        bots=("my-bot@example.org",), exclude=("GONE@example.org",), leave=("left@example.org",)
    )
    mail = mail_to(email, "kept@example.org")
    found = recipients(mail, SETTINGS, policy)
    assert dict(found.left_out) == {email: reason}
    assert found.emails == ("author@example.org", "dma-buf@lists.example.org", "kept@example.org")


@pytest.mark.parametrize(
    "email",
    [
        "xlkp@intel.com",
        "lkp@intel.com.example.org",
        "unstable@kernel.org",
        "stable@example.org",
        "stable@kernel.org.example.org",
        "my-bot@example.org.example.net",
        "x+my-bot@example.org",
        "goner@example.org",
        "devnuller@example.org",
        "trebounce@example.org",
        "noreplyton@example.org",
        "bots.example.org@example.org",
    ],
)
def test_addresses_are_compared_whole(email: str) -> None:
    policy = POLICY._replace(bots=("my-bot@example.org",), exclude=("gone@example.org",))
    assert left_out(mail_to(email), policy) == {}


def test_to_is_the_next_where_the_author_can_not_be_written_to() -> None:
    nobody = Address("", "noreply@example.org")
    found = recipients(mail_to("kept@example.org", author=nobody, sender=nobody), SETTINGS, POLICY)
    assert [a.email for a in found.to] == ["dma-buf@lists.example.org"]
    assert [a.email for a in found.cc] == ["kept@example.org"]
    assert recipients(mail_to(author=nobody, sender=nobody, to=()), SETTINGS, POLICY).to == ()


def test_above_the_ceiling_only_lists_are_kept() -> None:
    people = [f"p{n}@example.org" for n in range(31)]
    lists = ["dri-devel@lists.freedesktop.org", "linux-media@vger.kernel.org"]
    mail = mail_to(*people, *lists, to=())
    found = recipients(mail, SETTINGS, POLICY)
    assert [a.email for a in found.to] == ["author@example.org"]
    assert [a.email for a in found.cc] == lists
    assert set(dict(found.left_out)) == set(people)
    assert "more than 30" in found.left_out[0][1]
    assert len(recipients(mail_to(*people[:30], to=()), SETTINGS, POLICY).cc) == 30
    assert recipients(mail, SETTINGS, POLICY._replace(max_cc=1)).cc == found.cc[:1]
    assert recipients(mail, SETTINGS, POLICY._replace(max_cc=0)).cc == ()


EMAILS = st.one_of(
    st.from_regex(r"[a-cA-C]{1,2}(\+x|-bounces)?@(vger\.kernel\.org|example\.org)", fullmatch=True),
    st.text(max_size=12),
    st.sampled_from(["stable@vger.kernel.org", SETTINGS.address, "lkp@intel.com"]),
)
ADDRESSES = st.lists(st.builds(Address, st.text(max_size=5), EMAILS), max_size=12).map(tuple)


@given(ADDRESSES, ADDRESSES, ADDRESSES, EMAILS, st.integers(0, 8))
def test_never_someone_new_each_once_and_nobody_lost(
    to: tuple[Address, ...],
    cc: tuple[Address, ...],
    reply_to: tuple[Address, ...],
    author: str,
    most: int,
) -> None:
    mail = mail_to(to=to, reply_to=reply_to, author=Address("", author))._replace(cc=cc)
    found = recipients(mail, SETTINGS, POLICY._replace(max_cc=most))
    named = {a.email.strip().lower() for a in (mail.author, mail.sender, *reply_to, *to, *cc)}
    kept = [email.lower() for email in found.emails]
    dropped = [email.lower() for email, _ in found.left_out]
    assert len(kept) == len(set(kept))
    assert {*kept, *dropped} == named
    assert not set(kept) & set(dropped)
    assert all(reason for _, reason in found.left_out)
    assert len(found.cc) <= most
    assert all(email.isascii() and email.isprintable() and "@" in email for email in kept)
    assert not set(kept) & {"stable@vger.kernel.org", SETTINGS.address, "lkp@intel.com"}
    if any("only lists" in reason for _, reason in found.left_out):
        assert all(is_list(a.email) for a in found.cc)


def test_time_grows_linearly_up_to_ten_thousand() -> None:
    def seconds(count: int) -> float:
        half = [f"p{n}@example.org" for n in range(count // 2)]
        mail = mail_to(*half, *(f"{email}\n" + "x" * 50 for email in half))
        policy = POLICY._replace(max_cc=20_000, exclude=tuple(half[::3]), bots=tuple(half[::5]))
        best = 9.0
        for _ in range(3):
            start = time.perf_counter()
            recipients(mail, SETTINGS, policy)
            best = min(best, time.perf_counter() - start)
        return best

    small, large = seconds(1000), seconds(10_000)
    assert large < 40 * small
    assert large < 2
