# SPDX-License-Identifier: GPL-2.0-or-later
"""Subjects as senders, lists and mail programs write them."""

from __future__ import annotations

import pytest

from bot.sources.subject import parse_subject


@pytest.mark.parametrize(
    ("text", "revision", "number", "total"),
    [
        ("[PATCH rdma-next v3 02/10] x", 3, 2, 10),
        ("[PATCH 0/4] x", 1, 0, 4),
        ("[PATCH] x", 1, None, None),
        ("[PATCH RESEND] x", 1, None, None),
        ("[RESEND PATCH v2 1/2] x", 2, 1, 2),
        ("[v3, PATCH] x", 3, None, None),
        ("[PATCH v3,1/2] x", 3, 1, 2),
        ("[PATCHv2 1/3] x", 2, 1, 3),
        ("[RFC PATCH] x", 1, None, None),
        ("[RFC][PATCH v2 12/31] x", 2, 12, 31),
        ("[RFCv4 1/5] x", 4, 1, 5),
        ("[RFC v2 00/13] x", 2, 0, 13),
        ("[some-list] [PATCH V2 5/6] x", 2, 5, 6),
        ("[PATCH 0/1] [RFC] x", 1, 0, 1),
        ("[PATCH v5a 01/12] x", 5, 1, 12),
    ],
)
def test_patch(text: str, revision: int, number: int | None, total: int | None) -> None:
    found = parse_subject(text)
    assert found.patch
    assert not found.reply
    assert (found.revision, found.number, found.total) == (revision, number, total)
    assert found.title == "x"


@pytest.mark.parametrize(
    "text",
    [
        "Re: [PATCH 1/2] x", "RE: [PATCH 1/2] x", "re:[PATCH 1/2] x", "Fwd: [PATCH 1/2] x",
        "Antw: [PATCH 1/2] x", "AW: [PATCH 1/2] x", "Sv: [PATCH 1/2] x", "Re[2]: [PATCH 1/2] x",
        "[some-list] Re: [PATCH 1/2] x", "Re: [some-list] [PATCH 1/2] x", "[a] [b] RE: Re: [PATCH 1/2] x",
        "回复\uff1a[PATCH 1/2] x", "[EXTERNAL] 答复: [PATCH 1/2] x",
    ],
)  # fmt: skip
def test_reply(text: str) -> None:
    found = parse_subject(text)
    assert found.reply
    assert found.patch
    assert (found.number, found.total) == (1, 2)


def test_resend_and_branch() -> None:
    assert parse_subject("[PATCH RESEND v2] x").resend
    assert parse_subject("[RESEND PATCH v3] x").resend
    assert parse_subject("[PATCH AUTOSEL 5.10 1/2] x").branch == "5.10"
    assert parse_subject("[RFC PATCH] x").rfc


@pytest.mark.parametrize(
    "text", ["[GIT PULL] x", "[PULL] x", "[git pull] x", "GIT PULL: x", "[PULL REQUEST] x"]
)
def test_pull(text: str) -> None:
    found = parse_subject(text)
    assert found.pull
    assert not found.patch


@pytest.mark.parametrize(
    "text",
    ["x", "", "[some-list] x", 'Patch "x" has been added', "regarding: x", "[", "[PATCH", "[]"],
)
def test_no_patch(text: str) -> None:
    assert not parse_subject(text).patch
    assert not parse_subject(text).reply
