# SPDX-License-Identifier: GPL-2.0-or-later
"""A glance sees in every mail what a whole reading would make of it, as far as it decides anything."""

from __future__ import annotations

import base64
import quopri
from pathlib import Path

import pytest

from bot.config import Settings
from bot.incoming import Kind
from bot.setup import Setup
from bot.sources import open_mails
from bot.sources.mail import read_mail
from bot.sources.series import assemble
from bot.watch.glance import LINKS, Glancer
from checks.scope import in_scope as is_in_scope
from tests.sources.mails import BODY, mail
from tests.watch.shop import IN_SCOPE, in_scope

INNER = (
    "--b\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\n"
    f"{base64.encodebytes(IN_SCOPE.encode()).decode()}\n--b--\n"
)
SETUP = Setup.of(Settings())
glance = Glancer(SETUP.scope)

ENCODED = "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: "
PARTED = 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n'


def test_a_patch_in_scope() -> None:
    seen = glance(in_scope("[PATCH v2 1/3] teapot: warm", "a@b", "c@d"))
    assert seen.kind is Kind.PATCH
    assert seen.scope
    assert seen.links == ("c@d",)
    assert seen.author == "author@author.example"
    assert seen.bucket == "2 3  False"


@pytest.mark.parametrize(
    ("extra", "body"),
    [
        ("", IN_SCOPE),
        (f"{ENCODED}base64\n", base64.encodebytes(IN_SCOPE.encode()).decode()),
        (f"{ENCODED}quoted-printable\n", quopri.encodestring(IN_SCOPE.encode()).decode()),
        (PARTED, f"--b\nContent-Type: text/x-patch\n\n{IN_SCOPE}\n--b--\n"),
        (PARTED, INNER),
    ],
    ids=["plain", "base64", "quoted-printable", "attached", "encoded part"],
)  # fmt: skip
def test_words_are_seen_through_every_encoding(extra: str, body: str) -> None:
    assert glance(mail("[PATCH] teapot: warm", body=body, extra=extra)).scope


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (mail("[PATCH] teapot: step", body=BODY), Kind.PATCH),
        (mail("Re: [PATCH] teapot: step", body=IN_SCOPE), Kind.REPLY),
        (mail("teapots and dma_buf_move_notify", body=IN_SCOPE), Kind.REPLY),
        (mail("Re: [PATCH] teapot: step", body="#revokebot recheck\n"), Kind.ORDER),
        (b"", Kind.REPLY),
        (b"\0\xff" * 999, Kind.REPLY),
    ],
)  # fmt: skip
def test_what_is_not_in_scope(raw: bytes, kind: Kind) -> None:
    seen = glance(raw)
    assert seen.kind is kind
    assert not seen.scope


def test_a_mail_that_refers_to_a_thousand_others_keeps_the_nearest_and_the_first() -> None:
    chain = [f"{number}@x.example" for number in range(1000)]
    references = "References: " + "\n ".join(f"<{msgid}>" for msgid in chain) + "\n"
    links = glance(mail("Re: teapot", parent=chain[-1], extra=references)).links
    assert len(links) == LINKS
    assert links[0] == chain[-1]
    assert links[-1] == chain[0]


@pytest.mark.corpus
def test_no_series_in_scope_is_missed(corpus: Path) -> None:
    mails = list(open_mails(str(corpus / "revoke-threads.mbox.xz")))
    seen = {one.msgid for one in map(glance, mails) if one.scope}
    postings = [
        one for one in assemble(map(read_mail, mails)) if is_in_scope(one.series, SETUP.scope)
    ]
    assert len(postings) > 50
    assert [one.series.msgid for one in postings if seen.isdisjoint(one.mails)] == []
