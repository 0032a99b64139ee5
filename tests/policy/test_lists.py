# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses and List-Ids of lists, and what is reported because it may be one."""

from __future__ import annotations

import time

import pytest

from bot.lists import is_list, list_id_of, lists_of, unknown_lists
from bot.model import Address
from checks.api import Patch
from tests.render.reviews import mail_of

PATCH = Patch(1, "1@example.org", "[PATCH] x", "", "")


@pytest.mark.parametrize(
    ("email", "list_id"),
    [
        ("linux-media@vger.kernel.org", "linux-media.vger.kernel.org"),
        ("DRI-devel@lists.freedesktop.org", "dri-devel.lists.freedesktop.org"),
        ("linaro-mm-sig@lists.linaro.org", "linaro-mm-sig.lists.linaro.org"),
        ("linux-arm-kernel@lists.infradead.org", "linux-arm-kernel.lists.infradead.org"),
        ("linuxppc-dev@lists.ozlabs.org", "linuxppc-dev.lists.ozlabs.org"),
        ("iommu@lists.linux.dev", "iommu.lists.linux.dev"),
        ("linux-mm@kvack.org", "linux-mm.kvack.org"),
        ("alsa-devel@alsa-project.org", "alsa-devel.alsa-project.org"),
        ("intel-wired-lan@osuosl.org", "intel-wired-lan.osuosl.org"),
    ],
)
def test_known_lists(email: str, list_id: str) -> None:
    assert list_id_of(email) == list_id
    assert is_list(email)


def test_a_list_id_that_differs_from_the_address() -> None:
    assert list_id_of("intel-wired-lan@lists.osuosl.org") == "intel-wired-lan.osuosl.org"


@pytest.mark.parametrize(
    "email",
    [
        "author@example.org",
        "maintainer@kernel.org",
        "person@kvack.org",
        "enlist@example.org",
        "vger.kernel.org@example.org",
        "x@vger.kernel.org.evil.example",
        "",
    ],
)
def test_people_are_no_lists(email: str) -> None:
    assert list_id_of(email) == ""


@pytest.mark.parametrize(
    "email",
    [
        "something@lists.example.org",
        "linux-imx@example.com",
        "xen-devel@example.org",
        "team@groups.io",
        "linux-media+subscribe@vger.kernel.org",
        "a.b@vger.kernel.org",
        "kvmarm@lists.cs.example.edu",
        "intel-other@lists.osuosl.org",
    ],
)
def test_what_looks_like_a_list_is_reported(email: str) -> None:
    mail = mail_of(
        PATCH, to=(Address("", "linux-media@vger.kernel.org"),), cc=(Address("", email),)
    )
    assert lists_of(mail) == ("linux-media.vger.kernel.org",)
    assert unknown_lists(mail) == (email,)
    assert is_list(email)


def test_header_to_and_cc_count_each_once() -> None:
    mail = mail_of(
        PATCH,
        list_id="Linaro-mm-sig.lists.linaro.org",
        to=(Address("", "linaro-mm-sig@lists.linaro.org"), Address("", "p@example.org")),
        cc=(Address("", "linux-media@vger.kernel.org"), Address("", "Linux-Media@VGER.kernel.org")),
    )
    assert lists_of(mail) == ("linaro-mm-sig.lists.linaro.org", "linux-media.vger.kernel.org")
    assert unknown_lists(mail) == ()


def test_stable_is_a_mark_and_no_list_that_a_reply_reaches() -> None:
    mail = mail_of(PATCH, to=(), cc=(Address("", "stable@vger.kernel.org"),))
    assert (lists_of(mail), unknown_lists(mail)) == ((), ())


@pytest.mark.parametrize(
    "broken", ["dri-devel@lists.fr eedesktop.org", "dri-devel @lists.freedesktop.org"]
)
def test_an_address_that_a_list_manager_folded_counts_as_the_list(broken: str) -> None:
    mail = mail_of(PATCH, to=(Address("", broken),), cc=())
    assert lists_of(mail) == ("dri-devel.lists.freedesktop.org",)
    assert unknown_lists(mail) == ()


@pytest.mark.parametrize("host", ["list." * 13_000 + "!", "a-list.-" * 8_000, "." * 64_000])
def test_a_hostile_address_costs_no_time(host: str) -> None:
    local = "-dev" * 16_000
    mail = mail_of(PATCH, cc=(Address("", f"x@{host}"), Address("", f"{local}!@{host}")))
    start = time.perf_counter()
    lists_of(mail)
    unknown_lists(mail)
    assert time.perf_counter() - start < 0.5
