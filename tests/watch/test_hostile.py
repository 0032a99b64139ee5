# SPDX-License-Identifier: GPL-2.0-or-later
"""Mails that somebody has made to break the watcher are kept and reviewed, or parked, like others."""

from __future__ import annotations

import random

import pytest

from bot.outbox.arriving import MOST_JOINED
from bot.outbox.working import MOST_MAILS
from tests.sources.mails import mail
from tests.watch.shop import SETTLE, Shop, in_scope

CHANCE = random.Random(1)
LONG = "".join(CHANCE.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=20_000))
"""What no database can compress."""
WIDE = "".join(chr(CHANCE.randrange(0x4E00, 0x9FFF)) for _ in range(990))
SUBJECT = "[PATCH 1/2] teapot: tell"


def dated(date: str) -> bytes:
    raw = in_scope(SUBJECT, "hostile@author.example")
    return raw.replace(b"Tue, 03 Mar 2026 10:00:00 +0100", date.encode())


HOSTILE = {
    "year 1": dated("Mon, 01 Jan 0001 00:00:00 +1400"),
    "year 9999": dated("Fri, 31 Dec 9999 23:59:59 -1400"),
    "long msgid": in_scope(SUBJECT, LONG[:900]),
    "wide msgid": in_scope(SUBJECT, WIDE),
    "bare msgid": in_scope(SUBJECT, "x@author.example").replace(
        b"<x@author.example>", f"{LONG}@author.example".encode()
    ),
    "bare parent": in_scope(SUBJECT, "hostile@author.example", extra=f"References: {LONG}@x\n"),
    "long subject": in_scope("[PATCH] " + LONG[:1990], "hostile@author.example"),
    "wide subject": in_scope("[PATCH] " + WIDE[:900], "hostile@author.example"),
    "long author": mail(
        SUBJECT, "hostile@author.example", body=in_scope("", "").decode().partition("\n\n")[2],
        sender=f"A U Thor <{LONG}@author.example>",
    ),
    "NUL": in_scope("[PATCH 1/2] tea\0pot", "hos\0tile@author.example"),
    "no UTF-8": in_scope(SUBJECT, "x@author.example").replace(b"<x@", b"<x\xff\xed\xa0\x80@"),
    "surrogates": in_scope(SUBJECT, "=?utf-16?B?2ADYAA==?=@author.example"),
    "9999 parts": in_scope("[PATCH v999 9998/9999] teapot: tell", "hostile@author.example"),
    "change-ids": in_scope(SUBJECT, "hostile@author.example").replace(
        b"---\n\n", b"---\n" + b"".join(b"change-id: id-%d\n" % n for n in range(70_000)) + b"\n", 1
    ),
    "long change-ids": in_scope("[PATCH] teapot: tell", "hostile@author.example").replace(
        b"---\n\n", b"---\nchange-id: " + LONG[:200].encode() + b"\n\n", 1
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_mail_harms_nothing(store_url: str, name: str) -> None:
    shop = Shop(store_url)
    shop.feed(HOSTILE[name], in_scope("[PATCH] kettle: tell", "good@author.example"))
    shop.feed(HOSTILE[name], name="again")
    done = shop.settle()
    assert {one.outcome for one in done} <= {"done", "asked"}, done
    assert shop.fates()["good@author.example"] == "reviewed"
    assert shop.rows("SELECT count(*) FROM mail WHERE raw IS NOT NULL") == [(2,)]
    assert shop.rows("SELECT DISTINCT state FROM thread") == [("done",)]


def talk(root: str, number: int) -> bytes:
    msgid = f"{number}.{root}"
    return mail("Re: [PATCH] teapot: tell", msgid, root, "Fine.\n", minute=number % 60)


def test_no_mail_ties_together_what_would_be_too_much(store_url: str) -> None:
    shop = Shop(store_url)
    roots = [f"root{number}@author.example" for number in range(12)]
    for root in roots:
        subject = f"[PATCH] {root[:6]}: tell"
        shop.feed(in_scope(subject, root), *(talk(root, number) for number in range(99)))
    ties = "".join(f" <{root}>\n" for root in roots)
    for number in range(3):
        extra = f"References:{ties}"
        shop.feed(mail("Re: all", f"tie{number}@author.example", body="Mine.\n", extra=extra))
    sizes = [size for (size,) in shop.rows("SELECT count(*) FROM mail GROUP BY thread")]
    assert sum(sizes) == 12 * 100 + 3
    assert len(sizes) == 3
    assert max(sizes) <= MOST_JOINED + 3
    shop.feed(in_scope("[PATCH v2] root11: tell", "v2@author.example", roots[11]))
    shop.settle()
    assert shop.fates() == dict.fromkeys([*roots, "v2@author.example"], "reviewed")


def test_a_thread_does_not_grow_for_ever_by_what_is_only_alike(store_url: str) -> None:
    shop = Shop(store_url)
    for at in range(0, 3 * MOST_JOINED, 250):
        alike = (
            in_scope("[PATCH 1/2] kettle: tell", f"{n}@x.example") for n in range(at, at + 250)
        )
        shop.feed(*alike)
    sizes = [size for (size,) in shop.rows("SELECT count(*) FROM mail GROUP BY thread")]
    assert sum(sizes) == 3 * MOST_JOINED
    assert max(sizes) <= MOST_JOINED + 250


def test_a_flood_of_replies_hides_no_patch(store_url: str) -> None:
    shop = Shop(store_url)
    root = "root@author.example"
    shop.feed(in_scope("[PATCH] teapot: tell", root))
    for at in range(0, MOST_MAILS, 500):
        shop.feed(*(talk(root, number) for number in range(at, at + 500)))
    shop.later(SETTLE)
    shop.feed(in_scope("[PATCH v2] teapot: tell", "v2@author.example", root))
    shop.settle()
    assert shop.fates() == dict.fromkeys([root, "v2@author.example"], "reviewed")
